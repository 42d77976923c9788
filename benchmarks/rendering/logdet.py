"""Report of the suite ``logdet``."""

import math

from benchmarks.rendering.markdown import header, table

HEAD = ["lengthscale", "noise", "method", "rank", "depth", "truth", "bias", "sd", "stderr"]
HEAD += ["bound", "covered", "seconds"]


def render(document):
    """The whole page."""
    settings, rows = document["settings"], document["jobs"]
    text = (
        f"log det of n = {settings['n']} kernel matrices ({settings['kernel']}), "
        f"{settings['num_probes']} probes; preconditioner: {settings['preconditioner']}. "
        "Bias and sd over keys; stderr and bound as reported by the estimates; covered: keys "
        "whose 95% interval holds the truth.\n"
    )
    pooled = table(["noise", "rows", "keys", "coverage, %", "rows truncated"], _pooled(rows))
    return "\n".join(
        [
            "# Suite logdet\n",
            header(document, document["versions"]),
            text,
            "Coverage of 95% intervals, pooled over lengthscales and ranks, rows with negligible "
            "truncation; the last column counts the others, whose coverage is in brackets:\n",
            pooled,
            table(HEAD, [_row(row) for row in rows]),
        ]
    )


def _pooled(rows):
    lines = []
    ours = [row for row in rows if row["method"] == "slq"]
    for noise in sorted({row["noise"] for row in ours}, reverse=True):
        cell = [row for row in ours if row["noise"] == noise]
        good = [row for row in cell if row["truncation_negligible"]]
        rest = [row for row in cell if not row["truncation_negligible"]]
        keys = sum(row["keys"] for row in good)
        others = f"{len(rest)} ({_share(rest)})" if rest else "0"
        lines.append([f"{noise:g}", len(good), keys, _share(good), others])
    return lines


def _share(rows):
    keys = sum(row["keys"] for row in rows)
    if not keys:
        return "-"
    share = sum(row["covered"] for row in rows) / keys
    return f"{100 * share:.1f} +- {100 * math.sqrt(0.95 * 0.05 / keys):.1f}"


def _row(row):
    depth = row.get("chosen_depth", row["depth"]) or "-"
    cells = [f"{row['lengthscale']:g}", f"{row['noise']:g}", row["method"], row["rank"], depth]
    if "failure" in row:
        return [*cells, row["failure"], *["-"] * 6]
    figures = [f"{row['truth']:.1f}", *(f"{row[key]:.2g}" for key in ("bias", "sd"))]
    figures += [f"{row[key]:.2g}" if key in row else "-" for key in ("stderr", "error_bound")]
    figures.append(f"{row['covered']} of {row['keys']}" if "covered" in row else "-")
    figures.append(f"{row['seconds']:.2g}" if "seconds" in row else "-")
    return [*cells, *figures]
