r"""Inverses made of matrix products.

JAX offers no ``potri``, and solving against the identity spends its flops in triangular
solves that run well below the speed of a matrix product. The triangular inverse here halves
the matrix a few times and spends nearly all its flops in products of the halves,

$$\begin{bmatrix} A & 0 \\ B & C \end{bmatrix}^{-1}
  = \begin{bmatrix} A^{-1} & 0 \\ -C^{-1} B A^{-1} & C^{-1} \end{bmatrix},$$

and the product $T^\top T$ of the inverse with itself goes by strips that skip its zeros.
"""

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from gpkit._types import Array, Float

# Below this size one library call beats two halves; at most eight leaves keep compilation
# short (every leaf and every join is an instruction of its own).
_SMALL_LEAF = 128
_MAX_LEAVES = 8


def triangular_inverse(factor: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Inverse of a lower triangular matrix.

    **Cost:** 2/3 n^3 flops (floor 1/3 n^3) and two n x n arrays.
    """
    return _triangular_inverse(factor, _leaf(factor.shape[0]))


def spd_inverse(factor: Float[Array, "n n"]) -> Float[Array, "n n"]:
    r"""$(L L^\top)^{-1}$ from the lower Cholesky factor L; symmetric to rounding.

    **Cost:** about 4/3 n^3 flops (floor 2/3 n^3) and three n x n arrays.
    """
    leaf = _leaf(factor.shape[0])
    return _gram_of_lower(_triangular_inverse(factor, leaf), leaf)


def _leaf(n: int) -> int:
    return max(_SMALL_LEAF, -(-n // _MAX_LEAVES))


def _triangular_inverse(factor: Array, leaf: int) -> Array:
    n = factor.shape[0]
    if n <= leaf:
        return solve_triangular(factor, jnp.eye(n, dtype=factor.dtype), lower=True)
    m = n // 2
    first = _triangular_inverse(factor[:m, :m], leaf)
    second = _triangular_inverse(factor[m:, m:], leaf)
    corner = -(second @ (factor[m:, :m] @ first))
    return jnp.block([[first, jnp.zeros((m, n - m), factor.dtype)], [corner, second]])


def _gram_of_lower(t: Array, strip: int) -> Array:
    """The product t.T @ t in strips of rows, each only as far as its diagonal block."""
    n = t.shape[0]
    if n <= strip:
        return t.T @ t
    product = jnp.zeros_like(t)
    for start in range(0, n, strip):
        end = min(start + strip, n)
        # Rows of t above `start` are zero in these columns.
        rows = t[start:, start:end].T @ t[start:, :end]
        product = product.at[start:end, :end].set(rows)
        product = product.at[:start, start:end].set(rows[:, :start].T)
    return product
