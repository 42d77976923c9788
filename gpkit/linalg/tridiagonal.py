r"""Lanczos tridiagonalisation with hand-written tangent and adjoint.

For a Hermitian A and a start vector v, K steps give orthonormal rows q_1..q_K with

$$A Q = Q T + r e_K^\top, \qquad q_1 = v / \|v\|, \qquad Q^H r = 0,$$

T real, symmetric, tridiagonal with diagonal alpha and off-diagonal beta.

With u_k = A q_k - (projections) = beta_k q_{k+1} and dots for derivatives, the tangent is

$$w_k = (\dot A) q_k + A \dot q_k - \alpha_k \dot q_k - \beta_{k-1} \dot q_{k-1}, \qquad
\dot h_{jk} = q_j^H w_k + \dot q_j^H u_k \ (j \le k), \qquad
\dot u_k = w_k - \sum_{j \le k} q_j \dot h_{jk}.$$

The second term keeps the derivative of the orthogonality exact at every step; its transpose
is the re-projection of the multipliers that Kraemer, Moreno-Munoz, Roy and Hauberg (2024,
section 4.2) add to their adjoint of Arnoldi. The transpose needs no second basis: the
multipliers enter through the last two of them only, and everything else is a combination
of the rows of Q, with coefficients kept in a K x K matrix.

Without reorthogonalisation the derivative is that of the three-term recurrence as computed,
orthogonal or not, and local.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, MatVec, PyTree
from gpkit.linalg import krylov
from gpkit.linalg.primitive import pushforward, with_adjoint


class Lanczos(NamedTuple):
    """A Lanczos decomposition of depth K.

    If the Krylov space becomes invariant after `num_steps` < K steps, then the
    decomposition ends there: later rows of `basis` and coefficients are zero, and `status`
    is `Status.EARLY_BREAKDOWN`. `Status.NON_FINITE` if NaN or infinity was met.
    """

    basis: PyTree  # rows q_k: the structure of v with a leading axis K
    diagonal: Float[Array, " K"]
    offdiagonal: Float[Array, " K-1"]
    residual: PyTree
    norm: Float[Array, ""]
    num_steps: Any  # an integer scalar, like status; None in a tangent
    status: Any

    def matrix(self) -> Float[Array, "K K"]:
        """The tridiagonal matrix T."""
        upper = jnp.diag(self.offdiagonal, 1)
        return jnp.diag(self.diagonal) + upper + upper.T


def lanczos(
    matvec: MatVec, v: PyTree, *params: PyTree, depth: int, reortho: str = "full"
) -> Lanczos:
    r"""Lanczos decomposition of the Hermitian operator ``matvec(v, *params)``.

    **Arguments:** `matvec` is linear in `v` and differentiable in `params` and in what it is
    closed over; `v` and `params` are pytrees, real or complex. `depth` (1..n) is the number
    of steps. `reortho="full"` orthogonalises every vector against the whole basis,
    `reortho="none"` runs the three-term recurrence, whose basis loses orthogonality as Ritz
    values converge (its quadrature stays accurate).

    **Cost:** `depth` products, and as many again for a gradient; memory one K x n basis
    each way, in a gradient also three vectors for each of 16 steps, or of as many as take the
    memory of the parameters ("full": plus 2 K^2 n flops forward and 6 K^2 n in the gradient). A
    gradient with respect to the basis reads its cotangent, another K x n.

    **Breakdown:** see `Lanczos`. The derivative is that of the steps made, coefficients after
    a breakdown count as constant zeros. That is the exact derivative for quadratic forms
    v^H f(A) v, not for f(A) v: see `funm_lanczos`.

    **Raises:** `ValueError` for a depth outside of 1..n, a wrong `reortho` or a product of
    the wrong shape; `TypeError` if `v` is not floating point.

    **Source:** Golub and Van Loan, Matrix Computations, section 10.1 and 10.3; derivative:
    see the module.
    """
    flat = krylov.flatten_square(matvec, v, params)
    depth = krylov.check_depth(depth, flat.vector.size)
    full = krylov.check_reortho(reortho) == "full"
    run = with_adjoint(*maps(flat.apply, depth, full))
    out = run(flat.operands, flat.vector)
    return out._replace(
        basis=jax.vmap(flat.unravel)(out.basis), residual=flat.unravel(out.residual)
    )


def maps(apply: Callable, depth: int, full: bool) -> krylov.Maps:
    """Decomposition of ``apply(operands, x)`` on vectors, its derivative and the transpose."""
    return krylov.Maps(
        partial(_forward, apply, depth, full),
        partial(_tangent, apply, full),
        partial(_adjoint, apply, full),
    )


def _forward(apply: Callable, depth: int, full: bool, operands: PyTree, v: Array) -> Lanczos:
    _, norm, q = krylov.normalise(v, jnp.zeros_like(v.real[0]))
    basis = jnp.zeros((depth, v.size), v.dtype).at[0].set(q)

    def step(carry: tuple, k: Array) -> tuple[tuple, tuple]:
        basis, q_before, q, beta_before, scale, _ = carry
        image = apply(operands, q)
        alpha = krylov.inner(q, image)
        u = image - alpha * q - beta_before * q_before
        if full:
            # After the local subtraction one pass is enough: what is left to remove is of
            # the size of rounding errors unless u itself is, and then the step ends.
            u = u - (basis.conj() @ u) @ basis
        scale = jnp.maximum(scale, jnp.linalg.norm(image))
        u, beta, q_after = krylov.normalise(u, scale)
        basis = basis.at[k + 1].set(q_after, mode="drop")
        return (basis, q, q_after, beta, scale, u), (alpha, beta)

    zero = jnp.zeros_like(norm)
    start = (basis, jnp.zeros_like(v), q, zero, zero, jnp.zeros_like(v))
    (basis, *_, residual), (diagonal, lengths) = jax.lax.scan(step, start, jnp.arange(depth))
    offdiagonal = lengths[:-1]
    num_steps = jnp.where(norm == 0, 0, 1 + jnp.sum(offdiagonal != 0)).astype(jnp.int32)
    status = krylov.outcome(num_steps, depth, diagonal, lengths, norm)
    return Lanczos(basis, diagonal, offdiagonal, residual, norm, num_steps, status)


class _Step(NamedTuple):
    """What is known of step k: vectors and coefficients on either side."""

    q_before: Array
    q: Array
    q_after: Array  # zero at the last step
    u: Array  # beta q_after, or the residual
    beta_before: Array
    alpha: Array
    beta: Array  # length of u

    @property
    def image(self) -> Array:
        """A q, without computing it."""
        return self.alpha * self.q + self.beta_before * self.q_before + self.u


def _at(out: Lanczos, k: Array) -> _Step:
    depth = out.diagonal.size
    last = k == depth - 1
    padded = jnp.concatenate([jnp.zeros(1), out.offdiagonal, jnp.zeros(1)]).astype(out.norm.dtype)
    q_after = jnp.where(last, 0, out.basis[jnp.minimum(k + 1, depth - 1)])
    beta_before, beta = padded[k], padded[k + 1]
    u = jnp.where(last, out.residual, beta * q_after)
    q_before = out.basis[jnp.maximum(k - 1, 0)]  # multiplied by zero at k = 0
    return _Step(q_before, out.basis[k], q_after, u, beta_before, out.diagonal[k], beta)


def _tangent(apply: Callable, full: bool, args: tuple, out: Lanczos, dargs: tuple) -> Lanczos:
    (operands, v), (doperands, dv) = args, dargs
    depth, alive = out.diagonal.size, jnp.any(out.residual != 0)
    dv = jnp.zeros_like(v) if dv is None else dv
    dnorm, dq = krylov.normalise_tangent(dv, out.norm, out.basis[0])

    def step(carry: tuple, k: Array) -> tuple[tuple, tuple]:
        dbasis, dq_before, dq, dbeta_before, _ = carry
        at = _at(out, k)
        dimage = pushforward(apply, (operands, at.q), (doperands, dq))
        du = dimage - at.alpha * dq - at.beta_before * dq_before
        if full:
            dh = out.basis.conj() @ du + dbasis.conj() @ at.u
            dh = jnp.where(jnp.arange(depth) <= k, dh, 0)
            dalpha = dh[k].real
            du = du - dh @ out.basis
        else:
            dalpha = krylov.inner(dq, at.image) + krylov.inner(at.q, dimage)
            du = du - dalpha * at.q - dbeta_before * at.q_before
        dbeta, dq_after = krylov.normalise_tangent(du, at.beta, at.q_after)
        dbasis = dbasis.at[k + 1].set(dq_after, mode="drop")
        return (dbasis, dq, dq_after, dbeta, du), (dalpha, dbeta)

    dbasis = jnp.zeros_like(out.basis).at[0].set(dq)
    start = (dbasis, jnp.zeros_like(v), dq, jnp.zeros_like(dnorm), jnp.zeros_like(v))
    (dbasis, *_, du), (ddiagonal, dlengths) = jax.lax.scan(step, start, jnp.arange(depth))
    dresidual = jnp.where(alive, du, 0)
    return Lanczos(dbasis, ddiagonal, dlengths[:-1], dresidual, dnorm, None, None)


def _adjoint(
    apply: Callable, full: bool, args: tuple, out: Lanczos, cotangent: Lanczos
) -> tuple[PyTree, Array]:
    """Transpose of `_tangent`. Gradients g_x are such that Re(g_x^H dx) is the pairing."""
    operands, v = args
    depth, alive = out.diagonal.size, jnp.any(out.residual != 0)
    g_residual, g_norm, g_diagonal, g_offdiagonal = krylov.conjugated(
        cotangent, out, ("residual", "norm", "diagonal", "offdiagonal")
    )
    # |v| and beta, and their gradients: lengths[k] is that of the vector before q_k.
    g_lengths = jnp.concatenate([g_norm[None], g_offdiagonal])
    lengths = jnp.concatenate([out.norm[None], out.offdiagonal, jnp.zeros_like(out.norm)[None]])

    def step(carry: tuple, k: Array) -> tuple[tuple, Array]:
        g_u, multiplier_after, u, g_h = carry
        alpha, q, g_length = out.diagonal[k], out.basis[k], g_lengths[k]
        if full:
            multiplier, g_h, mixed = _project(out, g_h, g_u, g_diagonal[k], k)
            kept = multiplier
        else:
            q_before, before = out.basis[jnp.maximum(k - 1, 0)], lengths[k] * (k > 0)
            g_alpha = g_diagonal[k] - krylov.inner(q, g_u)
            image = alpha * q + before * q_before + u
            multiplier, mixed, kept = g_u + g_alpha * q, g_alpha * image, g_u
            g_length = g_length - krylov.inner(q_before, g_u) * (k > 0)
        g_q = krylov.transposed_product(apply, operands, q, multiplier)
        g_q = g_q + mixed - alpha * kept - lengths[k + 1] * multiplier_after
        if cotangent.basis is not None:
            g_q = g_q + cotangent.basis[k].conj()
        g_u = krylov.normalise_adjoint(g_length, g_q, lengths[k], q)
        return (g_u, kept, lengths[k] * q, g_h), multiplier

    start = (
        jnp.where(alive, g_residual, 0),
        jnp.zeros_like(v),
        out.residual,
        jnp.zeros((depth, depth) if full else (0, 0), v.dtype),
    )
    (g_v, *_), g_operands = krylov.backwards(
        apply, operands, out.basis.shape, step, start, lambda ks, ys: (out.basis[ks], ys)
    )
    return g_operands, g_v.conj()


def _project(
    out: Lanczos, g_h: Array, g_u: Array, g_alpha: Array, k: Array
) -> tuple[Array, Array, Array]:
    """Multiplier of step k, coefficient matrix with its column k, and their part of g_q."""
    rows = jnp.arange(out.diagonal.size)
    column = jnp.where(rows == k, g_alpha, 0) - out.basis.conj() @ g_u
    g_h = g_h.at[:, k].set(jnp.where(rows <= k, column, 0))
    # sum over k' >= k of u_k' conj(g_h[k, k']), where u_k' = beta_k' q_{k'+1}
    row = g_h[k].conj()
    shifted = jnp.concatenate([jnp.zeros_like(row[:1]), row[:-1] * out.offdiagonal])
    products = jnp.stack([g_h[:, k], shifted]) @ out.basis
    return g_u + products[0], g_h, products[1] + row[-1] * out.residual
