r"""Lanczos decompositions of one matrix from many starts, side by side, as deep as needed.

`gpkit.linalg.lanczos` has a fixed depth and derivatives. Here nothing is differentiated, each
step makes one product with all vectors, and the run ends as soon as every column can solve
its linear system to the tolerance asked for.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int
from gpkit.linalg.divided import divided_difference
from gpkit.linalg.krylov import normalise
from gpkit.linalg.serial import eigh
from gpkit.results import Status

# Rows of the bases that are read at a time: bases are orthogonalised against what there is
# of them, not against all the room they have.
_BLOCK = 8


class Lockstep(NamedTuple):
    r"""Decompositions $B Q_j = Q_j T_j + r_j e^\top$ of a symmetric B, j = 1..m.

    Of the rows of every basis (`depth`, rounded up) and of its coefficients the first `num_steps`
    are in use; after them, and after a column's Krylov space has become invariant, vectors are
    zero, diagonal entries one and off-diagonal entries zero. `last` is the length of the residual
    $r_j$, `after` its direction, `solve_residual` the residual of the system $B x = v_j$ solved in
    the space, relative to $|v_j|$.
    """

    basis: Float[Array, "m rows n"]
    diagonal: Float[Array, "m depth"]
    offdiagonal: Float[Array, "m depth-1"]
    last: Float[Array, " m"]
    after: Float[Array, "m n"]
    norm: Float[Array, " m"]
    solve_residual: Float[Array, " m"]
    num_steps: Int[Array, ""]
    status: Int[Array, " m"]

    def matrices(self) -> Float[Array, "m depth depth"]:
        """The tridiagonal matrices $T_j$."""

        def one(diagonal: Array, offdiagonal: Array) -> Array:
            upper = jnp.diag(offdiagonal, 1)
            return jnp.diag(diagonal) + upper + upper.T

        return jax.vmap(one)(self.diagonal, self.offdiagonal)

    def combine(self, weights: Float[Array, "m depth r"]) -> Float[Array, "n mr"]:
        r"""$|v_j| Q_j^\top w$ for r weight vectors per column, in columns ordered by j."""
        m, rows, n = self.basis.shape
        scaled = weights * self.norm[:, None, None]
        scaled = jnp.pad(scaled, ((0, 0), (0, rows - scaled.shape[1]), (0, 0)))

        def add(block: Array, total: Array) -> Array:
            q, w = (
                jax.lax.dynamic_slice_in_dim(a, block * _BLOCK, _BLOCK, 1)
                for a in (self.basis, scaled)
            )
            return total + jnp.einsum("jkr,jkn->jrn", w, q)

        total = jnp.zeros((m, scaled.shape[2], n), self.basis.dtype)
        total = jax.lax.fori_loop(0, -(-self.num_steps // _BLOCK), add, total)
        return total.reshape(-1, n).T

    def combine_images(self, weights: Float[Array, "m depth r"]) -> Float[Array, "n mr"]:
        """B times the vectors that `combine` gives, without a product with B."""
        inside = self.combine(self.matrices() @ weights)
        end = jnp.take(weights, jnp.maximum(self.num_steps - 1, 0), axis=1)
        outside = jnp.einsum("jr,jn->njr", (self.last * self.norm)[:, None] * end, self.after)
        return inside + outside.reshape(inside.shape)


class _State(NamedTuple):
    basis: Array
    q_before: Array
    q: Array
    diagonal: Array
    lengths: Array
    scale: Array
    pivot: Array
    residual: Array
    step: Array


def lockstep_lanczos(
    product: Callable[[Float[Array, "n m"]], Float[Array, "n m"]],
    V: Float[Array, "n m"],
    *,
    depth: int,
    rtol: float | Float[Array, " m"] = 0.0,
    max_steps: int | Int[Array, ""] | None = None,
) -> Lockstep:
    r"""Lanczos from every column of V at once, with full reorthogonalisation.

    Ends when the relative residual of $B x = v_j$ within the Krylov space is at most `rtol` for
    all columns, read off the coefficients: $\prod_k \beta_k / d_k$ with $d_k$ the pivots of
    $T_j$. At most `max_steps` steps (data, at most `depth`), by default `depth`.

    **Cost:** one product with m columns a step, and 4 K n m flops in step K; memory m bases of
    `depth` vectors.

    **Status** of a column: `MAX_STEPS` where the tolerance was not met, `INDEFINITE` where a
    pivot is not positive, `NON_FINITE`.

    **Raises:** ValueError for a depth below one.

    **Source:** Golub and Van Loan 2013, sections 10.1 and 11.3.
    """
    if depth < 1:
        raise ValueError(f"depth must be positive, got {depth}")
    depth = min(depth, V.shape[0])
    limit = jnp.minimum(depth, depth if max_steps is None else max_steps)
    rtol = jnp.broadcast_to(jnp.asarray(rtol, V.dtype), V.shape[1:])
    start = _begin(V, depth)

    def going(state: _State) -> Array:
        return (state.step < limit) & jnp.any(state.residual > rtol)

    end = jax.lax.while_loop(going, lambda s: _step(product, s), start[1])
    return _finish(start[0], end, rtol, depth)


def _begin(V: Array, depth: int) -> tuple[Array, _State]:
    m, n = V.shape[1], V.shape[0]
    rows = -(-depth // _BLOCK) * _BLOCK
    _, norm, q = jax.vmap(normalise)(V.T, jnp.zeros((m,), V.dtype))
    zero = jnp.zeros((m,), V.dtype)
    basis = jnp.zeros((m, rows, n), V.dtype).at[:, 0].set(q)
    state = _State(
        basis=basis,
        q_before=jnp.zeros_like(q),
        q=q,
        diagonal=jnp.ones((m, rows), V.dtype),
        lengths=jnp.zeros((m, rows), V.dtype),
        scale=zero,
        pivot=zero + 1,
        residual=jnp.where(norm > 0, 1.0, zero),
        step=jnp.zeros((), jnp.int32),
    )
    return norm, state


def _step(product: Callable, s: _State) -> _State:
    alive = jnp.any(s.q != 0, axis=1)
    image = product(s.q.T).T
    alpha = jnp.sum(s.q * image, axis=1)
    before = jnp.where(s.step > 0, s.lengths[:, s.step - 1], 0.0)
    u = image - alpha[:, None] * s.q - before[:, None] * s.q_before
    u = _orthogonalised(s.basis, u, s.step)
    scale = jnp.maximum(s.scale, jnp.linalg.norm(image, axis=1))
    _, beta, q_after = jax.vmap(normalise)(u, scale)
    pivot = jnp.where(alive, alpha - jnp.where(s.step > 0, before**2 / s.pivot, 0.0), 1.0)
    return _State(
        basis=s.basis.at[:, s.step + 1].set(q_after, mode="drop"),
        q_before=s.q,
        q=q_after,
        diagonal=s.diagonal.at[:, s.step].set(jnp.where(alive, alpha, 1.0)),
        lengths=s.lengths.at[:, s.step].set(beta),
        scale=scale,
        pivot=pivot,
        # A pivot that is not positive must not pass for convergence.
        residual=jnp.where(pivot > 0, s.residual * beta / pivot, jnp.inf),
        step=s.step + 1,
    )


def _orthogonalised(basis: Array, u: Array, step: Array) -> Array:
    """u minus its projections on the rows of the bases up to `step`."""

    def subtract(block: Array, u: Array) -> Array:
        rows = jax.lax.dynamic_slice_in_dim(basis, block * _BLOCK, _BLOCK, 1)
        return u - jnp.einsum("jk,jkn->jn", jnp.einsum("jkn,jn->jk", rows, u), rows)

    return jax.lax.fori_loop(0, step // _BLOCK + 1, subtract, u)


def _finish(norm: Array, s: _State, rtol: Array, depth: int) -> Lockstep:
    rows = jnp.arange(s.diagonal.shape[1])
    last = jnp.where(s.step > 0, s.lengths[:, s.step - 1], 0.0)
    # The vector after the last step is no row of a basis, nor its length an entry of T.
    basis = s.basis.at[:, s.step].set(0.0, mode="drop")
    lengths = jnp.where(rows < s.step - 1, s.lengths, 0.0)
    status = jnp.where(s.residual <= rtol, Status.SUCCESS, Status.MAX_STEPS)
    status = jnp.where(jnp.isposinf(s.residual), Status.INDEFINITE, status)
    finite = jnp.all(jnp.isfinite(s.diagonal), axis=1) & jnp.isfinite(norm)
    return Lockstep(
        basis=basis,
        diagonal=s.diagonal[:, :depth],
        offdiagonal=lengths[:, : depth - 1],
        last=last,
        after=s.q,
        norm=norm,
        solve_residual=s.residual,
        num_steps=s.step,
        status=jnp.where(finite, status, Status.NON_FINITE).astype(jnp.int32),
    )


class Ritz(NamedTuple):
    """Eigenvalues and eigenvectors of the coefficient matrices, values raised to a floor."""

    values: Float[Array, "m depth"]
    vectors: Float[Array, "m depth depth"]

    @property
    def weights(self) -> Float[Array, "m depth"]:
        r"""Squares of the first components: the measure of $v_j / |v_j|$ at the Ritz values."""
        return self.vectors[:, 0, :] ** 2

    def quadrature(self, function: Callable[[Array], Array]) -> Float[Array, " m"]:
        r"""Gauss rule of $v_j^\top f(B) v_j / |v_j|^2$ (Golub and Meurant 2010, section 7.1)."""
        return jnp.sum(self.weights * function(self.values), axis=1)

    def apply(self, function: Callable[[Array], Array]) -> Float[Array, "m depth 1"]:
        r"""$f(T_j) e_1$: `Lockstep.combine` turns it into a Krylov approximation of $f(B) v_j$."""
        scaled = function(self.values) * self.vectors[:, 0, :]
        return jnp.einsum("jkl,jl->jk", self.vectors, scaled)[..., None]

    def derivative(
        self, function: Callable[[Array], Array], *, rank: int
    ) -> Float[Array, "m depth rank"]:
        r"""Weights w_r with $\sum_r (Q^\top w_r)^\top E\, (Q^\top w_r)$ the derivative of

        $v^\top f(B) v / |v|^2$ in direction E, without that of the Krylov space, for an f whose
        Loewner matrix $f[\lambda_i, \lambda_k]$ is positive definite, such as log.

        The derivative is $\langle Q^\top C Q, E \rangle$, $C = V (F \circ V_1 V_1^\top) V^\top$ in
        the eigenvectors V of T, $F_{ik} = f[\lambda_i, \lambda_k]$ and $V_1$ the first row of V.
        The eigenvalues of C decay geometrically: `rank` of them are kept.

        Source: the forward-only gradient of arXiv 2605.12801; Daleckii and Krein 1965.
        """

        def one(pair: tuple[Array, Array]) -> Array:
            values, vectors = pair
            loewner = divided_difference(function, values[:, None], values[None, :])
            weights, roots = eigh(loewner * vectors[0][:, None] * vectors[0][None, :])
            weights, roots = weights[-rank:], roots[:, -rank:]
            return jnp.sqrt(jnp.maximum(weights, 0.0)) * (vectors @ roots)

        return jax.lax.map(one, (self.values, self.vectors))


def ritz(run: Lockstep, floor: Float[Array, ""] | float) -> Ritz:
    """The Ritz values and vectors of every column."""
    values, vectors = jax.lax.map(eigh, run.matrices())
    return Ritz(jnp.maximum(values, floor), vectors)


def radau(
    run: Lockstep, function: Callable[[Array], Array], node: Float[Array, ""]
) -> Float[Array, " m"]:
    r"""Gauss-Radau rule of $v_j^\top f(B) v_j / |v_j|^2$ with a node at `node`.

    On the other side of the exact value than the Gauss rule if no eigenvalue lies below the node
    and the derivatives of f alternate in sign. Source: Golub and Meurant 2010, section 6.2.
    """

    def one(diagonal: Array, offdiagonal: Array, last: Array) -> Array:
        tiny = jnp.finfo(diagonal.dtype).eps * (jnp.max(jnp.abs(diagonal)) + last)
        squares = jnp.concatenate([jnp.zeros_like(diagonal[:1]), offdiagonal**2])

        def pivot(before: Array, entries: tuple) -> tuple[Array, Array]:
            alpha, square = entries
            # Positive as long as the node lies below the Ritz values; rounding may break that.
            found = jnp.maximum(alpha - node - square / before, tiny)
            return found, found

        _, pivots = jax.lax.scan(pivot, jnp.ones_like(last), (diagonal, squares))
        end = jnp.maximum(run.num_steps - 1, 0)
        longer = jnp.append(diagonal, 1.0).at[end + 1].set(node + last**2 / pivots[end])
        upper = jnp.diag(jnp.append(offdiagonal, 0.0).at[end].set(last), 1)
        values, vectors = eigh(jnp.diag(longer) + upper + upper.T)
        return jnp.sum(vectors[0] ** 2 * function(jnp.maximum(values, node)))

    return jax.lax.map(lambda c: one(*c), (run.diagonal, run.offdiagonal, run.last))
