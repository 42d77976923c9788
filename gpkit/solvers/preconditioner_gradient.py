r"""What a preconditioner that moves with the parameters adds to the gradient."""

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, PyTree
from gpkit.linalg.inverse import triangular_inverse
from gpkit.linalg.preconditioners import (
    LowRankPlusDiagonal,
    cholesky_pull_back,
    transposed,
    whitening_gradient,
)
from gpkit.operators.covariance import Covariance
from gpkit.operators.recomputed import KernelOperator
from gpkit.solvers.krylov_density import TraceTerms
from gpkit.solvers.preconditioning import pivot_block


def preconditioner_gradient(
    H: Covariance, P: LowRankPlusDiagonal, pivots: Int[Array, " r"], terms: TraceTerms
) -> PyTree:
    r"""Gradient of $\log\det P$, and of the quadrature by way of W, with H itself held still.

    P and $B = W H W^\top$ are functions of the parameters through the columns of H at fixed pivots.
    With the quadrature's derivative $\sum_k c_k u_k^\top dB\, u_k$ that way makes

    $$\sum_k c_k u_k^\top (dW\, H W^\top + W H\, dW^\top)\, u_k
      = 2 \sum_k c_k \langle d(W^\top u_k),\ W^{-1} B u_k \rangle .$$

    Without it P would have to stay as it is while the parameters move away from it.

    **Cost:** 10 n r^2 flops and the derivatives of n r entries of the kernel.

    **Source:** log det P and a stochastic rest, each with its derivative: Wenger, Pleiss, Hennig,
    Cunningham and Gardner 2022; here it is the derivative of the value itself.
    """
    H = jax.lax.stop_gradient(H)
    images = P.colour(terms.images) * terms.coefficients
    dfactor, ddiagonal = whitening_gradient(P, terms.vectors, images)
    used, rows = pivots >= 0, jnp.maximum(pivots, 0)
    dcolumns, dblock = _columns_gradient(pivot_block(H, pivots), P.factor, dfactor)
    dcolumns = jnp.where(used, dcolumns.at[rows].add(jnp.where(used[:, None], dblock, 0.0)), 0.0)
    if H.mask is not None:
        dcolumns = jnp.where(H.mask[:, None] & H.mask[rows], dcolumns, 0.0)
        ddiagonal = jnp.where(H.mask, ddiagonal, 0.0)
    columns = KernelOperator(H.kernel, H.X, H.X[rows])
    found = columns.bilinear_gradient(dcolumns, jnp.eye(len(pivots), dtype=dcolumns.dtype))
    dX = found.X.at[rows].add(found.Z)
    H = eqx.tree_at(lambda H: (H.kernel, H.X, H.noise), H, (found.kernel, dX, ddiagonal))
    return eqx.filter(H, eqx.is_inexact_array)


def _columns_gradient(
    block: Float[Array, "r r"], factor: Float[Array, "n r"], dfactor: Float[Array, "n r"]
) -> tuple[Array, Array]:
    r"""Gradients of the columns K and of the block $R R^\top$, for $L = K R^{-\top}$."""
    lower = jax.lax.linalg.cholesky(block, symmetrize_input=False)
    inverse = triangular_inverse(lower)
    dcolumns = dfactor @ inverse
    dlower = -jnp.tril(transposed(dcolumns) @ factor)
    return dcolumns, cholesky_pull_back(lower, inverse, dlower)
