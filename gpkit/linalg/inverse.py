r"""Inverses made of matrix products.

JAX offers no ``potri``, and solving against the identity spends its flops in triangular
solves that run well below the speed of a matrix product. The triangular inverse here halves
the matrix a few times and spends nearly all its flops in products of the halves,

$$\begin{bmatrix} A & 0 \\ B & C \end{bmatrix}^{-1}
  = \begin{bmatrix} A^{-1} & 0 \\ -C^{-1} B A^{-1} & C^{-1} \end{bmatrix},$$

or, for large matrices, goes by panels (`gpkit.linalg.panels`). The product $T^\top T$ of the
inverse with itself goes by strips that skip its zeros.
"""

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float
from gpkit.linalg import serial
from gpkit.linalg.panels import LARGE, inverse_by_panels

# Below this size one library call beats two halves; at most eight leaves keep compilation
# short (every leaf and every join is an instruction of its own).
_SMALL_LEAF = 128
_MAX_LEAVES = 8


@jax.custom_jvp
def triangular_inverse(factor: Float[Array, "n n"]) -> Float[Array, "n n"]:
    r"""Inverse T of a lower triangular matrix L, with $dT = -T\, dL\, T$.

    **Cost:** up to 2/3 n^3 flops (floor 1/3 n^3, nearly met from n = 2048 on) and two n x n
    arrays.
    """
    n = factor.shape[0]
    if n >= LARGE:
        return inverse_by_panels(factor)
    return _by_halves(factor, max(_SMALL_LEAF, -(-n // _MAX_LEAVES)))


@triangular_inverse.defjvp
def _triangular_inverse_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    inverse = triangular_inverse(*primals)
    return inverse, -inverse @ (jnp.tril(tangents[0]) @ inverse)


def spd_inverse(factor: Float[Array, "n n"]) -> Float[Array, "n n"]:
    r"""$(L L^\top)^{-1}$ from the lower Cholesky factor L; symmetric.

    **Cost:** about 4/3 n^3 flops, from n = 2048 on 5/6 n^3 (floor 2/3 n^3), and three n x n
    arrays.
    """
    lower = lower_spd_inverse(factor)
    return lower + jnp.tril(lower, -1).T


def lower_spd_inverse(factor: Float[Array, "n n"]) -> Float[Array, "n n"]:
    r"""Lower triangle of $(L L^\top)^{-1}$, zeros above it."""
    return jnp.tril(_lower_gram(triangular_inverse(factor)))


def _by_halves(factor: Array, leaf: int) -> Array:
    n = factor.shape[0]
    if n <= leaf:
        return serial.solve_lower(factor, jnp.eye(n, dtype=factor.dtype))
    m = n // 2
    first = _by_halves(factor[:m, :m], leaf)
    second = _by_halves(factor[m:, m:], leaf)
    corner = -(second @ (factor[m:, :m] @ first))
    return jnp.block([[first, jnp.zeros((m, n - m), factor.dtype)], [corner, second]])


def _lower_gram(t: Array) -> Array:
    """The product t.T @ t in strips of rows, each only as far as its diagonal block."""
    n = t.shape[0]
    strip = max(_SMALL_LEAF, -(-n // _MAX_LEAVES))
    if n <= strip:
        return t.T @ t
    product = t
    for start in range(0, n, strip):
        end = min(start + strip, n)
        # Rows above `start` are zero in these columns and hold finished rows of the product.
        # The transpose is written out: on a CPU a product with a transposed left side runs at
        # half speed.
        left = jax.lax.optimization_barrier(product[start:, start:end].T)
        rows = left @ product[start:, :end]
        product = jax.lax.dynamic_update_slice(product, rows, (start, 0))
    return product
