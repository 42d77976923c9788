"""The objective of many rows near one point: smooth, because what is random in it is frozen."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, PyTree
from gpkit.fitting.problem import Evaluation, Problem, model_at, unflatten
from gpkit.linalg.tiled import TiledCholesky
from gpkit.means import prior_mean
from gpkit.model import GP
from gpkit.operators.covariance import covariance
from gpkit.padding import Rows
from gpkit.params import log_prior, partition
from gpkit.results import Estimate, Status
from gpkit.solvers.iterative import MARGIN, Iterative, Report
from gpkit.solvers.preconditioning import FULL, Preconditioner, full_fits, precondition

# A whole factor costs n^3 / 3 flops a segment and leaves few of the steps, each of some 32 n^2
# flops, of some four evaluations: counted so it pays beyond 4 + n / 850 of them. But it stays where
# it was made while low rank follows the parameters, and trials far away then take dozens of
# steps: with 6 + n / 1200 a fit of bike, n = 15,642, took 153 s, with this limit 107 s.
_FEW, _ROWS_A_STEP = 6, 500
# Steps that a solve may take beyond those of its segment, where a line search tries parameters far
# away. A whole factor leaves a handful near its own: where it leaves more than this, the trial
# is too far for it, and turning back is cheaper.
_TRIAL_STEPS, _TRIAL_STEPS_WHOLE = 200, 60


class Segment:
    """The objective near one point under frozen probes.

    `hard` asks for the best preconditioner that fits at once; True afterwards where it was needed.
    """

    def __init__(
        self, model: GP, rows: Rows, solver: Iterative, key: Array, x: np.ndarray, hard: bool
    ):
        self._params, self._rest = partition(model)
        self._rows, self._key, self._start = rows, key, x
        at = model_at(model, x)
        self.hard = hard or solver.rank == FULL
        make = _strongest if self.hard else _weak
        P = make(at, rows, solver, key)
        start = jnp.zeros((rows.y.shape[0], rows.y[0].size), rows.X.dtype)
        self._given = solver
        self._solver = _tries(solver, P, jnp.asarray(solver.depth, jnp.int32), start)
        self._explored = self._worn = False

    def worn(self) -> bool:
        """Whether the frozen preconditioner has become too poor to go on with."""
        return self._worn

    def problem(self) -> Problem:
        return Problem(self._start, self.evaluate, _not_traced, self._model)

    def evaluate(self, x: np.ndarray) -> Evaluation:
        value, gradient, estimate, report = self._evaluated(x)
        if not self._explored and not self.hard and self._too_many(report):
            self.hard = True
            P = _strongest(self._model(x), self._rows, self._given, self._key)
            self._solver = _tries(self._given, P, self._solver.steps, self._solver.start)
            value, gradient, estimate, report = self._evaluated(x)
        if not self._explored:
            # The first evaluation finds how many steps are needed; all others take as many.
            steps = report.num_steps + MARGIN
            limit = jnp.minimum(steps, self._solver.depth)
            P = self._solver.preconditioner
            self._solver = _hold(self._solver, P, limit, report.weights)
            self._explored = True
        else:
            self._worn = int(report.extra_steps) > int(report.num_steps)
        if Status(int(estimate.status)) >= Status.MAX_STEPS:
            # Weights that were not found make a trial look better than it is, by no more than this.
            value = value - estimate.error_bound
        slope = -np.asarray(gradient, np.float64)
        return Evaluation(-float(value), slope, int(estimate.status), float(estimate.error_bound))

    def _evaluated(self, x: np.ndarray) -> tuple[Array, Array, Estimate, Report]:
        at = jnp.asarray(x, self._rows.X.dtype)
        return _evaluate(at, self._params, self._rest, self._rows, self._solver, self._key)

    def _too_many(self, report: Report) -> bool:
        """Whether low rank leaves so many steps that a whole factor is worth making."""
        n = self._rows.X.shape[0]
        many = int(report.num_steps) > _FEW + n / _ROWS_A_STEP
        return many and full_fits(n, self._solver.memory)

    def _model(self, x: np.ndarray) -> GP:
        return eqx.combine(unflatten(jnp.asarray(x), self._params), self._rest)


def _not_traced(x: Array) -> Array:
    raise NotImplementedError("a segment is searched on the host")


def _hold(
    solver: Iterative, P: Preconditioner | None, steps: Array | None, start: Array | None
) -> Iterative:
    where = lambda s: (s.preconditioner, s.steps, s.start)  # noqa: E731
    return eqx.tree_at(where, solver, (P, steps, start), is_leaf=lambda leaf: leaf is None)


def _tries(
    solver: Iterative, P: Preconditioner, steps: Array | None, start: Array | None
) -> Iterative:
    """A held solver that gives up early."""
    whole = isinstance(P.matrix, TiledCholesky)
    limit = min(solver.max_steps, _TRIAL_STEPS_WHOLE if whole else _TRIAL_STEPS)
    return _hold(replace(solver, max_steps=limit), P, steps, start)


def _strongest(model: GP, rows: Rows, solver: Iterative, key: Array) -> Preconditioner:
    """A whole factor where it fits memory and exists in single precision, else low rank."""
    if solver.rank == FULL or full_fits(rows.X.shape[0], solver.memory):
        P = _precondition(model, rows, FULL, key)
        if Status(int(P.status)).usable:
            return P
    return _weak(model, rows, solver, key)


def _weak(model: GP, rows: Rows, solver: Iterative, key: Array) -> Preconditioner:
    return _precondition(model, rows, None if solver.rank == FULL else solver.rank, key)


@eqx.filter_jit
def _precondition(model: GP, rows: Rows, rank: int | str | None, key: Array) -> Preconditioner:
    H = covariance(model, rows.X, noise_variance=rows.noise_variance, mask=rows.mask)
    return precondition(H, rank=rank, key=key)


@eqx.filter_jit
def _evaluate(
    x: Array, params: PyTree, rest: PyTree, rows: Rows, solver: Iterative, key: Array
) -> tuple[Array, Array, Estimate, Report]:
    def objective(x: Array) -> tuple[Array, tuple[Estimate, Report]]:
        model = eqx.combine(unflatten(x, params), rest)
        estimate, report = _reported(model, rows, solver, key)
        return estimate.value + log_prior(model).astype(x.dtype), (estimate, report)

    (value, (estimate, report)), gradient = jax.value_and_grad(objective, has_aux=True)(x)
    return value, gradient, estimate, report


def _reported(model: GP, rows: Rows, solver: Iterative, key: Array) -> tuple[Estimate, Report]:
    H = covariance(model, rows.X, noise_variance=rows.noise_variance, mask=rows.mask)
    residual = rows.y - prior_mean(model.mean, rows.X, rows.y.shape[1:])
    return solver.log_density_reported(H, residual, key=key)


def final_evidence(model: GP, rows: Rows, solver: Iterative, key: Array) -> Estimate:
    """The evidence anew: fresh probes, tight solves, the best preconditioner that fits."""
    P = _strongest(model, rows, solver, key)
    start = jnp.zeros((rows.y.shape[0], rows.y[0].size), rows.X.dtype)
    tight = replace(solver, rtol=solver.solve_rtol)
    held = _hold(tight, P, jnp.asarray(solver.depth, jnp.int32), start)
    return _estimated(model, rows, held, key)


@eqx.filter_jit
def _estimated(model: GP, rows: Rows, solver: Iterative, key: Array) -> Estimate:
    # No gradient is asked for, and none is computed.
    return _reported(model, rows, solver, key)[0]
