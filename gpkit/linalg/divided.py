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
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, Float, PyTree
from gpkit.linalg.primitive import densify, hoist, with_adjoint
from gpkit.linalg.serial import eigh

# matrix -> eigenvalues, matrix of eigenvectors, its inverse
_Spectrum = Callable[[Array], tuple[Array, Array, Array]]


class _Function(NamedTuple):
    """f and its divided differences, each ``(captured, *points)``, elementwise in the points."""

    value: Callable[..., Array]
    first: Callable[..., Array]
    second: Callable[..., Array]

    @classmethod
    def of(cls, f: Callable[[PyTree, Array], Array]) -> "_Function":
        return cls(
            f,
            lambda c, *points: divided_difference(partial(f, c), *points),
            lambda c, *points: second_divided_difference(partial(f, c), *points),
        )

    def along(self) -> "_Function":
        """Derivative in the captured arrays; these become pairs (captured, direction).

        Of the divided differences as computed: their choice of formula must not depend on
        the direction, or the result would not be linear in it.
        """
        return _Function(*(partial(_directional, g) for g in self))


def _directional(g: Callable[..., Array], pair: list, *points: Array) -> Array:
    captured, dcaptured = pair
    return jax.jvp(lambda c: g(c, *points), (captured,), (dcaptured,))[1]


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

    **Raises:** nothing; NaN where f is not defined at an eigenvalue.

    **Source:** see the module.
    """
    pure, captured = hoist(f, matrix.real[0])
    return _apply(_Function.of(pure), _eigh, captured, matrix)


def general_function(
    f: Callable[[Array], Array], matrix: Float[Array, "n n"]
) -> tuple[Array, Float[Array, ""]]:
    """f(A) of a diagonalisable matrix (complex), and the condition number of its eigenvectors.

    `f` is an analytic elementwise function of complex eigenvalues; derivatives as for
    `hermitian_function`. About log10(condition) digits are lost, all of them if A is
    defective.

    **Cost:** one nonsymmetric eigendecomposition (on the CPU) per evaluation and derivative.

    **Raises:** nothing; a large condition number says that the value is not to be trusted.

    **Source:** see the module; Higham 2008, section 4.5.
    """
    matrix = matrix.astype(jnp.result_type(matrix, jnp.complex64))
    pure, captured = hoist(f, matrix[0])
    _, vectors, inverse = _eig(jax.lax.stop_gradient(matrix))
    condition = jnp.linalg.norm(vectors, 2) * jnp.linalg.norm(inverse, 2)
    return _apply(_Function.of(pure), _eig, captured, matrix), condition


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
    rough, fine = (_mean_along(f, a, b, order) for order in (4, 6))
    near = (gap == 0) | (jnp.abs(fine - rough) <= rounding)
    return jnp.where(near, fine, quotient)


def second_divided_difference(f: Callable[[Array], Array], a: Array, b: Array, c: Array) -> Array:
    """f[a, b, c] = (f[a, b] - f[b, c]) / (a - c), elementwise with broadcasting.

    Symmetric in its arguments; f''(a) / 2 when all three are equal.
    """
    low, middle, high = _longest_outside(*jnp.broadcast_arrays(a, b, c))
    gap = jnp.abs(high - low)
    left, right = divided_difference(f, low, middle), divided_difference(f, middle, high)
    quotient = (right - left) / jnp.where(gap == 0, 1, high - low)
    rough, fine = (_mean_over_simplex(f, low, middle, high, order) for order in (2, 4))
    # The quotient loses digits by its own division, and before that by those on short sides.
    short = jnp.minimum(jnp.abs(middle - low), jnp.abs(high - middle))
    loss = jnp.where(short == 0, 1, jnp.minimum(gap / jnp.where(short == 0, 1, short), 1e3))
    size = jnp.finfo(gap.dtype).eps * (jnp.abs(left) + jnp.abs(right)) * loss
    near = (gap == 0) | (jnp.abs(fine - rough) <= size / jnp.where(gap == 0, 1, gap))
    return jnp.where(near, fine, quotient)


def _longest_outside(a: Array, b: Array, c: Array) -> tuple[Array, Array, Array]:
    """The three arguments, reordered so that the first and the last are farthest apart."""
    ab, bc, ac = jnp.abs(a - b), jnp.abs(b - c), jnp.abs(a - c)
    swap_last, swap_first = (ab > ac) & (ab >= bc), (bc > ac) & (bc > ab)
    middle = jnp.where(swap_last, c, jnp.where(swap_first, a, b))
    first, last = jnp.where(swap_first, b, a), jnp.where(swap_last, b, c)
    return first, middle, last


def _derivative(f: Callable[[Array], Array], x: Array) -> Array:
    return jax.jvp(f, (x,), (jnp.ones_like(x),))[1]


def _unit_gauss(order: int, ndim: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1], to be multiplied with arrays of `ndim` axes."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    shape = (order, *(1,) * ndim)
    return 0.5 * (nodes + 1).reshape(shape), 0.5 * weights.reshape(shape)


def _mean_along(f: Callable[[Array], Array], a: Array, b: Array, order: int) -> Array:
    """Gauss-Legendre mean of f' over the segment from a to b."""
    t, weights = _unit_gauss(order, a.ndim)
    points = a + t.astype(a.real.dtype) * (b - a)
    return jnp.sum(weights.astype(a.real.dtype) * _derivative(f, points), axis=0)


def _mean_over_simplex(
    f: Callable[[Array], Array], a: Array, b: Array, c: Array, order: int
) -> Array:
    """Half the mean of f'' over the triangle of weights: f[a, b, c] of Hermite and Genocchi."""
    s, outer = _unit_gauss(order, a.ndim + 1)
    t, inner = _unit_gauss(order, a.ndim)
    along, across, weights = s, s * t, outer * s * inner
    along, across, weights = (x.astype(a.real.dtype) for x in (along, across, weights))
    points = a + along * (b - a) + across * (c - b)
    curvature = _derivative(partial(_derivative, f), points)
    return jnp.sum(weights * curvature, axis=(0, 1))


def _apply(f: _Function, spectrum: _Spectrum, captured: list, matrix: Array) -> Array:
    maps = (partial(function, f, spectrum) for function in (_value, _tangent, _adjoint))
    run = with_adjoint(*maps)
    return run(captured, matrix)


def _value(f: _Function, spectrum: _Spectrum, captured: list, matrix: Array) -> Array:
    values, vectors, inverse = spectrum(matrix)
    return (vectors * f.value(captured, values)) @ inverse


def _tangent(f: _Function, spectrum: _Spectrum, args: tuple, out: Array, dargs: tuple) -> Array:
    (captured, matrix), (dcaptured, dmatrix) = args, dargs
    derivative = jnp.zeros_like(out)
    if dmatrix is not None:
        derivative = derivative + _frechet(f, spectrum, captured, matrix, dmatrix)
    if any(d is not None for d in dcaptured):
        # The derivative in what f is closed over is itself a function of the matrix.
        pair = [captured, densify(dcaptured, captured)]
        derivative = derivative + _apply(f.along(), spectrum, pair, matrix)
    return derivative


def _adjoint(
    f: _Function, spectrum: _Spectrum, args: tuple, out: Array, cotangent: Array
) -> tuple[list, Array]:
    captured, matrix = args
    dmatrix = _frechet(f, spectrum, captured, matrix, cotangent.T).T
    dmatrix = dmatrix if jnp.iscomplexobj(matrix) else dmatrix.real
    return _captured_gradient(f, spectrum, captured, matrix, cotangent.T), dmatrix


# Both maps of the first derivative have a hand-written derivative of their own, so that the
# second order does not run through the eigenvectors either.


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _frechet(
    f: _Function, spectrum: _Spectrum, captured: list, matrix: Array, direction: Array
) -> Array:
    """L(A, E): derivative of f(A) in the direction E."""
    values, vectors, inverse = spectrum(matrix)
    table = f.first(captured, values[:, None], values[None])
    return vectors @ (table * (inverse @ direction @ vectors)) @ inverse


@_frechet.defjvp
def _frechet_jvp(
    f: _Function, spectrum: _Spectrum, primals: tuple, tangents: tuple
) -> tuple[Array, Array]:
    captured, matrix, direction = primals
    dcaptured, dmatrix, ddirection = tangents
    out = _frechet(f, spectrum, captured, matrix, direction)
    dout = _frechet(f, spectrum, captured, matrix, ddirection)
    dout = dout + _second(f, spectrum, captured, matrix, direction, dmatrix)
    if captured:
        dout = dout + _frechet(f.along(), spectrum, [captured, dcaptured], matrix, direction)
    return out, dout


def _second(
    f: _Function, spectrum: _Spectrum, captured: list, matrix: Array, e: Array, g: Array
) -> Array:
    """Second derivative of f(A), bilinear and symmetric in the directions e and g."""
    values, vectors, inverse = spectrum(matrix)
    e, g = inverse @ e @ vectors, inverse @ g @ vectors

    def row(i: Array) -> Array:
        table = f.second(captured, values[i], values[:, None], values[None])
        return e[i] @ (table * g) + g[i] @ (table * e)

    return vectors @ jax.lax.map(row, jnp.arange(values.size)) @ inverse


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _captured_gradient(
    f: _Function, spectrum: _Spectrum, captured: list, matrix: Array, weight: Array
) -> list:
    """Gradient of Re tr(W f(A)) with respect to what f is closed over."""
    values, vectors, inverse = spectrum(matrix)
    return _weighted(lambda c: f.value(c, values), captured, jnp.diag(inverse @ weight @ vectors))


@_captured_gradient.defjvp
def _captured_gradient_jvp(
    f: _Function, spectrum: _Spectrum, primals: tuple, tangents: tuple
) -> tuple[list, list]:
    captured, matrix, weight = primals
    dcaptured, dmatrix, dweight = tangents
    values, vectors, inverse = spectrum(matrix)
    inner = inverse @ weight @ vectors

    def diagonal(c: list) -> list:
        return _weighted(lambda c: f.value(c, values), c, jnp.diag(inner))

    def table(c: list) -> Array:
        return f.first(c, values[:, None], values[None])

    out, by_captured = jax.jvp(diagonal, (captured,), (dcaptured,))
    by_matrix = _weighted(table, captured, inner.T * (inverse @ dmatrix @ vectors))
    by_weight = _captured_gradient(f, spectrum, captured, matrix, dweight)
    return out, jax.tree.map(lambda *terms: sum(terms), by_captured, by_matrix, by_weight)


def _weighted(table: Callable[[list], Array], captured: list, weight: Array) -> list:
    """Gradient of Re sum(weight * table(captured))."""
    values, transposed = jax.vjp(table, captured)
    weight = weight if jnp.iscomplexobj(values) else weight.real
    return transposed(weight.astype(values.dtype))[0]


def _eigh(matrix: Array) -> tuple[Array, Array, Array]:
    """Eigenvalues, eigenvectors and the inverse of the matrix of eigenvectors."""
    values, vectors = eigh(matrix)
    return values, vectors, vectors.conj().T


def _eig(matrix: Array) -> tuple[Array, Array, Array]:
    values, vectors = jnp.linalg.eig(matrix)
    return values, vectors, jnp.linalg.inv(vectors)
