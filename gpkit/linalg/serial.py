"""Eigendecomposition that runs one matrix after another under ``vmap``.

On the CPU, jaxlib 0.10 splits a batch of LAPACK calls over its thread pool while the calling
thread of the same pool waits. Two such calls in one program, independent of each other, can so
take both threads of a two-core machine and wait for ever. Single calls do not wait.
"""

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float


@jax.custom_batching.sequential_vmap
def eigh(matrix: Float[Array, "n n"]) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Eigenvalues, ascending, and eigenvectors; the matrix must be Hermitian to rounding."""
    values, vectors = jnp.linalg.eigh(matrix, symmetrize_input=False)
    return values, vectors
