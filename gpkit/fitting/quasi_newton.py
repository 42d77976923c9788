"""Steps of a quasi-Newton method for objectives that cost seconds and have few parameters."""

from collections.abc import Callable, Iterator

import numpy as np

from gpkit.fitting.line_search import line_search
from gpkit.fitting.loop import Point
from gpkit.fitting.problem import Problem
from gpkit.results import Status

# Cosine of step and change of gradient below which a pair tells nothing of the curvature.
_CURVED = 1e-3
# Parameters are logarithms or nearly so: a first trial moves none of them further.
_LONGEST = 2.0


class QuasiNewton:
    """BFGS with a whole matrix, which one objective hands on to the next of its kind.

    `inverse` is what is known of the inverse of the curvature, p x p. Unlike L-BFGS it is never
    rescaled: where it is good to begin with, the first step is already one of Newton's, of length
    one. Where it leads nowhere it is forgotten, once. Ends, with SUCCESS, where a step promises
    less than `worth`; the first is made anyway.

    Source: Nocedal and Wright 2006, equation 6.17.
    """

    def __init__(self, inverse: np.ndarray, worth: float):
        self.inverse, self._worth = inverse, worth

    def steps(
        self, worn: Callable[[], bool], problem: Problem, point: Point
    ) -> Iterator[Point | Status]:
        """Steps until they promise too little, or until the objective is `worn` (MAX_STEPS)."""
        forgotten = False
        while True:
            direction = -self.inverse @ point.at.gradient
            length = min(1.0, _LONGEST / max(float(np.max(np.abs(direction))), 1e-300))
            found = line_search(problem.evaluate, point.x, point.at, direction, length)
            if found.step is None and not forgotten:
                scale = max(float(np.linalg.norm(point.at.gradient)), 1e-300)
                self.inverse, forgotten = np.eye(len(point.x)) / scale, True
                continue
            if found.step is None:
                yield Status.LINE_SEARCH_FAILED
                return
            after = Point(found.step.x, found.step.at, found.num_evaluations)
            self._learn(after.x - point.x, after.at.gradient - point.at.gradient)
            point = after
            yield point
            if self.promise(point.at.gradient) < self._worth:
                yield Status.SUCCESS
                return
            if worn():
                yield Status.MAX_STEPS
                return

    def promise(self, gradient: np.ndarray) -> float:
        """What a step of length one would gain were the objective quadratic."""
        return 0.5 * float(gradient @ self.inverse @ gradient)

    def _learn(self, s: np.ndarray, y: np.ndarray) -> None:
        curvature = float(s @ y)
        if not curvature > _CURVED * np.linalg.norm(s) * np.linalg.norm(y):
            return
        turn = np.eye(len(s)) - np.outer(s, y) / curvature
        inverse = turn @ self.inverse @ turn.T + np.outer(s, s) / curvature
        self.inverse = 0.5 * (inverse + inverse.T)
