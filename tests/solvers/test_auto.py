"""The choice of the solver: a pure function of sizes, and what it is worth under tracing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.operators import KernelOperator, covariance, stored_bytes
from gpkit.solvers import Auto, Dense, DenseFactor, Iterative, choose
from gpkit.solvers.auto import count_kernels, expected, iterative_for
from gpkit.solvers.costs import Size, costs_of, tile_bytes

RNG = np.random.default_rng(8)
N = 300
X, Y = RNG.normal(size=(N, 2)), RNG.normal(size=N)
MODEL = gp.GP(1.5 * gk.Matern52([0.8, 1.2]), noise=gp.noise.Gaussian(0.2))


def names(**arguments):
    return [choose(n, 8, **arguments).name for n in (200, 1000, 8000, 20_000, 60_000)]


def test_small_problems_are_dense_and_large_ones_are_not():
    assert names(memory="1000GB") == ["dense", "dense", "whole", "stored", "stored"]
    assert choose(8000, 8, memory="1GB").name == "whole"
    assert choose(8000, 8, memory="500MB").name == "stored"
    assert choose(20_000, 8, memory="1GB").name == "recomputed"


def test_a_whole_factor_is_for_evidences_alone():
    evidence, posterior = choose(4000, 8), choose(4000, 8, memory="300MB", task="posterior")
    assert (evidence.name, evidence.solver.rank) == ("whole", "full")
    assert (posterior.name, posterior.solver.rank) == ("stored", None)
    assert iterative_for(Size(4000, 8, "float64"), 2**32).rank == "full"
    assert iterative_for(Size(40_000, 8, "float64"), 2**34).rank is None
    # Too little memory for anything is told by `choose`, not here.
    assert iterative_for(Size(40_000, 8, "float64"), 2**20).rank is None


def test_dense_is_not_taken_where_its_arrays_do_not_fit():
    few = choose(1000, 8, memory="20MB")
    assert few.name != "dense"
    assert "dense needs 30.5 MB of the 20 MB given" in few.reason
    assert [option.eligible for option in few.alternatives] == [True, False, False]
    # In half of the precision four arrays take half of the bytes.
    assert choose(1000, 8, "float32", memory="20MB").name == "dense"


def test_a_choice_says_what_was_expected():
    found = choose(5000, 8)
    assert isinstance(found.solver, Iterative)
    assert found.alternatives[0][:3] == (found.name, found.seconds, found.bytes)
    seconds = {option.name: option.seconds for option in found.alternatives}
    assert set(seconds) == {"whole", "stored", "dense"}
    # Seconds by low rank count twice.
    assert seconds["stored"] < seconds["whole"] < min(2 * seconds["stored"], seconds["dense"])
    assert "an evaluation; dense" in found.reason
    assert found.solver.memory == 4 * 2**30
    assert choose(5000, 8, memory="1GB").solver.memory == 2**30


def test_expected_seconds_grow_with_all_that_costs():
    base = Size(8000, 8, "float64")
    memory = 2**36
    for solver in (Dense(), Iterative(memory=memory), Iterative(memory=2**27, dtype="float64")):
        seconds = expected(base, solver, memory, task="gradient").seconds
        for more in ({"n": 9000}, {"d": 80}, {"kernels": 4}):
            grown = expected(base._replace(**more), solver, memory, task="gradient").seconds
            assert grown > seconds
        assert expected(base, solver, memory, task="value").seconds < seconds
    probes = Iterative(memory=memory, num_probes=60)
    assert (
        expected(base, probes, memory, task="value").seconds
        > expected(base, Iterative(memory=memory), memory, task="value").seconds
    )


def test_an_unknown_device_has_the_rates_of_the_cpu():
    assert costs_of("a new kind") == costs_of("cpu")
    assert choose(5000, 8, device="a new kind") == choose(5000, 8, device="cpu")


@pytest.mark.parametrize("n", [3, 512, 513, 5000])
def test_bytes_of_tiles_are_those_of_the_operator(n):
    operator = KernelOperator(gk.RBF(1.0), jnp.zeros((n, 1)), dtype="float32")
    assert tile_bytes(n, "float32") == stored_bytes(operator)


def test_kernels_are_counted():
    a, b = gk.RBF(1.0), gk.Matern32(1.0)
    counts = [a, 2.0 * a, a + b, 2.0 * a * b + 0.5, gk.Constant(1.0)]
    assert [count_kernels(kernel) for kernel in counts] == [1, 1, 2, 2, 1]


def test_bad_input():
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        choose(0, 3)
    with pytest.raises(ValueError, match="task must be one of value, gradient, posterior"):
        choose(10, 3, task="fit")
    with pytest.raises(ValueError, match=r"memory of 1 MB is too small for 100000 rows.*raise"):
        choose(100_000, 3, memory="1MB")
    with pytest.raises(ValueError, match="memory must be bytes or a size"):
        Auto(memory="much")


def test_auto_is_the_solver_that_it_chooses():
    solver, key = Auto(), jax.random.key(0)

    @jax.jit
    def value(y):
        return gp.log_evidence(MODEL, X, y, solver=solver, key=key).value

    assert float(value(Y)) == pytest.approx(float(gp.log_evidence(MODEL, X, Y).value), rel=1e-12)
    assert isinstance(gp.condition(MODEL, X, Y, solver=solver).factor, DenseFactor)
    H = covariance(MODEL, jnp.asarray(X))
    assert solver.choice(H) == choose(N, 2, memory=solver.memory)


def test_with_little_memory_auto_is_iterative_and_needs_a_key():
    small = Auto(memory="2MB")
    found = small.choice(covariance(MODEL, jnp.asarray(X)))
    assert (found.name, isinstance(found.solver, Iterative)) == ("stored", True)
    with pytest.raises(ValueError, match=r"pass key=jax.random.key"):
        gp.log_evidence(MODEL, X, Y, solver=small)
