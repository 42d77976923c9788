r"""Solve, inverse, log-determinant and quadratic form from one Cholesky factorisation.

With $A = L L^\top$ and X its inverse, the derivatives are

$$d(A^{-1} b) = A^{-1} (db - dA\, x), \qquad dX = -X\, dA\, X, \qquad
d \log\det A = \mathrm{tr}(X\, dA), \qquad d(b^\top x) = 2 x^\top db - x^\top dA\, x$$

with $x = A^{-1} b$: none of them passes through the derivative of L. Each is written in terms
of the same functions, so that every further order is exact as well.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, Scalar
from gpkit.linalg.factorisation import cholesky
from gpkit.linalg.inverse import spd_inverse
from gpkit.linalg.serial import solve_lower, solve_lower_transposed
from gpkit.linalg.triangular import sum_log_diagonal


class SPDFactor(NamedTuple):
    r"""A factorised symmetric positive definite matrix $A = L L^\top$.

    `matrix` is A itself, jitter included; `factor` is L, with the derivative of `cholesky`
    for those who use it directly. The methods take the derivative in closed form, and do not
    use that of L. Where `status` is not usable, every result is NaN.
    """

    matrix: Float[Array, "n n"]
    factor: Float[Array, "n n"]
    jitter: Scalar
    status: Int[Array, ""]

    def solve(self, b: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        r"""$A^{-1} b$ for a vector or a matrix b.

        **Cost:** 2 n^2 flops a column; the same and n^2 multiply-adds again for the gradient
        in A, which is $-\bar b\, x^\top$ (symmetrised) with $\bar b = A^{-1} \bar x$.
        """
        _check_rows(self.matrix, b)
        return _solve(self.matrix, jax.lax.stop_gradient(self.factor), b)

    def inverse(self) -> Float[Array, "n n"]:
        r"""$X = A^{-1}$, symmetric to rounding.

        **Cost:** 4/3 n^3 flops; 4 n^3 for a derivative, $\bar A = -X \bar X X$.
        """
        return _inverse(self.matrix, jax.lax.stop_gradient(self.factor))

    def logdet(self) -> Scalar:
        r"""$\log\det A$.

        **Cost:** n flops; one `inverse` for a derivative, in either mode.
        """
        return _logdet(self.matrix, jax.lax.stop_gradient(self.factor))

    def inv_quad(self, b: Float[Array, "n ..."]) -> Float[Array, "..."]:
        r"""$b^\top A^{-1} b \ge 0$; for a matrix b one number for each column.

        **Cost:** n^2 flops a column; a derivative n^2 and a product with n^2 entries more.
        """
        _check_rows(self.matrix, b)
        return _inv_quad(self.matrix, jax.lax.stop_gradient(self.factor), b)


def spd_factor(a: Float[Array, "n n"], *, scale: Scalar | None = None) -> SPDFactor:
    """Factorise a symmetric positive definite matrix once, for all of `SPDFactor`.

    **Arguments:** `a` is symmetric (of an asymmetric one the symmetric part is taken);
    `scale` as for `cholesky`, which chooses the jitter and the status and whose remarks on
    failure hold here. Jitter is held constant in derivatives.

    **Cost:** n^3 / 3 flops and two n x n arrays. Batches by ``vmap``.

    **Raises:** `ValueError` if `a` is not square.

    **Source:** Giles, "Collected matrix derivative results" (2008), section 2; Seeger et al.
    (2017), potrf and potri.
    """
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(
            f"spd_factor needs a square matrix, got shape {a.shape}; use vmap for a batch"
        )
    symmetric = 0.5 * (a + a.T)
    factor, jitter, status = cholesky(symmetric, scale=scale)
    matrix = symmetric + jitter * jnp.eye(a.shape[0], dtype=a.dtype)
    return SPDFactor(matrix, factor, jitter, status)


def _check_rows(matrix: Array, b: Array) -> None:
    if b.ndim not in (1, 2) or b.shape[0] != matrix.shape[0]:
        raise ValueError(
            f"b must be a vector or a matrix with {matrix.shape[0]} rows, got shape {b.shape}"
        )


# One after another under vmap: it is made of triangular solves (see `gpkit.linalg.serial`).
_inverse_of = jax.custom_batching.sequential_vmap(spd_inverse)

# `factor` is the factor of `matrix`, held constant: all derivatives are taken in `matrix`.


def _solve(matrix: Array, factor: Array, b: Array) -> Array:
    def by_factor(_: object, rhs: Array) -> Array:
        return solve_lower_transposed(factor, solve_lower(factor, rhs))

    dtype = jnp.result_type(matrix, b)
    return jax.lax.custom_linear_solve(
        lambda x: matrix @ x, b.astype(dtype), by_factor, symmetric=True
    )


@jax.custom_jvp
def _inverse(matrix: Array, factor: Array) -> Array:
    del matrix
    return _inverse_of(factor)


@_inverse.defjvp
def _inverse_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    inverse, (dmatrix, _) = _inverse(*primals), tangents
    return inverse, -inverse @ dmatrix @ inverse


@jax.custom_jvp
def _logdet(matrix: Array, factor: Array) -> Array:
    del matrix
    return 2 * sum_log_diagonal(factor)


@_logdet.defjvp
def _logdet_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    return _logdet(*primals), jnp.sum(_inverse(*primals) * tangents[0])


@jax.custom_jvp
def _inv_quad(matrix: Array, factor: Array, b: Array) -> Array:
    del matrix
    return jnp.sum(solve_lower(factor, b) ** 2, axis=0)


@_inv_quad.defjvp
def _inv_quad_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (matrix, factor, b), (dmatrix, _, db) = primals, tangents
    x = _solve(matrix, factor, b)
    return _inv_quad(matrix, factor, b), jnp.sum(x * (2 * db - dmatrix @ x), axis=0)
