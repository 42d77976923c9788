"""Report of the suite ``small``: who is best, by how much, and how long it took."""

import math

from benchmarks.rendering.markdown import header, number, table

SCORES = ["nlpd", "rmse", "crps", "coverage90"]


def render(document):
    """The whole page."""
    settings, jobs = document["settings"], document["jobs"]
    versions = {}
    for job in jobs:
        versions |= job.get("versions", {})
    parts = ["# Suite small\n", header(document, versions)]
    parts.append(
        f"Splits {settings['splits']}: {settings['which_splits']}. {settings['scores']}. Seconds: "
        f"{settings['seconds']}. Noise: {settings['noise_of_the_best']}.\n"
    )
    parts.append(table(["method", "what"], sorted(settings["what"].items())))
    parts += ["## Summary\n", summary(jobs, settings["methods"])]
    for dataset in settings["datasets"]:
        here = [job for job in jobs if job["dataset"] == dataset]
        if here:
            parts += [f"## {dataset}\n", one_set(here)]
    parts += ["## All rows\n", all_rows(jobs)]
    return "\n".join(parts)


def complete(job):
    """Whether every split of the job has a row."""
    return job["status"] == "ok"


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def paired(job, best):
    """Mean and standard error of the difference in NLPD to the best method, split by split.

    One split has no standard error: NaN, which is within nothing.
    """
    theirs = {row["split"]: row["nlpd"] for row in best["rows"]}
    differences = [row["nlpd"] - theirs[row["split"]] for row in job["rows"]]
    centre = mean(differences)
    if len(differences) < 2:
        return centre, math.nan
    spread = sum((d - centre) ** 2 for d in differences) / (len(differences) - 1)
    return centre, math.sqrt(spread / len(differences))


def best_of(jobs):
    """The job with the lowest mean NLPD among the complete ones, or None."""
    found = [job for job in jobs if complete(job)]
    return min(found, key=lambda job: mean(r["nlpd"] for r in job["rows"]), default=None)


def within(job, best, errors):
    """Best, or within so many standard errors of the best."""
    if not complete(job):
        return False
    difference, error = paired(job, best)
    return job is best or difference <= errors * error


def seconds(job):
    return sum(row["fit_seconds"] + row["predict_seconds"] for row in job["rows"])


def processor_seconds(job):
    return sum(row.get("processor_seconds", math.nan) for row in job["rows"])


def summary(jobs, methods):
    """Per method: sets won, sets within noise, mean rank, seconds in all."""
    by_set = {}
    for job in jobs:
        by_set.setdefault(job["dataset"], []).append(job)
    yardstick = [job for job in jobs if job["method"] == "sklearn-gpr"]
    reference = sum(seconds(job) for job in yardstick)
    processor = sum(processor_seconds(job) for job in yardstick)
    rows = []
    for method in methods:
        mine = [job for job in jobs if job["method"] == method]
        count = [0, 0, 0]
        for job in mine:
            best = best_of(by_set[job["dataset"]])
            for i, errors in enumerate((0, 1, 2)):
                count[i] += best is not None and within(job, best, errors)
        total = sum(seconds(job) for job in mine)
        starts = sum(job.get("start_seconds", 0) for job in mine)
        failed = sum(not complete(job) for job in mine)
        row = [method, f"{count[0]} of {len(mine)}", count[1], count[2], _mean_rank(mine, by_set)]
        ratio = number(total / reference, 2) if reference else "-"
        busy = sum(processor_seconds(job) for job in mine)
        shares = [number(busy, 1), number(busy / processor, 2) if processor else "-"]
        rows.append([*row, number(total, 1), ratio, *shares, number(starts, 1), failed])
    head = ["method", "best NLPD", "within 1 se", "within 2 se", "mean rank", "seconds"]
    more = ["of sklearn-gpr's", "processor seconds", "of sklearn-gpr's"]
    return table([*head, *more, "process starts", "failed"], rows)


def _mean_rank(mine, by_set):
    ranks = []
    for job in filter(complete, mine):
        others = [mean(r["nlpd"] for r in j["rows"]) for j in by_set[job["dataset"]] if complete(j)]
        ranks.append(1 + sum(value < mean(r["nlpd"] for r in job["rows"]) for value in others))
    return number(mean(ranks), 2) if ranks else "-"


def one_set(jobs):
    """Means over the splits, and the paired difference to the best."""
    best = best_of(jobs)
    rows = []
    for job in jobs:
        if not job["rows"]:
            rows.append([job["method"], job["status"].splitlines()[0][:80], *["-"] * 6])
            continue
        scores = [number(mean(row[name] for row in job["rows"])) for name in SCORES]
        verdict = _verdict(job, best)
        rows.append([job["method"], verdict, *scores, number(seconds(job), 2)])
        rows[-1].append(number(job["start_seconds"], 2))
    head = ["method", "NLPD to the best", "NLPD", "RMSE", "CRPS", "coverage 90 %", "seconds"]
    first = next((job["rows"][0] for job in jobs if job["rows"]), None)
    size = f"n = {first['n'] + first['n_test']}, d = {first['d']}\n\n" if first else ""
    return size + table([*head, "start"], rows)


def _verdict(job, best):
    if not complete(job):
        return f"{len(job['rows'])} splits, then {job['status'].splitlines()[0][:60]}"
    if job is best:
        return "best"
    difference, error = paired(job, best)
    mark = " (noise)" if within(job, best, 2) else ""
    return f"+{difference:.3f} +- {error:.3f}{mark}"


def all_rows(jobs):
    """Every split."""
    rows = []
    for job in jobs:
        for row in job["rows"]:
            scores = [number(row[name], 4) for name in SCORES]
            times = [number(row["fit_seconds"], 2), number(row["predict_seconds"], 3)]
            rows.append([job["dataset"], job["method"], row["split"], *scores, *times])
    head = ["data set", "method", "split", "NLPD", "RMSE", "CRPS", "coverage 90 %"]
    return table([*head, "fit s", "predict s"], rows)
