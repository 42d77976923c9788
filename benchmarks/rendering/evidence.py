"""Report of the suite ``evidence``: seconds, errors, memory, coverage."""

import math
import statistics

from benchmarks.rendering.figures import grid, marker, seconds_axis
from benchmarks.rendering.markdown import header, number, table

STOCK = "gpytorch-stock"


def render(document):
    """The whole page."""
    rows = [job for job in document["jobs"] if job["status"] == "ok" and job["rows"] is None]
    rows = [job for job in rows if "seconds" in job]
    parts = ["# Suite evidence\n", header(document, versions(document["jobs"]))]
    parts.append(table(["engine", "what"], sorted(document["settings"]["what"].items())))
    parts.append(
        "Start: GPyTorch's initial values; converged: fitted to the same rows (see "
        "`benchmarks/settings`); middle: half way; noise: the converged rest with another noise "
        "variance. First: from the start of the process to the first value and gradient, "
        "imports, data and compilation included. Then: median of further evaluations with other "
        "keys. Errors are against the dense float64 value of the same setting; gradients are "
        "with respect to the logarithms of variance, noise and lengthscales; errors of gradients "
        "are root mean squares over the keys, of the whole vector, over the length of the dense "
        "gradient. Times: GPyTorch stock over the row, "
        "by first and by further evaluations.\n"
    )
    parts += ["## gpkit over GPyTorch stock\n", _summary(rows)]
    for problem in unique(rows, "problem"):
        parts += [f"## {problem}\n", _seconds([j for j in rows if j["problem"] == problem])]
    parts += ["## Gradient entries\n", _entry_text(), _entries(rows)]
    parts += ["## Coverage of the 95 % interval\n", _coverage(document["jobs"])]
    parts += ["## Failed and left out\n", failures(document["jobs"])]
    return "\n".join(parts) + "\n"


def versions(jobs):
    """Versions over all processes."""
    found = {}
    for job in jobs:
        found |= job.get("versions", {})
    return found


def unique(jobs, name):
    """Values of a field in their order."""
    return list(dict.fromkeys(job[name] for job in jobs))


def ordered(jobs, document):
    """Engines of these rows in the order of the suite, so that a colour stays an engine's."""
    order = list(document["settings"]["what"])
    return sorted(unique(jobs, "engine"), key=lambda e: order.index(e) if e in order else 99)


def failures(jobs):
    """A list of rows without a result."""
    lines = [
        f"- {job['problem']}, {job.get('setting', '')} {job['engine']}: {job['status']}"
        for job in jobs
        if job["status"] != "ok"
    ]
    return "\n".join(lines) or "Nothing."


def value_error(job):
    """Root mean square error of the value over the keys, nats."""
    return _rms([value - job["dense"]["value"] for value in job["value"]])


def entry_errors(job):
    """Root mean square error of each gradient entry over the keys."""
    pairs = zip(*job["gradient"], strict=True)
    return [
        _rms([g - exact for g in found])
        for found, exact in zip(pairs, job["dense"]["gradient"], strict=True)
    ]


def gradient_error(job):
    """Root mean square over the keys of the length of the error, over the dense length."""
    return _norm(entry_errors(job)) / _norm(job["dense"]["gradient"])


def _rms(values):
    return math.sqrt(sum(v * v for v in values) / len(values))


def _norm(values):
    return math.sqrt(sum(v * v for v in values))


def _summary(rows):
    """The least favourable setting of each problem in every respect."""
    lines = []
    for problem in unique(rows, "problem"):
        found = {(j["setting"], j["engine"]): j for j in rows if j["problem"] == problem}
        pairs = [
            (ours, found[setting, STOCK])
            for (setting, engine), ours in found.items()
            if engine == "gpkit" and (setting, STOCK) in found
        ]
        if not pairs:
            continue
        first = [b["first_seconds"] / a["first_seconds"] for a, b in pairs]
        then = [statistics.median(b["seconds"]) / statistics.median(a["seconds"]) for a, b in pairs]
        errors = [gradient_error(a) / gradient_error(b) for a, b in pairs]
        memory = [a["peak_bytes"] / b["peak_bytes"] for a, b in pairs if b["peak_bytes"]]
        lines.append([
            problem, len(pairs), number(min(first), 1), number(min(then), 1),
            number(max(errors), 2), number(max(memory, default=None), 2),
        ])  # fmt: skip
    head = ["problem", "settings", "least times faster, first", "least times faster, then"]
    return table([*head, "largest ratio of gradient errors", "largest part of its memory"], lines)


def _seconds(jobs):
    stock = {job["setting"]: job for job in jobs if job["engine"] == STOCK}
    lines = []
    for job in jobs:
        other = stock.get(job["setting"])
        then = statistics.median(job["seconds"])
        line = [f"{job['setting']}, {job['engine']}", number(job["first_seconds"], 2)]
        line.append(number(then, 2))
        line.append(number(other and other["first_seconds"] / job["first_seconds"], 1))
        line.append(number(other and statistics.median(other["seconds"]) / then, 1))
        line += [number(job["dense"]["value"], 2), f"{value_error(job):.2g}"]
        claimed = statistics.median(job["stderr"]) if "stderr" in job else None
        line.append("-" if claimed is None else f"{claimed:.2g}")
        line.append(f"{gradient_error(job):.2g}")
        line.append(number(job["peak_bytes"] and job["peak_bytes"] / 2**30, 2))
        lines.append(line)
    head = ["setting, engine", "first s", "then s", "times, first", "times, then", "dense value"]
    return table([*head, "value error", "claimed sd", "gradient error", "peak GB"], lines)


def _entry_text():
    return (
        "Root mean square errors of single entries over the keys, in nats per unit of the "
        "logarithm: variance, noise, the median and the worst lengthscale; and on how many "
        "entries gpkit's error is not larger than that of GPyTorch stock.\n"
    )


def _entries(rows):
    stock = {(j["problem"], j["setting"]): entry_errors(j) for j in rows if j["engine"] == STOCK}
    lines = []
    for job in rows:
        errors = entry_errors(job)
        other = stock.get((job["problem"], job["setting"]))
        cells = [errors[0], errors[1], statistics.median(errors[2:]), max(errors[2:])]
        line = [f"{job['problem']}, {job['setting']}, {job['engine']}"]
        line += [f"{cell:.2g}" for cell in cells]
        if job["engine"] == "gpkit" and other:
            fewer = sum(a <= b for a, b in zip(errors, other, strict=True))
            line.append(f"{fewer} of {len(errors)}")
        else:
            line.append("-")
        lines.append(line)
    head = ["problem, setting, engine", "variance", "noise", "lengthscale, median", "worst"]
    return table([*head, "not worse than stock"], lines)


def _coverage(jobs):
    found = [job for job in jobs if job["status"] == "ok" and "values" in job]
    if not found:
        return "Not measured.\n"
    lines = []
    for setting in unique(found, "setting"):
        here = [job for job in found if job["setting"] == setting]
        held = {job["problem"]: _held(job) for job in here}
        keys = sum(len(job["values"]) for job in here)
        share = 100 * sum(held.values()) / keys
        each = ", ".join(f"{problem} {count}" for problem, count in held.items())
        lines.append([f"{setting}", here[0]["rows"], keys, number(share, 1), each])
    return table(["setting", "rows of each", "keys", "per cent held", "held by problem"], lines)


def _held(job):
    true = job["dense"]["value"]
    return sum(low <= true <= high for _, _, low, high, _ in job["values"])


def draw(document):
    """Errors of value and gradient over seconds of an evaluation; a Figure."""
    rows = [job for job in document["jobs"] if job["status"] == "ok" and "seconds" in job]
    problems = unique(rows, "problem")
    kinds = [("error of the value (nats)", value_error), ("error of the gradient", gradient_error)]
    figure, axes = grid(len(kinds), max(1, len(problems)))
    engines = ordered(rows, document)
    for column, problem in enumerate(problems):
        for (label, error), line in zip(kinds, axes, strict=True):
            axis = line[column]
            for job in (j for j in rows if j["problem"] == problem):
                style = marker(engines.index(job["engine"]))
                then = statistics.median(job["seconds"])
                axis.plot([then], [max(error(job), 1e-9)], linestyle="", **style)
                axis.annotate(
                    job["setting"].replace("noise ", ""), (then, max(error(job), 1e-9)),
                    fontsize=6, xytext=(4, 2), textcoords="offset points",
                )  # fmt: skip
            axis.set_yscale("log")
            seconds_axis(axis, "seconds of an evaluation")
            axis.set_ylabel(label, fontsize=8)
            axis.set_title(problem, fontsize=9)
    for number_, engine in enumerate(engines):
        axes[0][0].plot([], [], linestyle="", label=engine, **marker(number_))
    figure.legend(loc="outside upper center", ncols=len(engines) or 1, fontsize=8)
    return figure
