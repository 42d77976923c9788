"""BFGS on a handed-on curvature: where it steps, what it learns, when it stops."""

from functools import partial

import numpy as np
import pytest

from gpkit.fitting.loop import Point, run
from gpkit.fitting.problem import Evaluation, Problem
from gpkit.fitting.quasi_newton import QuasiNewton
from gpkit.results import Status, silent

CURVATURE = np.diag([1.0, 4.0, 30.0]) + 0.5
MINIMUM = np.array([0.3, -0.2, 0.1])
START = MINIMUM + np.array([0.5, -0.4, 0.3])


def quadratic(counter=None):
    def evaluate(x):
        if counter is not None:
            counter.append(x)
        rest = x - MINIMUM
        return Evaluation(0.5 * rest @ CURVATURE @ rest, CURVATURE @ rest, Status.SUCCESS)

    return Problem(START, evaluate, None, None)


def minimise(problem, newton, *, worn=lambda: False, **options):
    steps = partial(newton.steps, worn)
    options = {"max_steps": 30, "tol": 0.0} | options
    return run(problem, START, optimizer=steps, progress=silent, **options)


def test_with_the_right_curvature_one_step_is_enough():
    seen = []
    found = minimise(quadratic(seen), QuasiNewton(np.linalg.inv(CURVATURE), 1e-8))
    np.testing.assert_allclose(found.x, MINIMUM, atol=1e-12)
    assert found.status == Status.SUCCESS
    assert len(seen) == 2


def test_learns_the_curvature_it_was_not_told():
    newton = QuasiNewton(np.eye(3) / 30, 1e-12)
    found = minimise(quadratic(), newton)
    np.testing.assert_allclose(found.x, MINIMUM, atol=1e-5)
    np.testing.assert_allclose(newton.inverse, newton.inverse.T)
    assert np.all(np.linalg.eigvalsh(newton.inverse) > 0)
    # Handed on: a second run from the same start goes there at once.
    seen = []
    minimise(quadratic(seen), newton, max_steps=1)
    np.testing.assert_allclose(seen[-1], MINIMUM, atol=1e-2)


def test_a_curvature_that_leads_uphill_is_forgotten_once():
    found = minimise(quadratic(), QuasiNewton(-np.eye(3), 1e-10))
    np.testing.assert_allclose(found.x, MINIMUM, atol=1e-4)

    def uphill(x):
        return Evaluation(float(np.sum(x)) if x is START else np.inf, np.ones(3), Status.SUCCESS)

    stuck = minimise(Problem(START, uphill, None, None), QuasiNewton(np.eye(3), 1e-10))
    assert stuck.status == Status.LINE_SEARCH_FAILED
    np.testing.assert_array_equal(stuck.x, START)


def test_ends_after_the_step_that_wore_the_objective_out():
    found = minimise(quadratic(), QuasiNewton(np.eye(3) / 30, 1e-12), worn=lambda: True)
    assert found.status == Status.MAX_STEPS
    assert len(found.history.value) == 2


def test_the_first_step_is_made_whatever_it_promises():
    newton = QuasiNewton(np.linalg.inv(CURVATURE), 1e6)
    found = minimise(quadratic(), newton)
    assert found.value < found.start_value
    assert found.status == Status.SUCCESS


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_no_first_trial_is_longer_than_two(scale):
    seen = []
    newton = QuasiNewton(np.eye(3) * scale, 1e-12)
    point = Point(START, quadratic().evaluate(START), 1)
    next(newton.steps(lambda: False, quadratic(seen), point))
    assert np.max(np.abs(seen[0] - START)) <= 2.0 + 1e-12
