"""Eigendecomposition with fixed signs; functions of matrices, at and near repeats."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gpkit.linalg import eigh, spectral_function
from tests.linalg import krylov_cases as cases
from tests.linalg import precise

N = 4
RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(N, N))
DIRECTION = np.asarray(cases.hermitian(jnp.linspace(-1.0, 1.0, N), 3))
DISTINCT = np.asarray(cases.hermitian(jnp.array([1.0, 2.0, 4.0, 5.0])))
# Exact in binary: eigenvalues 2, 4, 4, 4 to the last bit.
REPEATED = 4.0 * np.eye(N) - 0.5 * np.ones((N, N))
decompose = jax.jit(eigh)

# --------------------------------------------------------------------------------- eigh


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 60])
def test_residuals(n, dtype):
    a = np.random.default_rng(n).normal(size=(n, n)).astype(dtype)
    a = a + a.T
    values, vectors = decompose(a)
    assert values.dtype == vectors.dtype == dtype
    assert np.all(np.diff(values) >= 0)
    unit = n * np.finfo(dtype).eps
    exact = np.asarray(vectors, float)
    assert np.linalg.norm((exact * np.asarray(values, float)) @ exact.T - a, 1) < (
        30 * unit * np.linalg.norm(a, 1)
    )
    assert np.linalg.norm(exact.T @ exact - np.eye(n), 1) < 30 * unit


def test_only_the_symmetric_part_counts():
    skew = np.triu(WEIGHT, 1) - np.triu(WEIGHT, 1).T
    got, want = decompose(DISTINCT + skew), decompose(DISTINCT)
    np.testing.assert_allclose(got.values, want.values, rtol=1e-13)
    np.testing.assert_allclose(got.vectors, want.vectors, atol=1e-13)


def _structured():
    """Matrices whose eigenvectors have entries of equal magnitude and either sign."""
    path = 2 * np.eye(N) - np.eye(N, k=1) - np.eye(N, k=-1)
    exchange = np.fliplr(np.diag([1.0, 2.0, 2.0, 1.0])) + np.diag([3.0, 5, 5, 3])
    return {"path": path, "exchange": exchange, "random": DISTINCT}


@pytest.mark.parametrize("name", _structured())
def test_signs_are_stable_and_as_documented(name):
    a = _structured()[name]
    vectors = np.asarray(decompose(a).vectors)
    size = np.abs(vectors)
    first = np.argmax(size > 0.618 * size.max(axis=0), axis=0)
    assert np.all(vectors[first, np.arange(N)] > 0)
    # A rule by the entry of largest magnitude flips in about half of these.
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=(N, N)) * 1e-14
        moved = np.asarray(decompose(a + noise + noise.T).vectors)
        np.testing.assert_allclose(moved, vectors, atol=1e-12)
    # A sign change of the basis turns the matrix, but not the rule.
    flip = np.diag([1.0, -1, 1, -1])
    turned = np.asarray(decompose(flip @ a @ flip).vectors)
    np.testing.assert_allclose(np.abs(turned), size, atol=1e-13)


@jax.jit
def derivatives_of_eigh(a, da):
    (values, vectors), tangents = jax.jvp(eigh, (a,), (da,))
    gradient = jax.grad(lambda a: jnp.sum(WEIGHT.astype(a.dtype) * eigh(a).vectors))(a)
    return values, vectors, tangents, gradient


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        (np.float32, 2.0**110),
        (np.float32, 2.0**-110),
        (np.float64, 2.0**1000),
        (np.float64, 2.0**-1000),
    ],
)
def test_scale_changes_nothing(dtype, scale):
    """JAX's own gradient of eigh is NaN from 2^24 (float32) and 2^53 on."""
    a, da = DISTINCT.astype(dtype), DIRECTION.astype(dtype)
    run = derivatives_of_eigh
    values, vectors, tangents, gradient = run(a, da)
    scaled = run((a * scale).astype(dtype), (da * scale).astype(dtype))
    np.testing.assert_array_equal(scaled[0], np.asarray(values) * dtype(scale))
    np.testing.assert_array_equal(scaled[1], vectors)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(scaled[2].vectors, tangents.vectors, atol=100 * eps)
    size = np.max(np.abs(gradient))
    np.testing.assert_allclose(scaled[3] * dtype(scale), gradient, atol=100 * eps * size)


def test_zero_matrix_and_nan():
    values, vectors = decompose(np.zeros((N, N)))
    np.testing.assert_array_equal(values, 0)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(N), atol=1e-15)
    assert np.all(np.isnan(decompose(np.full((N, N), np.nan)).values))


def test_first_and_second_derivatives_at_distinct_eigenvalues():
    """Against JAX's own rule, which is sound there."""

    def loss(values, vectors):
        # Even in the vectors: blind to signs.
        return jnp.sum(jnp.sin(values) * WEIGHT[0]) + jnp.sum(WEIGHT * vectors**2)

    own = lambda t: loss(*eigh(DISTINCT + t * DIRECTION))  # noqa: E731
    jaxs = lambda t: loss(*jnp.linalg.eigh(DISTINCT + t * DIRECTION))  # noqa: E731

    @jax.jit
    def run(t):
        second = [g(jax.grad(own))(t) for g in (jax.grad, jax.jacfwd)]
        return jax.grad(own)(t), jax.jacfwd(own)(t), second, jax.grad(jaxs)(t), jax.hessian(jaxs)(t)

    reverse, forward, second, want_first, want_second = run(0.1)
    np.testing.assert_allclose([reverse, forward], want_first, rtol=1e-11)
    np.testing.assert_allclose(second, want_second, rtol=1e-10)


# ----------------------------------------------------------------- repeated eigenvalues


def _nearly(dtype=np.float64):
    """Repeated but for rounding, in a random basis."""
    return np.asarray(cases.hermitian(jnp.array([2.0, 4.0, 4.0, 4.0]))).astype(dtype)


@jax.jit
def at_repeats(a):
    """A spectral sum, and f(A) through its eigenvectors: derivatives in both modes."""

    def total(a):
        return jnp.sum(jnp.log(eigh(a).values) ** 2)

    def through_vectors(a):
        values, vectors = eigh(a)
        return jnp.sum(WEIGHT * ((vectors * jnp.exp(values)) @ vectors.T))

    return [(jax.grad(f)(a), jax.jvp(f, (a,), (DIRECTION,))[1]) for f in (total, through_vectors)]


@pytest.mark.parametrize(
    "a", [REPEATED, _nearly(), np.eye(N)], ids=["exact", "rounded", "identity"]
)
def test_gradient_of_spectral_sums_at_repeats(a):
    gradient, tangent = at_repeats(a)[0]
    values, vectors = np.linalg.eigh(a)
    want = (vectors * (2 * np.log(values) / values)) @ vectors.T
    np.testing.assert_allclose(gradient, want, rtol=1e-12, atol=1e-13)
    assert float(tangent) == pytest.approx(np.sum(want * DIRECTION), rel=1e-12)


def test_a_simple_eigenvector_beside_a_repeated_eigenvalue_has_a_derivative():
    @jax.jit
    def both(t):
        def loss(t):
            return jnp.sum(jnp.sin(eigh(REPEATED + t * DIRECTION).vectors[:, 0]) * WEIGHT[0])

        return jax.grad(loss)(t), loss(1e-4), loss(-1e-4)

    slope, up, down = both(0.0)
    assert float(slope) == pytest.approx(float(up - down) / 2e-4, rel=1e-6)


@pytest.mark.parametrize(
    "a", [REPEATED, _nearly(), np.eye(N)], ids=["exact", "rounded", "identity"]
)
def test_what_eigenvectors_cannot_tell_is_nan_and_not_wrong(a):
    """f(A) through its eigenvectors. A rule that puts zero there is finite and wrong."""

    gradient, tangent = at_repeats(a)[1]
    assert np.isnan(tangent)
    assert np.any(np.isnan(gradient))


def test_a_direction_that_keeps_the_repeat_has_a_tangent():
    """Shifting all eigenvalues alike turns no eigenvector."""
    _, (dvalues, dvectors) = jax.jit(lambda a, d: jax.jvp(eigh, (a,), (d,)))(_nearly(), np.eye(N))
    np.testing.assert_allclose(dvalues, 1, rtol=1e-14)
    np.testing.assert_allclose(dvectors, 0, atol=1e-14)


def test_second_derivatives_at_repeats_are_nan_and_not_wrong():
    """The second derivative exists; this road does not lead to it."""

    @jax.jit
    def run(t):
        def by_values(t):
            return jnp.sum(eigh(REPEATED + t * DIRECTION).values ** 3)

        def by_trace(t):
            return jnp.trace(spectral_function(REPEATED + t * DIRECTION, lambda x: x**3))

        return jax.hessian(by_values)(t), jax.hessian(by_trace)(t)

    unknown, known = run(0.0)
    assert np.isnan(unknown)
    want = 6 * np.trace(REPEATED @ DIRECTION @ DIRECTION)
    assert float(known) == pytest.approx(want, rel=1e-12)


# -------------------------------------------------------------------- spectral functions


def _case(a, direction, f, exact):
    return precise.Case(
        lambda a: (spectral_function(a, f),),
        lambda a: [precise.spectral(exact, a)],
        (a,),
        (direction,),
        (precise.symmetric,),
    )


def _dyadic(dtype):
    """A direction that both dtypes hold exactly."""
    return np.round(DIRECTION * 2**10).astype(dtype).astype(float) / 2**10


LATER = ("exp", "inverse square root")
FUNCTIONS = {
    "log": (jnp.log, mpmath.log),
    "exp": (jnp.exp, mpmath.exp),
    "inverse square root": (jax.lax.rsqrt, lambda x: 1 / mpmath.sqrt(x)),
}


@pytest.fixture(scope="module")
def modes():
    known = {}

    def get(name):
        f = FUNCTIONS[name][0]
        return known.setdefault(name, precise.both_modes(lambda a: (spectral_function(a, f),)))

    return get


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["log", *(pytest.param(x, marks=pytest.mark.slow) for x in LATER)])
@pytest.mark.parametrize("matrix", ["repeated", "all equal", "rounded", "close"])
def test_derivatives_at_and_near_repeats_against_50_digits(matrix, name, dtype, modes):
    """The bar is that of test_precision.py: 30 times what rounding the inputs does."""
    close = REPEATED + np.diag([0, 1e-6, -1e-9, 1e-12])
    a = {
        "repeated": REPEATED,
        "all equal": 3 * np.eye(N),
        "rounded": _nearly(dtype),
        "close": close,
    }
    a = a[matrix].astype(dtype).astype(float)
    a = np.tril(a) + np.tril(a, -1).T
    found = precise.measure(_case(a, _dyadic(dtype), *FUNCTIONS[name]), modes(name), dtype)
    assert found.forward < 30
    assert found.reverse < 30
    assert found.allowed < 1e3 * np.finfo(dtype).eps  # nothing is ill conditioned here


@jax.jit
def curvatures(matrix, direction):
    def loss(t):
        return jnp.sum(WEIGHT * spectral_function(matrix + t * direction, jnp.log))

    return [jax.grad(jax.grad(loss))(0.0), jax.grad(jax.jacfwd(loss))(0.0)]


@pytest.mark.parametrize("matrix", [REPEATED, 3 * np.eye(N)], ids=["repeated", "all equal"])
def test_second_derivatives_at_repeats_against_50_digits(matrix):
    direction = _dyadic(np.float64)
    with mpmath.workdps(precise.DIGITS):
        values = []
        for sign in (-1, 0, 1):
            moved = precise.matrix(matrix) + sign * precise.STEP * precise.matrix(direction)
            f = precise.spectral(mpmath.log, moved)
            values.append(
                mpmath.fsum(w * x for w, x in zip(precise.matrix(WEIGHT), f, strict=True))
            )
        want = float((values[0] - 2 * values[1] + values[2]) / precise.STEP**2)
    np.testing.assert_allclose(curvatures(matrix, direction), want, rtol=1e-13)


def test_the_symmetric_part_counts():
    exponential = jax.jit(lambda a: jnp.sum(WEIGHT * spectral_function(a, jnp.exp)))
    gradient = jax.jit(jax.grad(exponential))(DISTINCT)
    np.testing.assert_allclose(gradient, gradient.T, rtol=1e-12, atol=1e-12)
    skew = np.triu(WEIGHT, 1) - np.triu(WEIGHT, 1).T
    assert float(exponential(DISTINCT + skew)) == pytest.approx(float(exponential(DISTINCT)))


def test_hermitian_matrices_and_captured_arrays():
    a = cases.hermitian(jnp.linspace(1.0, 2.0, N), complex_=True)
    got = jax.jit(lambda a: spectral_function(a, jnp.exp))(a)
    want = np.asarray(jax.scipy.linalg.expm(a))
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12, atol=1e-13)

    def loss(c):
        return jnp.sum(WEIGHT * spectral_function(jnp.asarray(DISTINCT), lambda x: x**c))

    # A^2 log A
    log = np.asarray(jax.jit(lambda a: spectral_function(a, jnp.log))(DISTINCT))
    want = np.sum(WEIGHT * (DISTINCT @ DISTINCT @ log))
    assert float(jax.jit(jax.grad(loss))(2.0)) == pytest.approx(want, rel=1e-12)


def test_batches():
    stack = np.stack([DISTINCT, REPEATED, np.eye(N)])

    def loss(a):
        values = eigh(a).values
        return jnp.sum(jnp.sin(values)) + jnp.sum(WEIGHT * spectral_function(a, jnp.log))

    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(loss)))(stack)
    single = jax.jit(jax.value_and_grad(loss))
    for i in range(3):
        value, gradient = single(stack[i])
        assert float(values[i]) == pytest.approx(float(value), rel=1e-12)
        np.testing.assert_allclose(gradients[i], gradient, rtol=1e-11, atol=1e-12)


def test_where_f_is_not_defined_the_answer_is_nan():
    assert np.all(np.isnan(spectral_function(np.diag([1.0, -1.0, 2.0, 3.0]), jnp.log)))


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"eigh needs a square matrix, got shape \(2, 3\)"):
        eigh(jnp.ones((2, 3)))
    with pytest.raises(TypeError, match="spectral_function takes Hermitian"):
        eigh(jnp.eye(2, dtype=complex))
    with pytest.raises(ValueError, match=r"spectral_function needs a square matrix"):
        spectral_function(jnp.ones(3), jnp.log)
