"""The script that measures the table of costs: it runs, and writes every rate that is read."""

import jax
import numpy as np

from benchmarks import measure_costs
from gpkit.solvers.costs import Costs


def once(function, *arguments, **_):
    """In place of a timing: one call, and seconds that tell nothing."""
    jax.block_until_ready(jax.jit(function)(*arguments))
    return 2.0, 1.0


def test_every_rate_is_measured(monkeypatch):
    monkeypatch.setattr(measure_costs, "best", once)
    monkeypatch.setattr(measure_costs, "iterative", lambda n: (4.0, 0.01))
    monkeypatch.setattr(measure_costs, "dense", lambda dtype, sizes: ((1e-8, 1e-9), 1e-11, 2.0))
    tiled = measure_costs.tiled
    small = [(192, 2, 1), (256, 3, 2), (224, 2, 5)]
    monkeypatch.setattr(measure_costs, "tiled", lambda dtype, _: tiled(dtype, small))
    low_rank = measure_costs.low_rank
    monkeypatch.setattr(measure_costs, "low_rank", lambda *_: low_rank(256, 24, 2))
    entry = measure_costs.measure(quick=True)
    costs = Costs(**entry)
    for name in ("store", "product", "again", "gradient"):
        for precision in ("float32", "float64"):
            found = np.asarray(getattr(costs, name)[precision])
            assert found.shape == (3 if name in ("again", "gradient") else 2,)
            assert np.all(found >= 0)
            assert np.any(found > 0)
    assert costs.low_rank > 0
    assert costs.vector > 0
