"""Report of the suite ``auto``."""

from benchmarks.rendering.markdown import header, number, table
from benchmarks.suites.auto import NOISES, ratios

_GOAL = 1.3
_SOLVERS = ("dense", "whole", "stored", "recomputed")


def render(document):
    """The whole page."""
    jobs = document["jobs"]
    every = [ratio for job in jobs for ratio in ratios(job).values()]
    good = sum(ratio <= _GOAL for ratio in every)
    share = 100 * good / max(1, len(every))
    rows = [row for job in jobs for row in _rows(job)]
    seconds = [f"{name} s" for name in _SOLVERS]
    head = ["n", "d", "noise", *seconds, "chosen, by memory", "worst"]
    text = (
        f"{good} of {len(every)} cells ({share:.0f}%) within {_GOAL} times the fastest eligible "
        f"solver; the worst takes {max(every, default=0):.2f} times as long. Seconds of value and "
        "gradient, compiled.\n"
    )
    if document["settings"].get("untimed"):
        text += "\nOther work ran on the machine: seconds are not to be quoted.\n"
    return "\n".join(
        ["# Suite auto\n", header(document, document["versions"]), text, table(head, rows)]
    )


def _rows(job):
    within = ratios(job)
    for noise in map(str, NOISES):
        cells = [str(job["n"]), str(job["d"]), noise]
        for name in _SOLVERS:
            solver = job["solvers"].get(name)
            cells.append(number(min(solver["noises"][noise]["seconds"]), 3) if solver else "-")
        chosen = ", ".join(f"{memory}: {c['name']}" for memory, c in job["choices"].items())
        worst = max((v for (at, _), v in within.items() if at == noise), default=float("nan"))
        yield [*cells, chosen, number(worst, 2)]
