"""Solves with a covariance by preconditioned conjugate gradients, refined where needed."""

from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, Scalar
from gpkit.linalg.cg_loop import CG
from gpkit.linalg.conjugate_gradients import cg
from gpkit.linalg.inverse_diagonal import InverseDiagonal, inverse_diagonal_estimate
from gpkit.linalg.tiled import TiledCholesky
from gpkit.operators.base import AbstractKernelOperator
from gpkit.operators.covariance import Covariance
from gpkit.results import Status, worst
from gpkit.solvers.base import AbstractFactor
from gpkit.solvers.preconditioning import Preconditioner
from gpkit.solvers.variance_root import (
    VarianceRoot,
    cross_columns,
    trial_points,
    variance_root,
)

# Rounds of refinement, and what each of them must gain to be followed by another.
_ROUNDS = 6
_GAIN = 0.5
# Columns solved at a time for the exact diagonal of the inverse.
_COLUMNS = 256


class Solved(NamedTuple):
    """A solution with the norm of its true residual, and a status, per column."""

    solution: Float[Array, "n k"]
    residual_norm: Float[Array, " k"]
    status: Int[Array, " k"]


@final
class IterativeFactor(AbstractFactor):
    """What a posterior keeps: the covariance, how to multiply by it, and its preconditioner."""

    H: Covariance
    operator: AbstractKernelOperator
    preconditioner: Preconditioner
    status: Int[Array, ""]
    key: Array
    rtol: float = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    root: VarianceRoot | None = None

    def solve(self, b: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        return self.solve_reported(b.reshape(b.shape[0], -1)).solution.reshape(b.shape)

    def solve_reported(self, b: Float[Array, "n k"]) -> Solved:
        """H^{-1} b with true residuals, by refinement in the precision of b.

        Inner solves use fast products (stored or single-precision tiles); between them the
        residual is computed with tiles in the precision of b. A column that stops gaining above
        `rtol` is `STAGNATED`.
        """
        exact = self.H.operator()
        scale = jnp.linalg.norm(b, axis=0)
        target = self.rtol * scale

        def correct(state: tuple) -> tuple:
            x, r, norm, _, status, count = state
            # Converged columns are solved for zero.
            wanted = jnp.where(norm > target, r, 0.0)
            found = cg(
                lambda V: self.H.matmul(V, operator=self.operator), wanted,
                preconditioner=self.preconditioner.matrix.solve,
                atol=0.5 * target, rtol=1e-8, max_steps=self.max_steps,
            )  # fmt: skip
            trial = x + found.solution
            residual = b - self.H.matmul(trial, operator=exact)
            length = jnp.linalg.norm(residual, axis=0)
            better = length < norm
            x, r = jnp.where(better, trial, x), jnp.where(better, residual, r)
            usable = jnp.where(found.status == Status.MAX_STEPS, Status.MAX_STEPS, Status.STAGNATED)
            worse = jnp.where(found.status > Status.STAGNATED, found.status, usable)
            length = jnp.minimum(length, norm)
            status = jnp.where(length <= target, Status.SUCCESS, worse).astype(jnp.int32)
            return x, r, length, norm, status, count + 1

        def going(state: tuple) -> Array:
            _, _, norm, before, _, count = state
            return (count < _ROUNDS) & jnp.any((norm > target) & (norm <= _GAIN * before))

        zeros = jnp.zeros(b.shape[1:], jnp.int32)
        start = (jnp.zeros_like(b), b, scale, jnp.full_like(scale, jnp.inf), zeros, 0)
        x, _, norm, _, status, _ = jax.lax.while_loop(going, correct, start)
        status = jnp.where(jnp.isfinite(norm), status, Status.NON_FINITE)
        return Solved(x, norm, status)

    def quadratic(self, b: Float[Array, "n m"]) -> Float[Array, " m"]:
        if self.root is not None:
            return self.root.quadratic(b)
        # From zero, b'x = x'Hx: the error is of second order in that of x.
        return jnp.sum(b * self._fast(b).solution, axis=0)

    def cached(self, *, key: Array, memory: str | int | None = None) -> "IterativeFactor":
        """With a factor in single precision for `quadratic`: see `VarianceRoot`.

        $n^3 / 3$ flops once, and then n^2 a column in place of a solve. Its error, measured at
        some points, is in ``root.error``. ValueError where it does not fit `memory`.
        """
        points = trial_points(self.H, key)
        cross = cross_columns(self.H, points)
        exact = jnp.sum(cross * self.solve(cross), axis=0)
        root = variance_root(self.H, exact, points, memory=memory)
        status = worst(self.status, root.status)
        where = lambda f: (f.root, f.status)  # noqa: E731
        return eqx.tree_at(where, self, (root, status), is_leaf=lambda leaf: leaf is None)

    def inner(self, b: Float[Array, "n m"]) -> Float[Array, "m m"]:
        x = self._fast(b).solution
        cross = b.T @ x
        # b'x + x'b - x'Hx: in error by the product of two errors, also beside the diagonal.
        return cross + cross.T - x.T @ self.H.matmul(x, operator=self.operator)

    def inverse_diagonal(self) -> Float[Array, " n"]:
        """Exact, by n solves: for a stochastic estimate see `inverse_diagonal_estimate`."""
        n = self.H.X.shape[0]
        width = min(_COLUMNS, n)
        starts = jnp.arange(-(-n // width)) * width

        def some(start: Array) -> Array:
            rows = start + jnp.arange(width)
            unit = (jnp.arange(n)[:, None] == rows[None, :]).astype(self.H.X.dtype)
            return self.quadratic(unit)

        return jax.lax.map(some, starts).reshape(-1)[:n]

    def inverse_diagonal_estimate(
        self, *, key: Array, num_probes: int = 32
    ) -> tuple[InverseDiagonal, Solved]:
        """A stochastic `inverse_diagonal` with its errors, and the solves for the probes.

        See `gpkit.linalg.inverse_diagonal_estimate`.
        """
        solves = []
        if isinstance(self.preconditioner.matrix, TiledCholesky):
            raise ValueError(
                "the estimate needs a low-rank preconditioner: condition with a number as rank"
            )

        def solve(b: Array) -> Array:
            solves.append(self._fast(b))
            return solves[0].solution

        noise = self.H.row_noise()
        estimate = inverse_diagonal_estimate(
            solve, self.preconditioner.matrix, key=key, num_probes=num_probes,
            diagonal=self.H.diagonal(), smallest=jnp.min(noise),
        )  # fmt: skip
        found = solves[0]
        return estimate, Solved(found.solution, found.residual_norm, found.status)

    def logdet(self) -> Scalar:
        raise NotImplementedError(
            "an iterative factor has no exact log-determinant: take gpkit.log_evidence, which "
            "gives an estimate with its error"
        )

    def _fast(self, b: Array) -> CG:
        return cg(
            lambda V: self.H.matmul(V, operator=self.operator), b,
            preconditioner=self.preconditioner.matrix.solve,
            rtol=max(self.rtol, 1e-4), max_steps=self.max_steps,
        )  # fmt: skip
