"""The line search on functions of one number whose Wolfe points are known."""

import math

import numpy as np
import pytest

from gpkit.fitting.line_search import line_search
from gpkit.fitting.problem import Evaluation

nan, inf = math.nan, math.inf


def barrier(x):
    """Finite below 1 only, with its minimum at 0.5."""
    return (-math.log(1 - x) - 2 * x, 1 / (1 - x) - 2) if x < 1 else (nan, nan)


def cliff(x):
    """A wall without warning: the slope tells nothing of it."""
    return (-x, -1.0) if x < 0.3 else (inf, nan)


# name -> (x -> value and slope)
FUNCTIONS = {
    "parabola": lambda x: (0.5 * (x - 3) ** 2, x - 3),
    "quartic": lambda x: ((x - 2) ** 4, 4 * (x - 2) ** 3),
    "cosine": lambda x: (math.cos(x + 0.5), -math.sin(x + 0.5)),
    "steep": lambda x: (50 * x * x - x, 100 * x - 1),
    # A unit and a half is lower than the start, and beyond the minimum at 1 by a steep slope.
    "overshoot": lambda x: (0.25 * x**4 - x, x**3 - 1),
    # More and Thuente (1994), function 5.1, with its flat minimum at sqrt(2).
    "flat": lambda x: (-x / (x * x + 2), (x * x - 2) / (x * x + 2) ** 2),
    "barrier": barrier,
}


def search(f, length=1.0, x=0.0, sign=1.0):
    """The search along a direction of two coordinates, of which only the first counts."""
    seen = []

    def evaluate(point):
        seen.append(float(point[0]))
        value, slope = f(float(point[0]))
        return Evaluation(value, np.array([slope, 0.0]), 0)

    at = np.array([x, 7.0])
    start = evaluate(at)
    found = line_search(evaluate, at, start, np.array([sign, 0.0]), length)
    assert found.num_evaluations == len(seen) - 1
    return found, start


@pytest.mark.parametrize("length", [1e-3, 0.3, 1.0, 1.5, 30.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_strong_wolfe_conditions_hold(name, length):
    f = FUNCTIONS[name]
    found, start = search(f, length)
    step, slope = found.step, start.gradient[0]
    assert step.at.value <= start.value + 1e-4 * step.length * slope
    assert abs(step.slope) <= 0.9 * abs(slope)
    assert step.slope == pytest.approx(f(step.length)[1])
    np.testing.assert_allclose(step.x, [step.length, 7.0])
    assert found.num_evaluations <= 15


def test_a_unit_step_that_is_good_costs_one_evaluation():
    assert search(FUNCTIONS["parabola"], 3.0)[0].num_evaluations == 1


def test_backwards_too():
    found, _ = search(FUNCTIONS["parabola"], 1.0, x=10.0, sign=-1.0)
    assert 3 - 0.9 * 7 <= found.step.x[0] < 10
    assert abs(found.step.slope) <= 0.9 * 7


@pytest.mark.parametrize("length", [0.1, 1.0, 100.0])
def test_a_wall_is_kept_away_from(length):
    """No Wolfe point exists: the lowest point found on this side of the wall is returned."""
    found, _ = search(cliff, length)
    assert 0.2 < found.step.length < 0.3
    assert found.step.at.finite
    assert found.step.at.value == -found.step.length


@pytest.mark.parametrize(
    ("value", "slope"), [(nan, 0.0), (inf, 0.0), (-inf, 0.0), (0.0, nan), (-1.0, inf)]
)
def test_only_non_finite_values_beyond_the_start_mean_no_step(value, slope):
    found, _ = search(lambda x: (0.0, -1.0) if x == 0 else (value, slope))
    assert found.step is None
    assert found.num_evaluations > 0


def test_a_direction_uphill_or_flat_costs_nothing():
    for f in (lambda x: (x, 1.0), lambda x: (1.0, 0.0), lambda x: (x, nan)):
        found, _ = search(f)
        assert found.step is None
        assert found.num_evaluations == 0


def test_the_search_ends_where_rounding_hides_the_descent():
    found, _ = search(lambda x: (1e9 + 1e-6 * (x > 0), -1e-9))
    assert found.step is None
    assert found.num_evaluations <= 20
