"""Report of the suite ``dense``: seconds, ratios, agreement, and each phase against its floor."""

import statistics

from benchmarks.rendering.markdown import header, number, table


def render(document):
    """The whole page."""
    versions = {}
    for job in document["jobs"]:
        for engine in job["engines"].values():
            versions |= engine["versions"]
    jobs = [job for job in document["jobs"] if "failed" not in job]
    parts = ["# Suite dense\n", header(document, versions)]
    settings = document["settings"]
    parts.append(
        f"Value and gradient of the log evidence at fixed parameters; {settings['kernel']}, "
        f"d = {settings['d']}. GPyTorch: {settings['gpytorch']}. Engines take turns, one "
        "evaluation per round; medians over rounds. Ratios are medians of the ratios of a "
        "round. First: the first evaluation, compilation included.\n"
    )
    parts += ["## Seconds\n", seconds_table(jobs)]
    parts += ["## Agreement\n", agreement_table(jobs)]
    parts.append("## Phases of gpkit against their flop floors\n")
    parts.append(
        "Floor: the fewest flops of the phase at the rate of an n x n matrix product measured in "
        "the same rounds. Each phase is compiled alone: their sum is not exactly the whole.\n"
    )
    parts.append(phase_table(jobs))
    failed = [
        f"- n = {j['n']}, {j['dtype']}: {j['failed']}" for j in document["jobs"] if "failed" in j
    ]
    left = [
        f"- n = {job['n']}, {job['dtype']}, {engine}: {reason}"
        for job in document["jobs"]
        for engine, reason in job["left_out"].items()
    ]
    parts += ["## Failed and left out\n", "\n".join(failed + left) or "Nothing."]
    return "\n".join(parts) + "\n"


def median(job, engine, function="evidence"):
    return statistics.median(job["engines"][engine]["seconds"][function])


def ratio(job, engine):
    """Median over rounds of the engine's seconds divided by gpkit's."""
    pairs = zip(
        job["engines"][engine]["seconds"]["evidence"],
        job["engines"]["gpkit"]["seconds"]["evidence"],
        strict=False,
    )
    return statistics.median(theirs / ours for theirs, ours in pairs)


def seconds_table(jobs):
    rows = []
    for job in jobs:
        cells = [job["n"], job["dtype"]]
        for engine in ("gpkit", "gpytorch", "sklearn"):
            there = engine in job["engines"]
            cells.append(number(median(job, engine), 4) if there else "-")
            if engine != "gpkit":
                cells.append(number(ratio(job, engine), 1) if there else "-")
        cells.append(number(job["engines"]["gpkit"]["first_seconds"], 2))
        rows.append(cells)
    head = ["n", "dtype", "gpkit", "GPyTorch", "times gpkit", "scikit-learn", "times gpkit"]
    return table([*head, "gpkit first"], rows)


def agreement_table(jobs):
    """Largest relative differences to float64 of another engine, else of gpkit."""
    references = {}
    for job in jobs:
        if job["dtype"] == "float64":
            engines = job["engines"]
            references[job["n"]] = next(
                engines[e] for e in ("sklearn", "gpytorch", "gpkit") if e in engines
            )
    rows = []
    for job in jobs:
        reference = references.get(job["n"])
        if reference is None:
            continue
        for name, engine in job["engines"].items():
            largest = max(abs(g) for g in reference["gradient"])
            pairs = zip(engine["gradient"], reference["gradient"], strict=True)
            slope = max(abs(a - b) for a, b in pairs) / largest
            value = abs(engine["value"] / reference["value"] - 1)
            rows.append([job["n"], job["dtype"], name, f"{value:.1e}", f"{slope:.1e}"])
    return table(["n", "dtype", "engine", "value", "gradient (of its largest entry)"], rows)


def phase_table(jobs):
    rows = []
    for job in jobs:
        engine = job["engines"].get("gpkit")
        if engine is None:
            continue
        rate = engine["flops"]["matmul"] / median(job, "gpkit", "matmul")
        whole = median(job, "gpkit")
        phases = [name for name in engine["flops"] if name != "matmul"]
        total_floor = sum(engine["flops"][name] for name in phases) / rate
        for name in phases:
            taken, floor = median(job, "gpkit", name), engine["flops"][name] / rate
            share = f"{100 * taken / whole:.0f} %"
            rows.append([job["n"], job["dtype"], name, *_times(taken, floor), share])
        rows.append([job["n"], job["dtype"], "evaluation", *_times(whole, total_floor), "100 %"])
        rows[-1][2] += f" (product at {rate / 1e9:.0f} Gflop/s)"
    head = ["n", "dtype", "phase", "seconds", "floor", "times the floor", "share"]
    return table(head, rows)


def _times(taken, floor):
    return number(taken, 4), number(floor, 4), number(taken / floor, 1)
