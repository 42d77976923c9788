r"""A line search for the strong Wolfe conditions, run on the host.

A step $a$ along $p$ is taken when $f(a) \le f(0) + c_1 a f'(0)$ and
$|f'(a)| \le c_2 |f'(0)|$. Optax's own zoom search is traced together with the objective
and multiplies its compile time; here the objective is compiled once and called, which also
lets an interrupt through between two evaluations. Source: Nocedal and Wright (2006),
algorithms 3.5 and 3.6, with cubic interpolation (their equation 3.59).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gpkit.fitting.problem import Evaluation

_DECREASE = 1e-4
_CURVATURE = 0.9
_MAX_EVALUATIONS = 20


class Step(NamedTuple):
    """A point on the line: step length, point, evaluation, slope along the line."""

    length: float
    x: np.ndarray
    at: Evaluation
    slope: float


class Search(NamedTuple):
    """The step taken (None where no lower value was found) and the evaluations spent."""

    step: Step | None
    num_evaluations: int


def line_search(
    evaluate: Callable[[np.ndarray], Evaluation],
    x: np.ndarray,
    start: Evaluation,
    direction: np.ndarray,
    length: float = 1.0,
) -> Search:
    """A step along a descent direction; a non-finite trial counts as infinitely high."""
    origin = Step(0.0, x, start, float(start.gradient @ direction))
    if not origin.slope < 0:
        return Search(None, 0)

    def trial(a: float) -> Step:
        point = x + a * direction
        at = evaluate(point)
        if not at.finite:
            at = Evaluation(math.inf, at.gradient, at.status)
        return Step(a, point, at, float(np.nan_to_num(at.gradient) @ direction))

    low, high, best = origin, None, None
    for count in range(1, _MAX_EVALUATIONS + 1):
        step = trial(length)
        if _decreases(origin, step) and (best is None or step.at.value < best.at.value):
            best = step
        if _decreases(origin, step) and abs(step.slope) <= _CURVATURE * -origin.slope:
            return Search(step, count)
        low, high = _narrow(origin, low, high, step)
        if high is not None and abs(high.length - low.length) < 1e-12 * max(1.0, low.length):
            break
        length = _next_length(low, high)
    return Search(best, count)


def _decreases(origin: Step, step: Step) -> bool:
    return step.at.value <= origin.at.value + _DECREASE * step.length * origin.slope


def _narrow(origin: Step, low: Step, high: Step | None, step: Step) -> tuple[Step, Step | None]:
    """Keep low the lowest acceptable end, and [low, high] a bracket of a Wolfe point."""
    if not _decreases(origin, step) or step.at.value >= low.at.value:
        return low, step
    ahead = step.slope * ((high.length if high else math.inf) - step.length)
    return (step, low) if ahead >= 0 else (step, high)


def _next_length(low: Step, high: Step | None) -> float:
    if high is None:
        return 2.0 * low.length if low.length > 0 else 1.0
    a, b = low.length, high.length
    if not math.isfinite(high.at.value):
        return a + 0.1 * (b - a)
    guess = _cubic_minimum(low, high)
    near, far = min(a, b), max(a, b)
    margin = 0.1 * (far - near)
    if guess is None or not near + margin <= guess <= far - margin:
        return 0.5 * (a + b)
    return guess


def _cubic_minimum(p: Step, q: Step) -> float | None:
    """Minimiser of the cubic through two values and slopes."""
    d1 = p.slope + q.slope - 3 * (p.at.value - q.at.value) / (p.length - q.length)
    square = d1 * d1 - p.slope * q.slope
    if not (math.isfinite(square) and square >= 0):
        return None
    d2 = math.copysign(math.sqrt(square), q.length - p.length)
    denominator = q.slope - p.slope + 2 * d2
    if denominator == 0:
        return None
    return q.length - (q.length - p.length) * (q.slope + d2 - d1) / denominator
