"""The two suites of the linear algebra: rows go on where they ended, and pages show every row."""

import json

import pytest

from benchmarks import store
from benchmarks.rendering import krylov, logdet

MACHINE = {"cpu": "c", "cores": 2, "memory_gb": 1, "system": "s", "date": "d", "commit": "abc"}
MACHINE |= {"load_average": 0.0}


def document(suite, jobs, **settings):
    base = {"suite": suite, "machine": MACHINE, "versions": {"jax": "0.10"}, "jobs": jobs}
    return base | {"settings": {"threads": 2} | settings}


def krylov_row(method, seconds, error, **more):
    row = {"operator": "dense 9", "algorithm": "lanczos full", "loss": "form", "depth": 5}
    times = {"best_seconds": seconds, "median_seconds": seconds}
    figures = {"forward": times, "gradient": times, "compile_gradient_seconds": 2 * seconds}
    figures |= {"gradient_memory_in_bases": 4 * seconds, "slope_relative_error": error}
    return row | {"method": method} | figures | {"slope_reference_uncertainty": 1e-12} | more


def logdet_row(covered, negligible, **more):
    row = {"lengthscale": 0.2, "noise": 0.1, "method": "slq", "rank": 15, "depth": None}
    row |= {"truth": 5.0, "bias": 0.1, "sd": 1.0, "stderr": 1.0, "error_bound": 0.01}
    row |= {"covered": covered, "keys": 100, "truncation_negligible": negligible}
    return row | {"chosen_depth": 50} | more


def test_krylov_page_compares_row_by_row():
    rows = [
        krylov_row("gpkit", 1.0, 1e-9),
        krylov_row("matfree", 2.0, 1e-11),
        {"operator": "dense 9", "algorithm": "a", "loss": "form", "depth": 5, "method": "backprop"}
        | {"failure": "ValueError: a | b"},
    ]
    page = krylov.render(document("krylov", rows))
    assert "| matfree | 1 | 0.50 | 0.50 | 0.50 | 1 |" in page
    assert "| dense | lanczos full | 1 | 0.50 | 0.50 | 0.50 | 1 |" in page
    assert "ValueError: a / b" in page
    assert "| backprop | 1" not in page


def test_logdet_page_pools_what_is_not_truncated():
    rows = [logdet_row(94, True), logdet_row(96, True), logdet_row(100, False)]
    rows.append(logdet_row(0, True, method="slq dense", depth=20))
    page = logdet.render(
        document("logdet", rows, n=9, kernel="k", num_probes=10, preconditioner="p")
    )
    assert "| 0.1 | 2 | 200 | 95.0 +- 1.5 | 1 (100.0 +- 2.2) |" in page


def test_an_interrupted_run_goes_on_only_where_it_would_measure_the_same(tmp_path):
    path = tmp_path / "r.json"
    new = document("krylov", [], seed=1)
    assert store.resumed(path, new) is new
    store.save(path, document("krylov", [krylov_row("gpkit", 1.0, 1e-9)], seed=1))
    assert len(store.resumed(path, new)["jobs"]) == 1
    for change in ({"settings": {"seed": 2}}, {"versions": {}}, {"suite": "logdet"}):
        with pytest.raises(SystemExit, match=r"r\.json"):
            store.resumed(path, new | change)
    other = json.loads(json.dumps(new))
    other["machine"]["commit"] = "def"
    with pytest.raises(SystemExit, match="commit"):
        store.resumed(path, other)
