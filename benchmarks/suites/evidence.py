"""Suite ``evidence``: value and gradient of the log evidence at fixed parameters, at scale.

gpkit's iterative solver beside GPyTorch as it comes and matched, float32 kernels, each row in a
process of its own. Seconds from the start of the process to the first value (imports, data,
compilation included) and of further evaluations, each with another key; errors against the
dense float64 value. Coverage of the 95 % interval is measured on subsets, where a thousand keys
are affordable.
"""

import statistics
import tempfile
from pathlib import Path

from benchmarks.fixed import NOISES, DenseValues, settings_of
from benchmarks.suites.large import Engine, add, measure, missing, opened

PROBLEMS = ["elevators", "bike-15", "kin40k-15000"]
# What the matched engine is told: gpkit's defaults at n = 15,000, the tolerance of its probes.
MATCHED = {"rank": 490, "num_probes": 15, "depth": 96, "rtol": 1e-2}
REPEATS = 3
COVERAGE_ROWS = 1500
KEYS = 336
ENGINES = {
    "gpkit": Engine(
        "large_gpkit", "gpkit.log_evidence with gpkit.solvers.Iterative(), defaults",
        rival=False, solver={},
    ),
    "gpytorch-stock": Engine(
        "large_gpytorch", "GPyTorch's ExactMarginalLogLikelihood, float32, nothing set",
        rival=True, profile="stock",
    ),
    "gpytorch-matched": Engine(
        "large_gpytorch", "the same with gpkit's tolerance, rank, probes and quadrature steps",
        rival=True, profile="matched", **MATCHED,
    ),
}  # fmt: skip


def run(options):
    """Every problem, setting and engine; then coverage."""
    problems = ["synthetic"] if options.quick else options.problems or PROBLEMS
    engines = {k: v for k, v in ENGINES.items() if k in (options.engines or ENGINES)}
    settings = {
        "repeats": 1 if options.quick else REPEATS, "matched": MATCHED, "problems": problems,
        "coverage": {"rows": COVERAGE_ROWS, "keys_per_problem": KEYS, "noises": NOISES},
    }  # fmt: skip
    document = opened("evidence", ENGINES, settings, options)
    with tempfile.TemporaryDirectory() as folder:
        dense = DenseValues(Path(folder) / "dense.json" if options.quick else None)
        wanted = [] if options.coverage_only else _wanted(problems, engines, options.settings)
        for key in missing(document, wanted):
            reference = dense_value(dense, key["problem"], key["setting"], None, options)
            if options.dense_only:
                continue
            row = measure(key, ENGINES[key["engine"]], options, _body(reference, options))
            add(document, row, options)
            print(_line(row), flush=True)
        if "gpkit" in engines and not (options.dense_only or options.settings):
            _coverage(document, dense, problems, options)
    return document


def dense_value(dense, problem, setting, rows, options):
    """The dense float64 value and gradient, from the file or computed now."""
    theta = settings_of(problem)[setting]
    found = dense.get(problem, rows, theta)
    if found is not None:
        return found
    engine = Engine("large_dense", "", rival=False, dtype="float64")
    reply = {}

    def body(worker, row):
        reply.update(_begin(worker, problem, rows, theta, engine.settings, options))
        row["reply"] = reply

    row = measure({"problem": problem, "engine": "dense"}, engine, options, body)
    if row["status"] != "ok":
        raise SystemExit(f"no dense value of {problem}, {setting}: {row['status']}")
    facts = {name: row[name] for name in ("commit", "date", "versions")}
    return dense.put(problem, rows, setting, theta, reply, facts)


def _wanted(problems, engines, only):
    return [
        {"problem": problem, "setting": setting, "engine": engine, "rows": None}
        for problem in problems
        for setting in settings_of(problem)
        for engine in engines
        if setting in (only or [setting])
    ]


def _begin(worker, problem, rows, theta, settings, options):
    return worker.call(
        "evidence_begin", problem=problem, data_dir=options.data_dir, rows=rows, theta=theta,
        settings=settings, timeout=options.timeout,
    )  # fmt: skip


def _body(reference, options):
    theta = reference["theta"]

    def body(worker, row):
        first = _begin(worker, row["problem"], row["rows"], theta, row["settings"], options)
        row["first_seconds"] = row["start_seconds"] + first["seconds"]
        replies = [first]
        for number in range(1, 1 + (1 if options.quick else REPEATS)):
            replies.append(worker.call("evidence_again", number=number, timeout=options.timeout))
        row["seconds"] = [reply["seconds"] for reply in replies[1:]]
        row["peak_bytes"] = replies[-1]["peak_bytes"]
        for name in ("value", "gradient", "stderr", "error_bound", "interval", "status"):
            if name in first:
                row["estimate_status" if name == "status" else name] = [r[name] for r in replies]
        row["solver"] = first.get("solver")
        row["dense"] = {name: reference[name] for name in ("value", "gradient")}

    return body


def _coverage(document, dense, problems, options):
    """Intervals of many keys at every noise, pooled over the problems in the report."""
    rows, keys = (60, 2) if options.quick else (COVERAGE_ROWS, KEYS)
    wanted = [
        {"problem": problem, "setting": f"noise {noise:g}", "engine": "gpkit", "rows": rows}
        for problem in problems
        for noise in (NOISES[:1] if options.quick else NOISES)
    ]
    for key in missing(document, wanted):
        reference = dense_value(dense, key["problem"], key["setting"], rows, options)

        def body(worker, row, reference=reference):
            reply = worker.call(
                "coverage", problem=row["problem"], data_dir=options.data_dir, rows=rows,
                theta=reference["theta"], settings=row["settings"], keys=keys,
                timeout=options.timeout,
            )  # fmt: skip
            row["dense"] = {"value": reference["value"]}
            row["values"] = [
                [v["value"], v["stderr"], *v["interval"], v["status"]] for v in reply["values"]
            ]

        row = measure(key, ENGINES["gpkit"], options, body)
        add(document, row, options)
        print(_line(row), flush=True)


def _line(row):
    name = f"{row['problem']:14} {row['setting']:12} {row['engine']:16}"
    if row["status"] != "ok":
        return f"{name} {row['status'][:80]}"
    if "values" in row:
        true = row["dense"]["value"]
        inside = sum(low <= true <= high for _, _, low, high, _ in row["values"])
        return f"{name} {inside} of {len(row['values'])} intervals hold {true:.2f}"
    error = row["value"][0] - row["dense"]["value"]
    median = statistics.median(row["seconds"])
    return f"{name} first {row['first_seconds']:.2f} s, then {median:.2f} s, error {error:+.3f}"
