r"""Golub-Kahan bidiagonalisation with hand-written tangent and adjoint.

For a rectangular A (m x n) and a start vector v of length n, K steps give orthonormal left
vectors u_1..u_K (length m) and right vectors v_1..v_K (length n) with

$$A V = U B, \qquad A^H U = V B^\top + r e_K^\top, \qquad v_1 = v / \|v\|,$$

B real upper bidiagonal with diagonal alpha and superdiagonal beta. With the unnormalised

$$x_k = A v_k - \beta_{k-1} u_{k-1} = \alpha_k u_k, \qquad
y_k = A^H u_k - \alpha_k v_k = \beta_k v_{k+1},$$

the tangent of every half step is that of `lanczos`: with w the derivative of the right-hand
side,

$$\dot x_k = w - \sum_{j<k} u_j (u_j^H w + \dot u_j^H x_k), \qquad
\dot y_k = w' - \sum_{j \le k} v_j (v_j^H w' + \dot v_j^H y_k),$$

and the adjoint is the exact transpose of these. Nothing but the two bases is stored.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, MatVec, PyTree
from gpkit.linalg import krylov
from gpkit.linalg.primitive import pushforward, with_adjoint


class Bidiagonal(NamedTuple):
    """A bidiagonalisation of depth K.

    If the spaces become invariant after `num_steps` < K steps, then the decomposition ends
    there: later vectors and coefficients are zero and `status` is `Status.EARLY_BREAKDOWN`.
    `Status.NON_FINITE` if NaN or infinity was met.
    """

    left: PyTree  # rows u_k: the structure of A v with a leading axis K
    right: PyTree  # rows v_k: the structure of v with a leading axis K
    diagonal: Float[Array, " K"]
    superdiagonal: Float[Array, " K-1"]
    residual: PyTree  # structure of v
    norm: Float[Array, ""]
    num_steps: Any  # an integer scalar, like status; None in a tangent
    status: Any

    def matrix(self) -> Float[Array, "K K"]:
        """The upper bidiagonal matrix B."""
        return jnp.diag(self.diagonal) + jnp.diag(self.superdiagonal, 1)


def bidiagonalise(matvec: MatVec, v: PyTree, *params: PyTree, depth: int) -> Bidiagonal:
    """Golub-Kahan bidiagonalisation of the rectangular operator ``matvec(v, *params)``.

    The product with A^H is made from `matvec` by transposition. Both bases are fully
    reorthogonalised.

    **Arguments:** `matvec` maps pytrees like `v` linearly to pytrees of another shape; it is
    differentiable in `params` and in what it is closed over. `depth` is at most min(m, n).

    **Cost:** `depth` products with A and A^H, twice as many for a gradient; memory
    K (m + n) forward and one and a half times that for a gradient, and three vectors for each of
    16 steps or more, as for `lanczos`.

    **Breakdown:** as for `lanczos`.

    **Raises:** `ValueError` for a depth outside of 1..min(m, n); `TypeError` if `v` is not
    floating point.

    **Source:** Golub and Van Loan, Matrix Computations, section 10.4; derivative: see the
    module.
    """
    flat = krylov.flatten(matvec, v, params)
    depth = krylov.check_depth(depth, min(flat.vector.size, flat.num_rows))
    run = with_adjoint(*maps(flat.apply, flat.num_rows, depth))
    out = run(flat.operands, flat.vector)
    return out._replace(
        left=jax.vmap(flat.unravel_image)(out.left),
        right=jax.vmap(flat.unravel)(out.right),
        residual=flat.unravel(out.residual),
    )


def maps(apply: Callable, num_rows: int, depth: int) -> krylov.Maps:
    """Decomposition of ``apply(operands, x)`` on vectors, its derivative and the transpose."""
    return krylov.Maps(
        partial(_forward, apply, num_rows, depth),
        partial(_tangent, apply),
        partial(_adjoint, apply),
    )


def _transposed(apply: Callable, size: int, operands: PyTree, u: Array) -> Array:
    """A^H u."""
    (image,) = jax.linear_transpose(partial(apply, operands), jnp.zeros(size, u.dtype))(u.conj())
    return image.conj()


def _forward(apply: Callable, num_rows: int, depth: int, operands: PyTree, v: Array) -> Bidiagonal:
    _, norm, first = krylov.normalise(v, jnp.zeros_like(v.real[0]))
    left = jnp.zeros((depth, num_rows), v.dtype)
    right = jnp.zeros((depth, v.size), v.dtype).at[0].set(first)

    def step(carry: tuple, k: Array) -> tuple[tuple, tuple]:
        left, right, u_before, v_now, beta_before, scale, _ = carry
        image = apply(operands, v_now)
        scale = jnp.maximum(scale, jnp.linalg.norm(image))
        x = image - beta_before * u_before
        x = x - (left.conj() @ x) @ left
        _, alpha, u_now = krylov.normalise(x, scale)
        left = left.at[k].set(u_now)
        y = _transposed(apply, v.size, operands, u_now) - alpha * v_now
        y = y - (right.conj() @ y) @ right
        y, beta, v_after = krylov.normalise(y, scale)
        right = right.at[k + 1].set(v_after, mode="drop")
        return (left, right, u_now, v_after, beta, scale, y), (alpha, beta)

    zero = jnp.zeros_like(norm)
    start = (left, right, jnp.zeros(num_rows, v.dtype), first, zero, zero, jnp.zeros_like(v))
    (left, right, *_, residual), (diagonal, lengths) = jax.lax.scan(step, start, jnp.arange(depth))
    num_steps = jnp.sum((diagonal != 0) & (norm != 0)).astype(jnp.int32)
    status = krylov.outcome(num_steps, depth, diagonal, lengths, norm)
    return Bidiagonal(left, right, diagonal, lengths[:-1], residual, norm, num_steps, status)


class _Step(NamedTuple):
    """What is known of step k."""

    u_before: Array
    u: Array
    v: Array
    v_after: Array  # zero at the last step
    x: Array  # alpha u
    y: Array  # beta v_after, or the residual
    beta_before: Array
    alpha: Array
    beta: Array


def _at(out: Bidiagonal, k: Array) -> _Step:
    depth = out.diagonal.size
    last = k == depth - 1
    zero = jnp.zeros_like(out.norm)[None]
    padded = jnp.concatenate([zero, out.superdiagonal, zero])
    alpha, beta = out.diagonal[k], padded[k + 1]
    v_after = jnp.where(last, 0, out.right[jnp.minimum(k + 1, depth - 1)])
    return _Step(
        u_before=out.left[jnp.maximum(k - 1, 0)],  # multiplied by zero at k = 0
        u=out.left[k],
        v=out.right[k],
        v_after=v_after,
        x=alpha * out.left[k],
        y=jnp.where(last, out.residual, beta * v_after),
        beta_before=padded[k],
        alpha=alpha,
        beta=beta,
    )


def _tangent(apply: Callable, args: tuple, out: Bidiagonal, dargs: tuple) -> Bidiagonal:
    (operands, v), (doperands, dv) = args, dargs
    depth, alive = out.diagonal.size, jnp.any(out.residual != 0)
    dv = jnp.zeros_like(v) if dv is None else dv
    dnorm, dv_now = krylov.normalise_tangent(dv, out.norm, out.right[0])
    transposed = partial(_transposed, apply, v.size)
    rows = jnp.arange(depth)

    def step(carry: tuple, k: Array) -> tuple[tuple, tuple]:
        dleft, dright, du_before, dv_now, _ = carry
        at = _at(out, k)
        dx = pushforward(apply, (operands, at.v), (doperands, dv_now))
        dx = dx - at.beta_before * du_before
        dh = out.left.conj() @ dx + dleft.conj() @ at.x
        dx = dx - jnp.where(rows < k, dh, 0) @ out.left
        dalpha, du = krylov.normalise_tangent(dx, at.alpha, at.u)
        dleft = dleft.at[k].set(du)
        dy = pushforward(transposed, (operands, at.u), (doperands, du)) - at.alpha * dv_now
        dh = out.right.conj() @ dy + dright.conj() @ at.y
        dy = dy - jnp.where(rows <= k, dh, 0) @ out.right
        dbeta, dv_after = krylov.normalise_tangent(dy, at.beta, at.v_after)
        dright = dright.at[k + 1].set(dv_after, mode="drop")
        return (dleft, dright, du, dv_after, dy), (dalpha, dbeta)

    dright = jnp.zeros_like(out.right).at[0].set(dv_now)
    start = (jnp.zeros_like(out.left), dright, out.left[0] * 0, dv_now, jnp.zeros_like(v))
    (dleft, dright, *_, dy), (dalphas, dbetas) = jax.lax.scan(step, start, jnp.arange(depth))
    dresidual = jnp.where(alive, dy, 0)
    return Bidiagonal(dleft, dright, dalphas, dbetas[:-1], dresidual, dnorm, None, None)


def _adjoint(
    apply: Callable, args: tuple, out: Bidiagonal, cotangent: Bidiagonal
) -> tuple[PyTree, Array]:
    """Transpose of `_tangent`. Gradients g_x are such that Re(g_x^H dx) is the pairing."""
    operands, v = args
    depth, alive = out.diagonal.size, jnp.any(out.residual != 0)
    g_residual, g_norm, g_diagonal, g_superdiagonal = krylov.conjugated(
        cotangent, out, ("residual", "norm", "diagonal", "superdiagonal")
    )
    # Lengths of y_{k-1} for k = 0..K-1, and their gradients, headed by |v|.
    lengths = jnp.concatenate([out.norm[None], out.superdiagonal])
    g_lengths = jnp.concatenate([g_norm[None], g_superdiagonal])
    rows = jnp.arange(depth)

    def step(carry: tuple, k: Array) -> tuple[tuple, tuple[Array, Array]]:
        g_y, multiplier_x, h_left, h_right = carry
        at = _at(out, k)
        # y_k = A^H u_k - alpha_k v_k - projections on v_1..v_k
        column = jnp.where(rows <= k, -(out.right.conj() @ g_y), 0)
        h_right = h_right.at[:, k].set(column)
        multiplier_y = g_y + column @ out.right
        g_u = apply(operands, multiplier_y)
        # u_k is also in the local term and the projections of x_{k+1}, ...
        g_u = g_u - at.beta * multiplier_x + (h_left[k].conj() * out.diagonal) @ out.left
        g_u = g_u + _row(cotangent.left, k)
        g_x = krylov.normalise_adjoint(g_diagonal[k], g_u, at.alpha, at.u)
        # x_k = A v_k - beta_{k-1} u_{k-1} - projections on u_1..u_{k-1}
        column = jnp.where(rows < k, -(out.left.conj() @ g_x), 0)
        h_left = h_left.at[:, k].set(column)
        multiplier_x = g_x + column @ out.left
        g_v = krylov.transposed_product(apply, operands, at.v, multiplier_x)
        row = h_right[k].conj()
        shifted = jnp.concatenate([jnp.zeros_like(row[:1]), row[:-1] * out.superdiagonal])
        g_v = g_v - at.alpha * multiplier_y + shifted @ out.right + row[-1] * out.residual
        g_v = g_v + _row(cotangent.right, k)
        g_y = krylov.normalise_adjoint(g_lengths[k], g_v, lengths[k], at.v)
        return (g_y, multiplier_x, h_left, h_right), (multiplier_x, multiplier_y)

    def pairs(ks: Any, multipliers: tuple[Array, Array]) -> tuple[Array, Array]:
        # Re(multiplier_x^H A v_k) and Re(multiplier_y^H A^H u_k) depend on the parameters.
        xs, ys = multipliers
        return jnp.concatenate([out.right[ks], ys]), jnp.concatenate([xs, out.left[ks]])

    nothing = jnp.zeros((depth, depth), v.dtype)
    start = (
        jnp.where(alive, g_residual, 0),
        jnp.zeros_like(out.left[0]),
        nothing,
        nothing,
    )
    size = out.right.shape
    (g_v, *_), g_operands = krylov.backwards(apply, operands, size, step, start, pairs)
    return g_operands, g_v.conj()


def _row(rows: Any, k: Array) -> Any:
    """Conjugated row k of a cotangent, or zero."""
    return 0 if rows is None else rows[k].conj()
