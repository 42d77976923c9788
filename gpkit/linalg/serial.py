"""LAPACK calls that run one matrix after another under ``vmap``.

On the CPU, jaxlib 0.10 splits a batch of eigendecompositions over its thread pool while the
calling thread of the same pool waits. Two such calls in one program, independent of each
other, can so take both threads of a two-core machine and wait for ever; two batched
triangular solves do the same (and are loops far slower than LAPACK). Single calls do not
wait. Batches of Cholesky and QR factorisations have not been seen to.
"""

import jax
import jax.numpy as jnp
from jax.scipy import linalg

from gpkit._types import Array, Float


@jax.custom_batching.sequential_vmap
def eigh(matrix: Float[Array, "n n"]) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Eigenvalues, ascending, and eigenvectors; the matrix must be Hermitian to rounding."""
    values, vectors = jnp.linalg.eigh(matrix, symmetrize_input=False)
    return values, vectors


@jax.custom_batching.sequential_vmap
def solve_lower(factor: Float[Array, "n n"], b: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
    """Solution of L x = b, without derivative; only the lower triangle is read."""
    return linalg.solve_triangular(factor, b, lower=True)


@jax.custom_batching.sequential_vmap
def solve_lower_transposed(
    factor: Float[Array, "n n"], b: Float[Array, "n ..."]
) -> Float[Array, "n ..."]:
    """Solution of L^T x = b, without derivative; only the lower triangle of L is read."""
    return linalg.solve_triangular(factor, b, lower=True, trans="T")
