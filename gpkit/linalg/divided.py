r"""Functions of small dense matrices, differentiated by divided differences.

For Hermitian $A = V \operatorname{diag}(\lambda) V^H$ the derivative of
$f(A) = V \operatorname{diag}(f(\lambda)) V^H$ is (Daleckii and Krein 1965; Higham,
Functions of Matrices, theorem 3.11)

$$L(A, E) = V \left( f[\lambda_i, \lambda_j] \circ V^H E V \right) V^H, \qquad
f[a, b] = \frac{f(a) - f(b)}{a - b} = \int_0^1 f'(a + t (b - a))\, dt,$$

and the second derivative uses $f[a, b, c]$ alike. Differentiating the eigenvectors instead
divides by $\lambda_i - \lambda_j$: NaN at repeated eigenvalues, where f(A) is as smooth as
anywhere. Here near and equal arguments take the integral.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, Float, PyTree
from gpkit.linalg.primitive import densify, hoist, with_adjoint

# f(captured, x), elementwise in x
_Elementwise = Callable[[PyTree, Array], Array]


def hermitian_function(
    f: Callable[[Array], Array], matrix: Float[Array, "n n"]
) -> Float[Array, "n n"]:
    """f(A) of a Hermitian matrix; `f` is an elementwise function of the real eigenvalues.

    Derivatives of first and second order are finite wherever f is smooth on the spectrum,
    repeated eigenvalues included; from the third order on eigenvalues must be distinct. `f`
    may close over traced arrays and is differentiated with respect to them. The matrix must
    be Hermitian to rounding.

    **Cost:** one eigendecomposition and 2 n^3 flops; the same and 6 n^3 more for a
    derivative; of the order of n^3 evaluations of f'' for a second derivative.
    """
    pure, captured = hoist(f, matrix.real[0])
    return _apply(pure, captured, matrix)


def divided_difference(f: Callable[[Array], Array], a: Array, b: Array) -> Array:
    """f[a, b], elementwise with broadcasting; f'(a) at a = b.

    Of the quotient and a Gauss-Legendre integral of f' the one with the smaller
    error estimate is taken: the quotient loses digits when a is near b, the integral when
    f' varies strongly between them.
    """
    a, b = jnp.broadcast_arrays(a, b)
    gap, values_a, values_b = a - b, f(a), f(b)
    quotient = (values_a - values_b) / jnp.where(gap == 0, 1, gap)
    eps = jnp.finfo(a.dtype).eps
    rounding = eps * (jnp.abs(values_a) + jnp.abs(values_b)) / jnp.where(gap == 0, 1, jnp.abs(gap))
    slope = partial(_derivative, f)
    rough, fine = (_mean_along(slope, a, b, order) for order in (4, 6))
    near = (gap == 0) | (jnp.abs(fine - rough) <= rounding)
    return jnp.where(near, fine, quotient)


def second_divided_difference(f: Callable[[Array], Array], a: Array, b: Array, c: Array) -> Array:
    """f[a, b, c] = (f[a, b] - f[b, c]) / (a - c), elementwise for real arguments.

    Symmetric in its arguments; f''(a) / 2 when all three are equal.
    """
    low, middle, high = jnp.sort(jnp.stack(jnp.broadcast_arrays(a, b, c)), axis=0)
    gap = high - low
    left, right = divided_difference(f, low, middle), divided_difference(f, middle, high)
    quotient = (right - left) / jnp.where(gap == 0, 1, gap)
    # Hermite-Genocchi: the mean of f'' over the simplex, as two nested line integrals.
    curvature = partial(_derivative, partial(_derivative, f))

    def mean(order: int) -> Array:
        nodes, weights = _unit_gauss(order)
        return sum(
            weight * s * _mean_along(curvature, *_scaled(s, low, middle, high), order)
            for s, weight in zip(nodes, weights, strict=True)
        )

    rough, fine = mean(2), mean(4)
    eps = jnp.finfo(gap.dtype).eps
    smallest = jnp.minimum(middle - low, high - middle)
    noise = eps * (jnp.abs(left) + jnp.abs(right)) / jnp.where(gap == 0, 1, gap)
    # A quotient of differences over a short side has already lost digits there.
    noise = noise * jnp.where(
        smallest == 0, 1, jnp.minimum(gap / jnp.where(smallest == 0, 1, smallest), 1e3)
    )
    near = (gap == 0) | (jnp.abs(fine - rough) <= noise)
    return jnp.where(near, fine, quotient)


def _scaled(s: float, low: Array, middle: Array, high: Array) -> tuple[Array, Array]:
    """Ends of the segment of the simplex at distance s from `low`."""
    return low + s * (middle - low), low + s * (high - low)


def _derivative(f: Callable[[Array], Array], x: Array) -> Array:
    return jax.jvp(f, (x,), (jnp.ones_like(x),))[1]


def _unit_gauss(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return (0.5 * (nodes + 1)).tolist(), (0.5 * weights).tolist()


def _mean_along(f: Callable[[Array], Array], a: Array, b: Array, order: int) -> Array:
    """Gauss-Legendre mean of f over the segment from a to b."""
    nodes, weights = _unit_gauss(order)
    return sum(w * f(a + t * (b - a)) for t, w in zip(nodes, weights, strict=True))


def _apply(f: _Elementwise, captured: list, matrix: Array) -> Array:
    run = with_adjoint(partial(_value, f), partial(_tangent, f), partial(_adjoint, f))
    return run(captured, matrix)


def _value(f: _Elementwise, captured: list, matrix: Array) -> Array:
    values, vectors = _eigh(matrix)
    return (vectors * f(captured, values)) @ vectors.conj().T


def _tangent(f: _Elementwise, args: tuple, out: Array, dargs: tuple) -> Array:
    (captured, matrix), (dcaptured, dmatrix) = args, dargs
    derivative = jnp.zeros_like(out)
    if dmatrix is not None:
        derivative = derivative + _frechet(f, captured, matrix, dmatrix)
    if any(d is not None for d in dcaptured):
        # The derivative in what f is closed over is itself a function of the matrix.
        pair = [captured, densify(dcaptured, captured)]
        derivative = derivative + _apply(partial(_along, f), pair, matrix)
    return derivative


def _adjoint(f: _Elementwise, args: tuple, out: Array, cotangent: Array) -> tuple[list, Array]:
    captured, matrix = args
    dmatrix = _frechet(f, captured, matrix, cotangent.T).T
    dmatrix = dmatrix if jnp.iscomplexobj(matrix) else dmatrix.real
    return _captured_gradient(f, captured, matrix, cotangent.T), dmatrix


def _along(f: _Elementwise, pair: list, x: Array) -> Array:
    """Derivative of f in the direction of its captured arrays."""
    captured, dcaptured = pair
    return jax.jvp(lambda c: f(c, x), (captured,), (dcaptured,))[1]


# Both maps of the first derivative have a hand-written derivative of their own, so that the
# second order does not run through the eigenvectors either.


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _frechet(f: _Elementwise, captured: list, matrix: Array, direction: Array) -> Array:
    """L(A, E): derivative of f(A) in the direction E."""
    values, vectors = _eigh(matrix)
    table = divided_difference(partial(f, captured), values[:, None], values[None])
    return vectors @ (table * _into(vectors, direction)) @ vectors.conj().T


@_frechet.defjvp
def _frechet_jvp(f: _Elementwise, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    captured, matrix, direction = primals
    dcaptured, dmatrix, ddirection = tangents
    out = _frechet(f, captured, matrix, direction)
    dout = _frechet(f, captured, matrix, ddirection)
    dout = dout + _second(f, captured, matrix, direction, dmatrix)
    if captured:
        dout = dout + _frechet(partial(_along, f), [captured, dcaptured], matrix, direction)
    return out, dout


def _second(f: _Elementwise, captured: list, matrix: Array, e: Array, g: Array) -> Array:
    """Second derivative of f(A), bilinear and symmetric in the directions e and g."""
    values, vectors = _eigh(matrix)
    e, g = _into(vectors, e), _into(vectors, g)

    def row(i: Array) -> Array:
        table = second_divided_difference(
            partial(f, captured), values[i], values[:, None], values[None]
        )
        return e[i] @ (table * g) + g[i] @ (table * e)

    return vectors @ jax.lax.map(row, jnp.arange(values.size)) @ vectors.conj().T


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _captured_gradient(f: _Elementwise, captured: list, matrix: Array, weight: Array) -> list:
    """Gradient of Re tr(W f(A)) with respect to what f is closed over."""
    values, vectors = _eigh(matrix)
    return _weighted(lambda c: f(c, values), captured, jnp.diag(_into(vectors, weight)))


@_captured_gradient.defjvp
def _captured_gradient_jvp(f: _Elementwise, primals: tuple, tangents: tuple) -> tuple[list, list]:
    captured, matrix, weight = primals
    dcaptured, dmatrix, dweight = tangents
    values, vectors = _eigh(matrix)
    inner = _into(vectors, weight)

    def diagonal(c: list) -> list:
        return _weighted(lambda c: f(c, values), c, jnp.diag(inner))

    def table(c: list) -> Array:
        return divided_difference(partial(f, c), values[:, None], values[None])

    out, by_captured = jax.jvp(diagonal, (captured,), (dcaptured,))
    by_matrix = _weighted(table, captured, inner.T * _into(vectors, dmatrix))
    by_weight = _captured_gradient(f, captured, matrix, dweight)
    return out, jax.tree.map(lambda *terms: sum(terms), by_captured, by_matrix, by_weight)


def _weighted(table: Callable[[list], Array], captured: list, weight: Array) -> list:
    """Gradient of Re sum(weight * table(captured))."""
    values, transposed = jax.vjp(table, captured)
    weight = weight if jnp.iscomplexobj(values) else weight.real
    return transposed(weight.astype(values.dtype))[0]


def _eigh(matrix: Array) -> tuple[Array, Array]:
    return jnp.linalg.eigh(matrix, symmetrize_input=False)


def _into(vectors: Array, matrix: Array) -> Array:
    """A matrix in the basis of the eigenvectors."""
    return vectors.conj().T @ matrix @ vectors
