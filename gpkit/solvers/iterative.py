r"""The matrix-free solver: preconditioned Krylov methods on products with the covariance."""

import math
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, PyTree
from gpkit.linalg.implicit import first_order_only, with_stored_gradient
from gpkit.linalg.preconditioners import LowRankPlusDiagonal
from gpkit.operators.covariance import Covariance
from gpkit.operators.memory import parse_memory
from gpkit.operators.recomputed import KernelOperator
from gpkit.operators.stored import StoredOperator, stored_bytes
from gpkit.results import Estimate, worst
from gpkit.solvers.base import AbstractSolver
from gpkit.solvers.iterative_factor import IterativeFactor
from gpkit.solvers.krylov_bound import Operator, error_bound
from gpkit.solvers.krylov_density import Budget, Krylov, krylov
from gpkit.solvers.krylov_gradient import log_density_gradient
from gpkit.solvers.preconditioning import (
    FULL,
    Preconditioner,
    deflation,
    from_pivots,
    precondition,
)

_GRADIENTS = ("forward", "pathwise", "solves", "adjoint")
_MEMORY = "4GB"
_RTOL = 1e-5
# Steps that a frozen solver makes beyond those that were needed where it was made.
MARGIN = 2
# The part of the memory that bases may take; the rest is for tiles.
_BASES = 0.25
_ONCE = (
    "the iterative solver has no second derivatives: take solver=gpkit.solvers.Dense(), or "
    "differences of its gradient"
)


class Report(NamedTuple):
    """The weights that a run found, its steps, and those of conjugate gradients after it."""

    weights: Float[Array, "n t"]
    num_steps: Int[Array, ""]
    extra_steps: Int[Array, ""]


@final
class Iterative(AbstractSolver):
    r"""Preconditioned Lanczos and conjugate gradients; the matrix is never factorised.

    A value and its gradient cost some `depth` products with `num_probes` + 1 columns at most, and
    one pass for the gradient: $O(n^2)$ time, and $O(n)$ memory beside stored tiles.

    **Arguments:**

    - `rank`: columns of the partial Cholesky factor of the preconditioner, by default
      $4\sqrt n$; or "full", a whole factor in float32: $n^3 / 3$ flops and $2 n^2$ bytes.
    - `num_probes`: random probes of the log-determinant; the standard error falls with the root of
      their number.
    - `depth`: Lanczos steps at most. A run ends as soon as the weights reach `rtol` and the probes
      `probe_rtol` (relative residuals of their linear systems; the error of the quadrature is
      of the size of the square).
    - `rtol`: by default what leaves an error of a thousandth of a nat, and 1e-5 for the solves of
      a posterior. The derivative in y, the weights themselves, is then good to two or three
      digits: pass 1e-5 where it is wanted for itself.
    - `max_steps`: steps of conjugate gradients that may follow for the weights alone.
    - `gradient`: estimator of the trace, "forward", "pathwise" or "solves", see
      `gpkit.solvers.krylov_density.trace_terms`; or "adjoint", the derivative of the quadrature
      of exactly `depth` steps, twice the products and more.
    - `dtype`: precision of kernel tiles; float32 by default. Stored tiles hold what a few pivots
      leave of the matrix, so that single precision rounds that and not the matrix.
    - `memory`: bytes or a size such as ``"4GB"`` (default). Tiles are stored where they fit, and
      evaluated anew in every product where not.
    - `preconditioner`, `steps`, `start`: data set by `frozen`.

    **Raises:** ValueError for counts below one, a tolerance that is not positive, or another
    gradient.

    Source: Gardner, Pleiss, Bindel, Weinberger and Wilson 2018; Wenger, Pleiss, Hennig, Cunningham
    and Gardner 2022.
    """

    preconditioner: Preconditioner | None
    steps: Int[Array, ""] | None
    start: Float[Array, "n t"] | None
    rank: int | str | None = eqx.field(static=True)
    num_probes: int = eqx.field(static=True)
    depth: int = eqx.field(static=True)
    rtol: float | None = eqx.field(static=True)
    probe_rtol: float = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    gradient: str = eqx.field(static=True)
    dtype: str = eqx.field(static=True)
    memory: int = eqx.field(static=True)

    def __init__(
        self,
        *,
        rank: int | str | None = None,
        num_probes: int = 15,
        depth: int = 96,
        rtol: float | None = None,
        probe_rtol: float = 1e-2,
        max_steps: int = 1000,
        gradient: str = "forward",
        dtype: Any = "float32",
        memory: str | int = _MEMORY,
        preconditioner: Preconditioner | None = None,
        steps: Int[Array, ""] | None = None,
        start: Float[Array, "n t"] | None = None,
    ):
        if gradient not in _GRADIENTS:
            raise ValueError(f"gradient must be one of {_GRADIENTS}, got {gradient!r}")
        counts = {"num_probes": num_probes, "depth": depth, "max_steps": max_steps}
        if isinstance(rank, str) and rank != FULL:
            raise ValueError(f"rank must be a number of columns, None or {FULL!r}, got {rank!r}")
        counts |= {"rank": rank} if isinstance(rank, int) else {}
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1, got {count}")
        for name, tolerance in {"rtol": rtol, "probe_rtol": probe_rtol}.items():
            if tolerance is not None and not 0 < tolerance < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {tolerance}")
        self.rank, self.num_probes, self.depth = rank, num_probes, depth
        self.rtol = None if rtol is None else float(rtol)
        self.probe_rtol, self.max_steps = float(probe_rtol), max_steps
        self.gradient, self.dtype = gradient, str(jnp.dtype(dtype))
        self.memory = parse_memory(memory)
        self.preconditioner, self.steps, self.start = preconditioner, steps, start

    def log_density(
        self, H: Covariance, residual: Float[Array, "n ..."], *, key: Array | None = None
    ) -> Estimate:
        """An estimate: see `Estimate` for its standard error and error bound.

        The random part is the log-determinant; solves, truncated quadrature and rounding are in
        the bound. First derivatives only, forward or reverse: second ones raise.
        """
        return self.log_density_reported(H, residual, key=key)[0]

    def log_density_reported(
        self, H: Covariance, residual: Float[Array, "n ..."], *, key: Array | None = None
    ) -> tuple[Estimate, Report]:
        """`log_density`, and what the run was like: for loops that go on from it."""
        columns = residual.reshape(residual.shape[0], -1)
        if H.mask is not None:
            columns = jnp.where(H.mask[:, None], columns, 0.0)
        arrays, static = eqx.partition(H, eqx.is_inexact_array)
        key = _needed(key)

        def value_and_gradient(arrays: PyTree, columns: Array) -> tuple[Array, tuple, tuple]:
            arrays, columns = first_order_only((arrays, columns), _ONCE)
            H = jax.lax.stop_gradient(eqx.combine(arrays, static))
            return self._evaluate(H, jax.lax.stop_gradient(columns), key)

        value, (samples, bound, status, report) = with_stored_gradient(
            value_and_gradient, arrays, columns
        )
        status = worst(status, H.status)
        return Estimate(value, samples, bound, status, jax.random.key_data(key)), report

    def factorise(self, H: Covariance, *, key: Array | None = None) -> IterativeFactor:
        """Preconditioner and products: every solve is one of conjugate gradients."""
        pivots, _ = jax.random.split(_needed(key))
        P = self._preconditioner(H, pivots)
        operator = self.operator(H, P)
        return IterativeFactor(
            H=H,
            operator=operator,
            preconditioner=P,
            status=worst(H.status, P.status),
            key=_needed(key),
            rtol=self.solve_rtol,
            max_steps=self.max_steps,
        )

    def frozen(self, H: Covariance, residual: Float[Array, "n ..."], *, key: Array) -> "Iterative":
        """This solver with pivots, number of steps and first guess kept as data.

        Its log density under one key is a smooth function of the parameters: what a line search
        needs. A low-rank preconditioner follows the parameters at fixed pivots, and the gradient
        with it; a whole factor stays as it is, cheap as long as they stay near those of H.
        """
        columns = residual.reshape(residual.shape[0], -1)
        found, P = _explore(self, H, columns, key)
        steps = jnp.minimum(found.num_steps + MARGIN, self.depth)
        where = lambda s: (s.preconditioner, s.steps, s.start)  # noqa: E731
        return eqx.tree_at(
            where, self, (P, steps, found.weights), is_leaf=lambda leaf: leaf is None
        )

    @property
    def solve_rtol(self) -> float:
        """Relative residual of solves for more than a value."""
        return _RTOL if self.rtol is None else self.rtol

    def operator(self, H: Covariance, P: Preconditioner) -> Operator:
        """How the kernel's part of H is multiplied: stored tiles where memory allows."""
        recomputed = H.operator(dtype=self._tile_dtype(H))
        room = (1 - _BASES) * self.memory
        if stored_bytes(recomputed) > room:
            return KernelOperator(H.kernel, H.X, dtype=self._tile_dtype(H), memory=self.memory)
        return StoredOperator(recomputed, deflation=deflation(H, P.pivots))

    def _tile_dtype(self, H: Covariance) -> Any:
        return jnp.promote_types(jnp.float32, min(jnp.dtype(self.dtype), H.X.dtype, key=_bits))

    def _preconditioner(self, H: Covariance, key: Array) -> Preconditioner:
        held = self.preconditioner
        if held is None:
            return precondition(H, rank=self.rank, key=key)
        if not self._follows(held):
            return jax.lax.stop_gradient(held)
        return jax.lax.stop_gradient(from_pivots(H, held.pivots))

    def _follows(self, held: Preconditioner | None) -> bool:
        """Whether a preconditioner that is held follows the parameters, at fixed pivots."""
        low_rank = held is not None and isinstance(held.matrix, LowRankPlusDiagonal)
        return low_rank and self.gradient != "adjoint"

    def _run(self, H: Covariance, r: Array, key: Array) -> tuple[Krylov, Preconditioner, Any]:
        pivots, probes = jax.random.split(key)
        P = self._preconditioner(H, pivots)
        operator = self.operator(H, P)
        n = r.shape[0]
        Z = jax.random.rademacher(probes, (n, self.num_probes), r.dtype)
        if H.mask is not None:
            Z = jnp.where(H.mask[:, None], Z, 0.0)
        width = r.dtype.itemsize * n * (self.num_probes + r.shape[1])
        depth = max(8, min(self.depth, int(_BASES * self.memory) // width))
        # The adjoint is that of all `depth` steps: none may be left out.
        probe_rtol = 0.0 if self.gradient == "adjoint" else self.probe_rtol
        budget = Budget(depth, self.steps, self.rtol, probe_rtol, self.max_steps)
        found = krylov(H, operator, P.matrix, r, Z, budget, start=self.start)
        return found, P, operator

    def _evaluate(self, H: Covariance, r: Array, key: Array) -> tuple[Array, tuple, tuple]:
        """Value, gradients of H and r, and what is reported."""
        found, P, operator = self._run(H, r, key)
        t = r.shape[1]
        rows = H.num_rows()
        constant = 0.5 * math.log(2 * math.pi) * rows * t
        samples = -0.5 * found.quadratic - 0.5 * t * found.samples - constant
        gradient = log_density_gradient(
            H, found, P, estimator=self.gradient, memory=self.memory,
            follows=self._follows(self.preconditioner),
        )  # fmt: skip
        bound = error_bound(H, found, operator)
        status = worst(found.status, P.status)
        took = Report(found.weights, found.num_steps, found.extra_steps)
        report = samples, bound, status, took
        return jnp.mean(samples), (gradient, -found.weights), report


@eqx.filter_jit
def _explore(
    solver: Iterative, H: Covariance, r: Array, key: Array
) -> tuple[Krylov, Preconditioner]:
    if H.mask is not None:
        r = jnp.where(H.mask[:, None], r, 0.0)
    return solver._run(H, r, key)[:2]


def _needed(key: Array | None) -> Array:
    if key is None:
        raise ValueError("the iterative solver draws random probes: pass key=jax.random.key(0)")
    return key


def _bits(dtype: Any) -> int:
    return jnp.finfo(dtype).bits
