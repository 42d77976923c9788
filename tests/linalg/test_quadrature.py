import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg.quadrature import gauss, gauss_radau

FUNCTIONS = {"log": jnp.log, "inverse": lambda x: 1 / x, "sqrt": jnp.sqrt}
FLOOR = jnp.asarray(1e-12)


def tridiagonal(diagonal, offdiagonal):
    return np.diag(diagonal) + np.diag(offdiagonal, 1) + np.diag(offdiagonal, -1)


def exact(function, diagonal, offdiagonal):
    values, vectors = np.linalg.eigh(tridiagonal(diagonal, offdiagonal))
    return np.sum(vectors[0] ** 2 * np.asarray(function(jnp.asarray(values))))


def random_coefficients(m, seed=0):
    rng = np.random.default_rng(seed)
    offdiagonal = rng.uniform(0.5, 1.5, m - 1)
    return jnp.asarray(rng.uniform(3.2, 6.0, m)), jnp.asarray(offdiagonal)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rules_bracket_the_integral_and_close_in(name):
    f, m = FUNCTIONS[name], 12
    diagonal, offdiagonal = random_coefficients(m)
    node = np.linalg.eigvalsh(tridiagonal(diagonal, offdiagonal)).min() * 0.9
    truth = exact(f, diagonal, offdiagonal)
    gaps = []
    for depth in (2, 4, 6, 8):
        d, e = diagonal[:depth], offdiagonal[: depth - 1]
        low = float(gauss(f, d, e, FLOOR).value)
        high = float(gauss_radau(f, d, e, offdiagonal[depth - 1], jnp.asarray(node), FLOOR).value)
        assert min(low, high) <= truth + 1e-14
        assert truth <= max(low, high) + 1e-14
        assert (low > high) == (name != "inverse")
        gaps.append(abs(high - low))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-2 * gaps[0]
    whole = gauss(f, diagonal, offdiagonal, FLOOR).value
    np.testing.assert_allclose(whole, truth, rtol=1e-13)


def test_radau_rule_has_the_node():
    diagonal, offdiagonal = random_coefficients(6)
    rule = gauss_radau(
        jnp.log, diagonal[:5], offdiagonal[:4], offdiagonal[4], jnp.asarray(0.2), FLOOR
    )
    assert np.min(np.abs(rule.nodes - 0.2)) < 1e-13
    np.testing.assert_allclose(rule.weights.sum(), 1.0, rtol=1e-13)


def test_radau_after_a_breakdown_is_the_gauss_rule():
    diagonal, offdiagonal = random_coefficients(5)
    full = gauss(jnp.log, diagonal, offdiagonal, FLOOR).value
    rule = gauss_radau(jnp.log, diagonal, offdiagonal, jnp.zeros(()), jnp.asarray(0.2), FLOOR)
    np.testing.assert_allclose(rule.value, full, rtol=1e-13)


def test_derivative_at_coinciding_eigenvalues():
    # Uncoupled parts with equal eigenvalues, and a clipped one: autodiff of eigh gives NaN here.
    diagonal, offdiagonal = jnp.array([2.0, 2.0, 2.0, -1.0]), jnp.array([0.0, 0.5, 0.0])
    rng = np.random.default_rng(1)
    dd, de = jnp.asarray(rng.normal(size=4)), jnp.asarray(rng.normal(size=3))

    def along(t):
        return gauss(jnp.log, diagonal + t * dd, offdiagonal + t * de, jnp.asarray(0.1)).value

    step = 1e-4
    difference = (along(step) - along(-step)) / (2 * step)
    assert np.isfinite(difference)
    np.testing.assert_allclose(jax.jvp(along, (0.0,), (1.0,))[1], difference, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(along)(0.0), difference, rtol=1e-6)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12, 0.0])
def test_divided_differences_do_not_lose_digits(gap):
    direction = jnp.array([[0.3, 0.7], [0.7, -0.2]])

    def value(t):
        m = jnp.diag(jnp.array([2.0, 2.0 + gap])) + t * direction
        return gauss(jnp.log, jnp.diag(m), jnp.diag(m, 1), FLOOR).value

    # d (log M)_11 = [log](2, 2) times the direction's first entry.
    np.testing.assert_allclose(jax.grad(value)(0.0), 0.3 / 2, rtol=1e-9)


def test_second_derivative():
    diagonal, offdiagonal = random_coefficients(5)

    def value(t):
        return gauss_radau(
            jnp.log, diagonal + t**2, offdiagonal * (1 + t), 0.4 + t, jnp.asarray(0.2), FLOOR
        ).value

    slope, h = jax.grad(value), 1e-3
    coarse = (slope(0.3 + h) - slope(0.3 - h)) / (2 * h)
    fine = (slope(0.3 + h / 2) - slope(0.3 - h / 2)) / h
    np.testing.assert_allclose(jax.hessian(value)(0.3), (4 * fine - coarse) / 3, rtol=1e-8)
