"""One run on functions with known minima: where it stops, why, and what it keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gpkit as gp
from gpkit.fitting.loop import run
from gpkit.fitting.problem import Evaluation, Problem, make_problem
from gpkit.padding import pad_rows
from gpkit.results import Status, silent
from tests.compilations import compilations

SIZE = 16


def rosenbrock(x):
    return jnp.sum(100 * (x[1:4] - x[:3] ** 2) ** 2 + (1 - x[:3]) ** 2) + jnp.sum(x[4:] ** 2)


def problem(f, start, spoil=lambda n, x, e: e):
    """A problem from a traceable function; `spoil` may change the n-th evaluation."""
    both = jax.jit(jax.value_and_grad(f))
    count = iter(range(10**6))

    def evaluate(x):
        value, gradient = both(jnp.asarray(x))
        found = Evaluation(float(value), np.asarray(gradient), 0, 0.25)
        return spoil(next(count), x, found)

    return Problem(np.asarray(start, float), evaluate, f, lambda x: x)


START = np.concatenate([[-1.2, 1.0, -0.5, 0.8], np.full(SIZE - 4, 0.3)])
SOLUTION = np.concatenate([np.ones(4), np.zeros(SIZE - 4)])


def minimise(p, **options):
    return run(p, p.start, **{"progress": silent, "tol": 1e-10, **options})


@pytest.mark.parametrize(
    ("optimizer", "max_steps", "error"),
    [("lbfgs", 200, 1e-5), (optax.lbfgs(), 200, 1e-5), (optax.adam(0.05), 3000, 1e-2)],
    ids=["lbfgs", "optax.lbfgs", "adam"],
)
def test_minimum_is_found(optimizer, max_steps, error):
    found = minimise(problem(rosenbrock, START), optimizer=optimizer, max_steps=max_steps)
    np.testing.assert_allclose(found.x, SOLUTION, atol=error)
    assert found.value == pytest.approx(float(rosenbrock(found.x)), abs=1e-12)
    assert found.start_value == pytest.approx(float(rosenbrock(START)))
    assert found.error_bound == 0.25


def test_lbfgs_spends_few_evaluations():
    found = minimise(problem(rosenbrock, START))
    assert found.status in (Status.SUCCESS, Status.LINE_SEARCH_FAILED)
    assert found.history.num_evaluations.sum() < 120


def test_history_holds_every_accepted_step():
    found = minimise(problem(rosenbrock, START), max_steps=7)
    assert found.status == Status.MAX_STEPS
    assert {len(column) for column in found.history} == {8}
    assert found.history.value[0] == found.start_value
    assert np.all(np.diff(found.history.value) < 0)
    assert found.history.value[-1] == found.value
    slope = np.linalg.norm(jax.grad(rosenbrock)(found.x))
    assert found.history.gradient_norm[-1] == pytest.approx(slope, rel=1e-9)
    assert np.all(found.history.num_evaluations >= 1)
    assert np.all(np.diff(found.history.seconds) >= 0)


def test_the_best_point_is_kept_not_the_last():
    # Steps too long for the valley: the value goes up and down.
    found = minimise(problem(rosenbrock, START), optimizer=optax.adam(0.8), max_steps=40)
    assert found.history.value[-1] > found.value
    assert found.value == found.history.value.min()
    assert found.value == pytest.approx(float(rosenbrock(found.x)), rel=1e-12)


def test_stops_when_five_steps_gain_less_than_the_tolerance():
    bowl = lambda x: 0.5 * jnp.sum(x * x)  # noqa: E731
    found = minimise(problem(bowl, START), optimizer=optax.sgd(0.1), tol=1e-2)
    assert found.status == Status.SUCCESS
    values = found.history.value
    assert values[-6] - values[-1] < 1e-2
    assert values[-7] - values[-2] >= 1e-2


def test_a_run_hopelessly_behind_another_is_given_up():
    bowl = lambda x: 0.5 * jnp.sum(x * x)  # noqa: E731
    p = problem(bowl, START)
    behind = minimise(p, optimizer=optax.sgd(0.01), rival=-50.0)
    assert behind.status == Status.ABANDONED
    assert len(behind.history.value) == 6
    # Within ten times the gain of five steps it goes on.
    near = minimise(p, optimizer=optax.sgd(0.01), rival=0.5, max_steps=10)
    assert near.status == Status.MAX_STEPS


def test_interrupt_keeps_the_best_so_far():
    steps = []

    def progress(event):
        steps.append(event)
        if event.step == 4:
            raise KeyboardInterrupt

    found = minimise(problem(rosenbrock, START), progress=progress, stage="here")
    assert found.status == Status.INTERRUPTED
    assert found.value == found.history.value.min() < found.start_value
    assert [e.step for e in steps] == [1, 2, 3, 4]
    assert steps[-1].stage == "here"
    # Events speak of what is maximised.
    assert steps[-1].value == -found.value


def test_interrupt_within_an_evaluation_keeps_it_too():
    def spoil(n, x, e):
        if n == 9:
            raise KeyboardInterrupt
        return e

    found = minimise(problem(rosenbrock, START, spoil))
    assert found.status == Status.INTERRUPTED
    assert found.value < found.start_value


def test_interrupt_before_the_first_value_is_not_swallowed():
    def spoil(n, x, e):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minimise(problem(rosenbrock, START, spoil))


@pytest.mark.parametrize("optimizer", ["lbfgs", optax.adam(0.1)], ids=["lbfgs", "adam"])
def test_a_start_that_is_not_finite_is_said(optimizer):
    found = minimise(problem(rosenbrock, START * np.nan), optimizer=optimizer)
    assert found.status == Status.NON_FINITE
    assert np.isnan(found.value)
    assert len(found.history.value) == 1


def test_lbfgs_goes_around_what_is_not_finite():
    # Beyond 1.001 in any coordinate nothing is defined; the minimum lies just inside.
    hole = lambda x: jnp.where(jnp.any(x > 1.001), jnp.nan, rosenbrock(x))  # noqa: E731
    found = minimise(problem(hole, START))
    assert np.isfinite(found.value)
    assert found.value < 1e-3


def test_adam_stops_at_what_is_not_finite_with_the_best_before():
    hole = lambda x: jnp.where(x[4] < 0.0, jnp.nan, jnp.sum((x + 1) ** 2))  # noqa: E731
    found = minimise(problem(hole, START), optimizer=optax.adam(0.07))
    assert found.status == Status.NON_FINITE
    assert np.isfinite(found.value)
    assert found.value < found.start_value


def test_a_gradient_that_leads_nowhere_is_said():
    wrong = lambda n, x, e: e._replace(gradient=-e.gradient)  # noqa: E731
    found = minimise(problem(rosenbrock, START, wrong))
    assert found.status == Status.LINE_SEARCH_FAILED
    assert found.value == found.start_value
    flat = minimise(problem(lambda x: 3.0 + 0.0 * jnp.sum(x), START))
    assert flat.status == Status.SUCCESS


def test_a_search_that_fails_where_the_value_has_settled_is_a_success():
    # From its thirtieth evaluation on, a search sees nothing but NaN.
    blind = lambda n, x, e: e._replace(value=np.nan) if n >= 30 else e  # noqa: E731
    tight = minimise(problem(rosenbrock, START, blind), max_steps=60)
    last = abs(tight.history.value[-2] - tight.history.value[-1])
    loose_enough = 1.01 * last
    loose = minimise(problem(rosenbrock, START, blind), tol=loose_enough, max_steps=60)
    assert loose.status == Status.SUCCESS
    assert tight.status == Status.LINE_SEARCH_FAILED


def test_memory_is_cleared_once_when_a_direction_leads_nowhere():
    # A whole search sees nothing but NaN; the one after it, from a fresh memory, goes on.
    blind = lambda n, x, e: e._replace(value=np.nan) if 12 <= n < 32 else e  # noqa: E731
    found = minimise(problem(rosenbrock, START, blind))
    np.testing.assert_allclose(found.x, SOLUTION, atol=1e-4)


@pytest.mark.parametrize("optimizer", [optax.adam(0.1), optax.lbfgs()], ids=["adam", "lbfgs"])
def test_an_optax_step_is_compiled_once_for_all_runs(optimizer):
    rows = pad_rows(np.linspace(0, 1, 8)[:, None], np.arange(8.0))
    model = gp.GP(gp.kernels.RBF(0.3))
    make = lambda scale: make_problem(  # noqa: E731
        gp.replace(model, "kernel.lengthscale", scale), rows, gp.solvers.Dense(), None
    )
    options = {"optimizer": optimizer, "max_steps": 3}
    minimise(make(0.3), **options)
    with compilations() as programs:
        minimise(make(0.5), **options)
    assert programs == []
