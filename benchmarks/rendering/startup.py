"""Report of the suite ``startup``."""

import statistics

from benchmarks.rendering.markdown import header, number, table

PARTS = ["import_seconds", "fit_seconds", "total_seconds"]


def render(document):
    """The whole page."""
    settings = document["settings"]
    rows = []
    for job in document["jobs"]:
        for state, runs in job["runs"].items():
            good = [run for run in runs if "failed" not in run]
            cells = [f"{job['method']}, {state}"]
            for part in PARTS:
                values = [run[part] for run in good]
                cells.append(_span(values) if values else "-")
            rows.append([*cells, f"{len(good)} of {len(runs)}"])
    versions = {}
    for job in document["jobs"]:
        versions |= job["versions"]
    text = (
        f"A fresh process fits n = {settings['n']} rows, d = {settings['d']}: median (lowest to "
        "highest) seconds. Cold: no compilation cache. Warm: JAX's persistent cache, filled by "
        "one run before.\n"
    )
    head = ["start", "interpreter and imports", "compile and fit", "in all", "runs"]
    return "\n".join(["# Suite startup\n", header(document, versions), text, table(head, rows)])


def _span(values):
    return f"{number(statistics.median(values), 2)} ({min(values):.2f} to {max(values):.2f})"
