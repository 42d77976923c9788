r"""Products and solves with triangular matrices, A A^T, and the sum of log diagonals.

The level-3 operators of Seeger et al. (2017, section 3). They take one matrix; batches go by
``vmap``. Of a triangular argument only the lower triangle is read, and only the lower
triangle of its gradient is filled.
"""

from functools import partial

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Scalar
from gpkit.linalg.serial import solve_lower, solve_lower_transposed

# Products skip the zero half of a triangle by strips of rows, at most so many of them and
# none narrower than this: below it, one product is faster.
_MAX_STRIPS = 8
_NARROWEST = 128


def trmm(
    factor: Float[Array, "n n"], b: Float[Array, "..."], *, side: str = "left", trans: str = "N"
) -> Float[Array, "..."]:
    r"""Product with a lower triangular matrix: $\mathrm{op}(L) B$ or $B\, \mathrm{op}(L)$.

    **Arguments:** `factor` is L, of which only the lower triangle is read; `b` a vector or a
    matrix; `side` is "left" or "right"; `trans` is "N" for op(L) = L, "T" for $L^\top$.

    **Derivative:** $\bar B = L^\top \bar C$, $\bar L = \mathrm{tril}(\bar C B^\top)$ for C = L B.

    **Cost:** from n^2 k (large n) to 2 n^2 k flops for k columns, twice that again for a
    gradient; one copy of the triangle.

    **Raises:** `ValueError` for shapes that do not fit and for other values of the options.

    **Source:** Seeger et al. (2017), table 1.
    """
    _check("trmm", factor, b, side, trans)
    if side == "right":
        # B op(L) is the transpose of op(L)^T B^T.
        other = "T" if trans == "N" else "N"
        return trmm(factor, b.T, trans=other).T
    lower = jnp.tril(factor)
    edges = _edges(factor.shape[0])
    if trans == "N":
        return jnp.concatenate([lower[i:j, :j] @ b[:j] for i, j in edges])
    return jnp.concatenate([lower[i:, i:j].T @ b[i:] for i, j in edges])


def trsm(
    factor: Float[Array, "n n"], b: Float[Array, "..."], *, side: str = "left", trans: str = "N"
) -> Float[Array, "..."]:
    r"""Triangular solve: $\mathrm{op}(L)^{-1} B$ or $B\, \mathrm{op}(L)^{-1}$.

    **Arguments:** as for `trmm`.

    **Derivative:** for L X = B, $\bar B = L^{-\top} \bar X$ and
    $\bar L = -\mathrm{tril}(\bar B X^\top)$: one more solve and one product.

    **Cost:** n^2 k flops for k columns, three times that again for a gradient. A batch runs
    one after another.

    **Failure:** infinity or NaN where a diagonal entry is zero.

    **Raises:** `ValueError` as `trmm`.

    **Source:** Seeger et al. (2017), table 1.
    """
    _check("trsm", factor, b, side, trans)
    if side == "right":
        other = "T" if trans == "N" else "N"
        return trsm(factor, b.T, trans=other).T
    lower = jnp.tril(factor)
    # LAPACK reads one triangle only, so the value needs no copy of it.
    frozen = jax.lax.stop_gradient(factor)
    forward, backward = partial(solve_lower, frozen), partial(solve_lower_transposed, frozen)
    if trans == "T":
        forward, backward, lower = backward, forward, lower.T
    # The product only serves the derivative; it is never run for the value.
    return jax.lax.custom_linear_solve(
        lambda x: lower @ x,
        b.astype(jnp.result_type(b, factor)),
        lambda _, y: forward(y),
        lambda _, y: backward(y),
    )


def syrk(a: Float[Array, "n k"], *, trans: str = "N") -> Float[Array, "n n"]:
    r"""$A A^\top$ (`trans` "N") or $A^\top A$ ("T"), exactly symmetric.

    **Derivative:** $\bar A = (\bar C + \bar C^\top) A$, one product where differentiating
    A A^T as two factors takes two.

    **Cost:** from n^2 k (large n) to 2 n^2 k flops, 2 n^2 k more for a derivative.

    **Raises:** `ValueError` if `a` is not a matrix or `trans` is neither "N" nor "T".

    **Source:** Seeger et al. (2017), table 1.
    """
    if a.ndim != 2:
        raise ValueError(f"syrk needs a matrix, got shape {a.shape}; use vmap for a batch")
    _check_option("syrk", "trans", trans, ("N", "T"))
    return _outer(a if trans == "N" else a.T)


@jax.custom_jvp
def _outer(a: Array) -> Array:
    n = a.shape[0]
    strips = [jnp.pad(a[i:j] @ a[:j].T, ((0, 0), (0, n - j))) for i, j in _edges(n)]
    lower = jnp.tril(jnp.concatenate(strips))
    return lower + jnp.tril(lower, -1).T


@_outer.defjvp
def _outer_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (a,), (da,) = primals, tangents
    half = da @ a.T
    return _outer(a), half + half.T


def sum_log_diagonal(factor: Float[Array, "n n"]) -> Scalar:
    r"""$\sum_i \log L_{ii}$: half the log-determinant of $L L^\top$.

    **Derivative:** $\bar L = \mathrm{diag}(1 / L_{ii})$, zero off the diagonal.

    **Cost:** n logarithms.

    **Failure:** NaN for a negative diagonal entry, -inf for a zero one.

    **Raises:** `ValueError` if `factor` is not square.

    **Source:** Seeger et al. (2017), table 1.
    """
    _check_square("sum_log_diagonal", factor)
    return jnp.sum(jnp.log(jnp.diagonal(factor)))


def _edges(n: int) -> list[tuple[int, int]]:
    width = max(_NARROWEST, -(-n // _MAX_STRIPS))
    return [(start, min(start + width, n)) for start in range(0, n, width)]


def _check(name: str, factor: Array, b: Array, side: str, trans: str) -> None:
    _check_square(name, factor)
    _check_option(name, "side", side, ("left", "right"))
    _check_option(name, "trans", trans, ("N", "T"))
    axis = 0 if side == "left" else -1
    if b.ndim not in (1, 2) or b.shape[axis] != factor.shape[0]:
        raise ValueError(
            f"{name} with side={side!r} needs b with {factor.shape[0]} "
            f"{'rows' if side == 'left' else 'columns'}, got shape {b.shape}"
        )


def _check_square(name: str, matrix: Array) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"{name} needs a square matrix, got shape {matrix.shape}; use vmap for a batch"
        )


def _check_option(name: str, option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}: {option} must be one of {allowed}, got {value!r}")
