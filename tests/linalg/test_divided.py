"""Divided differences and functions of small matrices, at and near repeated eigenvalues."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gpkit.linalg import general_function, hermitian_function
from gpkit.linalg.divided import divided_difference, second_divided_difference
from tests.linalg import krylov_cases as cases

FUNCTIONS = {
    "log": (jnp.log, mpmath.log),
    "exp": (jnp.exp, mpmath.exp),
    "inverse": (jnp.reciprocal, lambda x: 1 / x),
    "inverse square root": (jax.lax.rsqrt, lambda x: 1 / mpmath.sqrt(x)),
}


def _points(name):
    """Triples from far apart to one rounding apart, some of them equal."""
    rng = np.random.default_rng(3)
    a = 10 ** rng.uniform(-6, 2 if name == "exp" else 6, 60)
    b, c = a * (1 + 10 ** rng.uniform(-17, 1, 60)), a * (1 + 10 ** rng.uniform(-17, 1, 60))
    b[:6], c[3:9] = a[:6], b[3:9]
    return a, b, c


def _exact(g, *points):
    x = sorted(mpmath.mpf(float(p)) for p in points)
    if x[0] == x[-1]:
        return mpmath.diff(g, x[0], len(x) - 1) / mpmath.factorial(len(x) - 1)
    if len(x) == 2:
        return (g(x[1]) - g(x[0])) / (x[1] - x[0])
    return (_exact(g, x[1], x[2]) - _exact(g, x[0], x[1])) / (x[2] - x[0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_divided_differences_against_60_digits(name):
    f, g = FUNCTIONS[name]
    a, b, c = _points(name)
    first = jax.jit(lambda a, b: divided_difference(f, a, b))(a, b)
    second = jax.jit(lambda a, b, c: second_divided_difference(f, a, b, c))(a, b, c)
    with mpmath.workdps(60):
        for i in range(a.size):
            want = _exact(g, a[i], b[i])
            assert abs((mpmath.mpf(float(first[i])) - want) / want) < 3e-14
            want = _exact(g, a[i], b[i], c[i])
            assert abs((mpmath.mpf(float(second[i])) - want) / want) < 3e-12


def test_tiny_arguments_of_either_sign():
    """The quotient would be (1 - 1) / 2e-17 = 0."""
    assert float(divided_difference(jnp.exp, 1e-17, -1e-17)) == 1.0


DIRECTION = cases.hermitian(jnp.linspace(-1.0, 1.0, 6), 3)
WEIGHT = cases.random((6, 6), 4)


def _richardson(slope, step=2e-3):
    coarse, fine = ((slope(h) - slope(-h)) / (2 * h) for h in (step, step / 2))
    return (4 * fine - coarse) / 3


@pytest.mark.parametrize(
    "eigenvalues",
    [
        pytest.param([1.0, 2, 3, 4, 5, 6], id="distinct"),
        pytest.param([1.0, 1, 1, 2, 2, 5], id="repeated"),
        pytest.param([1.0, 1 + 1e-13, 1 - 1e-9, 2, 2 + 1e-5, 5], id="nearly repeated"),
        pytest.param([2.0] * 6, id="all equal"),
    ],
)
def test_first_and_second_derivatives_of_a_hermitian_function(eigenvalues):
    """With a variable that f is closed over as well: four blocks of the Hessian."""
    matrix = cases.hermitian(jnp.asarray(eigenvalues))

    def loss(t, c):
        return jnp.sum(
            WEIGHT * hermitian_function(lambda x: c * jnp.log(x) + c**2 / x, matrix + t * DIRECTION)
        )

    value, gradient = jax.jit(loss), jax.jit(jax.grad(loss, (0, 1)))
    slopes = [_richardson(lambda t: value(t, 1.3)), _richardson(lambda c: value(0.0, 1.3 + c))]
    np.testing.assert_allclose(gradient(0.0, 1.3), slopes, rtol=1e-7, atol=1e-7)
    want = np.array(
        [
            [
                _richardson(lambda t: gradient(t, 1.3)[i]),
                _richardson(lambda c: gradient(0.0, 1.3 + c)[i]),
            ]
            for i in (0, 1)
        ]
    )

    @jax.jit
    def hessians(t, c):
        return (
            jax.hessian(loss, (0, 1))(t, c),
            jax.jacrev(jax.jacrev(loss, (0, 1)), (0, 1))(t, c),
            jax.jacrev(jax.jacfwd(loss, (0, 1)), (0, 1))(t, c),
        )

    for got in hessians(0.0, 1.3):
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6, atol=1e-6)


def test_complex_hermitian_matrix_and_complex_function():
    matrix = cases.hermitian(jnp.linspace(1.0, 2.0, 6), complex_=True)
    direction = cases.hermitian(jnp.linspace(-1.0, 1.0, 6), 3, complex_=True)

    def loss(function):
        def of(t):
            return jnp.sum(WEIGHT * function(matrix + t * direction)).real

        return jax.jit(jax.grad(of))

    got = loss(lambda m: hermitian_function(lambda x: jnp.exp(1j * x), m))(0.0)
    want = loss(lambda m: jax.scipy.linalg.expm(1j * m))(0.0)
    np.testing.assert_allclose(got, want, rtol=1e-11)


def test_general_function_against_the_exponential():
    matrix = jnp.eye(6) * 2 + 0.3 * WEIGHT

    def loss(function):
        def of(t):
            return jnp.sum(DIRECTION * function(matrix + t * WEIGHT.T))

        return jax.jit(lambda t: (of(t), jax.grad(of)(t), jax.hessian(of)(t)))

    got = loss(lambda m: general_function(jnp.exp, m)[0].real)(0.0)
    want = loss(jax.scipy.linalg.expm)(0.0)
    np.testing.assert_allclose(got, want, rtol=1e-10)


def test_condition_tells_a_defective_matrix():
    jordan = jnp.array([[1.0, 1.0], [0.0, 1.0]])
    assert float(general_function(jnp.exp, jordan)[1]) > 1e8
    assert float(general_function(jnp.exp, jnp.diag(jnp.array([1.0, 2.0])))[1]) < 1 + 1e-12
