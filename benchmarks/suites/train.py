"""Suites ``train`` and ``train-large``: seconds, and what they buy on test rows.

``train``: elevators and bike, split 0. Parameters are kept along the way and scored afterwards,
untimed, by the dense float64 posterior at those parameters: no engine is charged for, or helped
by, the approximations of its own prediction. ``train-large``: sets of 26,000 to 57,000 training
rows, scored by each engine's own predictions.
"""

from benchmarks.fixed import fitted
from benchmarks.process import Worker, WorkerFailed
from benchmarks.suites.large import Engine, add, measure, missing, opened

PROBLEMS = ["elevators", "bike-17", "bike-15"]
LARGE = ["kin40k", "protein", "keggdirected", "keggundirected", "kin40k-64", "keggundirected-64"]
# Published test scores of exact Gaussian processes, standardised units: RMSE, NLPD.
PUBLISHED = {
    "elevators": [0.352, 0.379, "Lin et al. 2023, CG"],
    "bike-17": [0.037, -2.62, "Lin et al. 2023, CG"],
    "protein": [0.503, 0.619, "Lin et al. 2023, CG"],
    "keggdirected": [0.084, -0.916, "Lin et al. 2023, CG"],
    "kin40k-64": [0.091, 0.449, "Potapczynski et al. 2021, RR-CG"],
    "keggundirected-64": [0.118, -0.650, "Potapczynski et al. 2021, RR-CG"],
}
STOCK = {"profile": "stock", "lr": 0.1, "seed": 0}
SVGP = Engine(
    "large_sparse", "GPyTorch SVGP, 1024 points, 100 epochs of Adam (0.01), batches of 1024",
    rival=True, method="svgp", inducing=1024, epochs=100, lr=0.01, batch=1024, seed=0,
)  # fmt: skip
GPKIT = Engine(
    "large_gpkit", "gpkit.fit with gpkit.solvers.Iterative(), defaults", rival=False,
    face="fit", solver={}, seed=0,
)  # fmt: skip
REGRESSOR = Engine(
    "large_gpkit", "gpkit.GPRegressor(kernel='matern32(ard)'), defaults", rival=False,
    face="regressor", seed=0,
)  # fmt: skip
TREES = Engine("large_trees", "scikit-learn HistGradientBoostingRegressor, defaults",
               rival=False, seed=0)  # fmt: skip
ENGINES = {
    "gpkit": GPKIT,
    "GPRegressor": REGRESSOR,
    "gpytorch-stock": Engine(
        "large_gpytorch", "GPyTorch exact, float32, nothing set, 50 steps of Adam (0.1)",
        rival=True, **STOCK, steps=50,
    ),
    "gpytorch-steps": Engine(
        "large_gpytorch", "the first 4 steps of the same, for the seconds of a step",
        rival=True, **STOCK, steps=4,
    ),
    "sgpr-512": Engine(
        "large_sparse", "GPyTorch SGPR, 512 points, 100 steps of Adam (0.1)", rival=True,
        method="sgpr", inducing=512, epochs=100, lr=0.1, seed=0,
    ),
    "svgp-1024": SVGP,
    "gpboost": Engine(
        "large_gpboost", "GPBoost, Vecchia with 20 neighbours, defaults", rival=True,
        neighbors=20, seed=0,
    ),
    "trees": TREES,
}  # fmt: skip
LARGE_ENGINES = {"gpkit": GPKIT, "GPRegressor": REGRESSOR, "svgp-1024": SVGP, "trees": TREES}
NO_PREDICTION = {"gpytorch-steps"}
# Points of a curve that the dense posterior scores, at most.
SCORED = 8


def run(options):
    """Every problem and engine, then the scores of the points on the way."""
    document = _measured("train", PROBLEMS, ENGINES, options)
    _score_points(document, options)
    return document


def run_large(options):
    """Every large problem and engine."""
    return _measured("train-large", LARGE, LARGE_ENGINES, options)


def _measured(suite, problems, engines, options):
    problems = ["synthetic"] if options.quick else options.problems or problems
    chosen = [name for name in engines if name in (options.engines or engines)]
    settings = {"problems": problems, "published": PUBLISHED}
    document = opened(suite, engines, settings, options)
    document["references"] = {p: _reference(p) for p in problems}
    wanted = [{"problem": p, "engine": name} for p in problems for name in chosen]
    for key in missing(document, wanted):
        engine = engines[key["engine"]]
        if options.quick:
            engine = _small(engine)
        row = measure(key, engine, options, _body(document, options))
        add(document, row, options)
        print(_line(row), flush=True)
    return document


def _small(engine):
    few = {"steps": 4, "epochs": 2, "inducing": 16, "max_steps": 3}
    known = {"large_sparse": ("epochs", "inducing"), "large_gpytorch": ("steps",)}
    names = known.get(engine.module, ())
    settings = {**engine.settings, **{name: few[name] for name in names}}
    return Engine(engine.module, engine.what, rival=engine.rival, **settings)


def _reference(problem):
    document = fitted(problem) or {}
    names = ("log_evidence", "parameters", "test", "seconds", "rows", "promise")
    return {name: document.get(name) for name in names} if document.get("done") else None


def _body(document, options):
    def body(worker, row):
        begun = worker.call(
            "train_begin", problem=row["problem"], data_dir=options.data_dir,
            settings=row["settings"], timeout=options.timeout,
        )  # fmt: skip
        row |= {"n": begun["n"], "d": begun["d"], "points": [], "timed": not options.untimed}
        clock, done = row["start_seconds"] + begun["seconds"], False
        while not done:
            reply = worker.call("train_advance", timeout=options.timeout)
            for point in reply["points"]:
                within = point.pop("seconds", reply["seconds"])
                row["points"].append({**point, "seconds": clock + within})
            clock, done = clock + reply["seconds"], reply["done"]
            row |= {"train_seconds": clock, "peak_bytes": reply["peak_bytes"]}
            row["warnings"] = reply["warnings"]
            if not done:
                add(document, {**row, "status": "partial"}, options)
        if row["engine"] not in NO_PREDICTION and not options.no_prediction:
            row["own_scores"] = worker.call("train_predict", timeout=options.timeout)

    return body


def _score_points(document, options):
    """Dense float64 scores of the points of the curves, written one by one."""
    for row in document["jobs"]:
        points = [p for p in row.get("points", []) if "parameters" in p]
        waiting = [p for p in thinned(points) if "score" not in p]
        if row["engine"] in NO_PREDICTION or not waiting or options.no_scores:
            continue
        for point in waiting:
            try:
                with Worker(options.python, "large_dense", threads=options.threads) as worker:
                    point["score"] = worker.call(
                        "posterior_score", problem=row["problem"], data_dir=options.data_dir,
                        parameters=point["parameters"], rows=row["settings"].get("rows"),
                        timeout=options.timeout,
                    )  # fmt: skip
            except WorkerFailed as failure:
                point["score"] = {"failed": str(failure)[-200:]}
            add(document, row, options)
            print(row["problem"], row["engine"], point["step"], point["score"], flush=True)


def thinned(points):
    """At most `SCORED` points, evenly apart in number, with the first and the last."""
    last = len(points) - 1
    if last < SCORED:
        return points
    return [points[round(i * last / (SCORED - 1))] for i in range(SCORED)]


def _line(row):
    name = f"{row['problem']:18} {row['engine']:16}"
    if row["status"] != "ok":
        return f"{name} {row['status'][:90]}"
    own = row.get("own_scores", {})
    scores = "  ".join(f"{k} {own[k]:.4f}" for k in ("nlpd", "rmse") if k in own)
    return f"{name} {row['train_seconds']:.1f} s  {scores}"
