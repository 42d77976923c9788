"""Report of the suites ``train`` and ``train-large``: what seconds buy on test rows."""

import statistics

from benchmarks.rendering.evidence import failures, ordered, unique, versions
from benchmarks.rendering.figures import grid, marker, seconds_axis
from benchmarks.rendering.markdown import header, number, table

STOCK, STEPS = "gpytorch-stock", "gpytorch-steps"


def render(document):
    """The whole page."""
    jobs = [job for job in document["jobs"] if job["status"] == "ok"]
    parts = [f"# Suite {document['suite']}\n", header(document, versions(jobs))]
    parts.append(table(["engine", "what"], sorted(document["settings"]["what"].items())))
    parts.append(
        "Scores in standardised units. Seconds run from the start of the process, imports and "
        "compilation included, to the end of training. Dense: scores of the dense float64 "
        "posterior at the trained parameters, computed afterwards; own: the engine's own "
        "predictions. A tilde marks seconds that are steps times the median step of a short run "
        "on the quiet machine (extrapolated), a star seconds measured while other programs ran.\n"
    )
    for problem in unique(jobs, "problem"):
        parts += [f"## {problem}\n", _one(problem, jobs, document)]
    parts += ["## Failed and left out\n", failures(document["jobs"])]
    return "\n".join(parts) + "\n"


def _one(problem, jobs, document):
    here = [job for job in jobs if job["problem"] == problem and job["engine"] != STEPS]
    target = stock_nlpd(here)
    stock = next((j for j in here if j["engine"] == STOCK), None)
    whole, _ = seconds(stock, jobs) if stock else (None, "")
    lines = []
    for job in here:
        taken, mark = seconds(job, jobs)
        curve, own = curve_of(job, jobs), job.get("own_scores", {})
        last = curve[-1][1] if curve else {}
        reached = reach(curve, target)
        line = [f"{job['engine']}", f"{mark}{number(taken, 1)}"]
        line += [number(last.get(name), 4) for name in ("nlpd", "rmse")]
        line += [number(own.get(name), 4) for name in ("nlpd", "rmse")]
        line += [number(own.get("seconds"), 1), number(reached, 1)]
        line.append(number(reached and whole and whole / reached, 1))
        line.append(number(job.get("peak_bytes") and job["peak_bytes"] / 2**30, 2))
        lines.append(line)
    lines += _yardsticks(problem, document)
    first = here[0] if here else {"n": 0, "d": 0}
    head = ["engine", "seconds", "dense NLPD", "dense RMSE", "own NLPD", "own RMSE"]
    head += ["prediction s", "s to stock's NLPD", "times sooner", "peak GB"]
    return f"n = {first['n']}, d = {first['d']}\n\n" + table(head, lines)


def _yardsticks(problem, document):
    lines = []
    reference = document["references"].get(problem)
    if reference:
        test, rows = reference["test"], reference["rows"]
        lines.append([f"dense float64 ML-II ({rows} rows)", "-", number(test["nlpd"], 4)])
        lines[-1] += [number(test["rmse"], 4), *["-"] * 6]
    published = document["settings"]["published"].get(problem)
    if published:
        rmse, nlpd, where = published
        lines.append([f"published: {where}", "-", "-", "-", number(nlpd), number(rmse)])
        lines[-1] += ["-"] * 4
    return lines


def stock_nlpd(jobs):
    """What GPyTorch stock has after its last step, by the dense posterior; None if unknown."""
    for job in jobs:
        if job["engine"] == STOCK:
            scored = [p for p in job["points"] if "nlpd" in p.get("score", {})]
            return scored[-1]["score"]["nlpd"] if scored else None
    return None


def step_seconds(problem, jobs):
    """Start and median step of the short quiet run, or None."""
    for job in jobs:
        if (job["problem"], job["engine"]) == (problem, STEPS) and job["timed"]:
            steps = job["points"][-1]["step_seconds"]
            return job["train_seconds"] - sum(steps), statistics.median(steps)
    return None


def seconds(job, jobs):
    """Seconds of the training, and the mark of how they were had."""
    if job["timed"]:
        return job["train_seconds"], ""
    short = step_seconds(job["problem"], jobs) if job["engine"] == STOCK else None
    if short is None:
        return job["train_seconds"], "*"
    return short[0] + short[1] * job["points"][-1]["step"], "~"


def curve_of(job, jobs):
    """Pairs (seconds, scores) of the scored points."""
    short = step_seconds(job["problem"], jobs) if job["engine"] == STOCK else None
    pairs = []
    for point in job["points"]:
        if "nlpd" in point.get("score", {}):
            at = point["seconds"]
            if not job["timed"] and short:
                at = short[0] + short[1] * point["step"]
            pairs.append((at, point["score"]))
    return pairs


def reach(curve, target):
    """Seconds of the first point that is at least as good; None where none is."""
    if target is None:
        return None
    return next((at for at, score in curve if score["nlpd"] <= target), None)


def draw(document):
    """NLPD over seconds, one panel for each problem; a Figure."""
    jobs = [job for job in document["jobs"] if job["status"] == "ok" and job["engine"] != STEPS]
    problems, engines = unique(jobs, "problem"), ordered(jobs, document)
    columns = min(3, max(1, len(problems)))
    figure, axes = grid(-(-max(1, len(problems)) // columns), columns)
    panels = [axis for line in axes for axis in line]
    for axis, problem in zip(panels, problems, strict=False):
        for job in (j for j in jobs if j["problem"] == problem):
            style = marker(engines.index(job["engine"]))
            curve = curve_of(job, document["jobs"])
            own = job.get("own_scores", {})
            if not curve and "nlpd" in own:
                curve = [(seconds(job, document["jobs"])[0], own)]
            axis.plot([at for at, _ in curve], [s["nlpd"] for _, s in curve], **style)
        reference = document["references"].get(problem)
        if reference:
            axis.axhline(reference["test"]["nlpd"], color="black", linewidth=0.8, linestyle=":")
        seconds_axis(axis, "seconds from the start of the process")
        axis.set_ylabel("test NLPD", fontsize=8)
        axis.set_title(problem, fontsize=9)
    for axis in panels[len(problems) :]:
        axis.set_axis_off()
    for number_, engine in enumerate(engines):
        panels[0].plot([], [], label=engine, **marker(number_))
    if any(document["references"].get(problem) for problem in problems):
        panels[0].plot([], [], color="black", linewidth=0.8, linestyle=":", label="dense ML-II")
    figure.legend(loc="outside upper center", ncols=4, fontsize=8)
    return figure
