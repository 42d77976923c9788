"""Report of the suite ``gradients``."""

import numpy as np

from benchmarks.rendering.markdown import header, number, table


def render(document):
    """The whole page."""
    settings = document["settings"]
    text = (
        f"n = {settings['n']}, {settings['probes']} probes, {settings['keys']} keys "
        f"({settings['adjoint_keys']} of the adjoint, at depth {settings['adjoint_depth']}; the "
        f"others at {settings['depth']} at most). Every entry of the gradient of half the "
        "log-determinant is divided by its dense value; median and largest over the entries. A "
        "bias is told from zero only beyond two standard deviations over the root of the number of "
        "keys. Parameters without influence (dense entry below a millionth of the largest) are "
        "left out.\n"
    )
    head = [
        "noise", "estimator", "bias, median", "bias, largest", "told from zero", "sd, median",
        "sd, largest", "s", "first call, s",
    ]  # fmt: skip
    rows = [row for job in document["jobs"] for row in _rows(job)]
    return "\n".join(
        ["# Suite gradients\n", header(document, document["versions"]), text, table(head, rows)]
    )


def _rows(job):
    exact = np.abs(job["exact"])
    kept = exact > 1e-6 * exact.max()
    for name, row in job["rows"].items():
        bias, sd = np.array(row["bias"])[kept], np.array(row["sd"])[kept]
        told = np.mean(bias > 2 * sd / np.sqrt(row["keys"]))
        yield [
            f"{job['noise']:g}", name, number(np.median(bias), 2), number(bias.max(), 2),
            f"{100 * told:.0f}%", number(np.median(sd), 2), number(sd.max(), 2),
            number(row["seconds"], 2), number(row["first_seconds"], 2),
        ]  # fmt: skip
