import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import kernels as gk
from tests.helpers import points


@pytest.mark.parametrize("kernel", [gk.Periodic(0.6, [1.5, 2.0]), gk.Cosine([1.5, 2.0])])
def test_repeats_after_one_period(kernel):
    X = points()
    np.testing.assert_allclose(
        kernel(X, X + np.array([1.5, -2.0])), kernel(X), rtol=1e-12, atol=1e-14
    )


def test_curvature_of_the_periodic_kernel_at_zero():
    kernel, x = gk.Periodic(0.6, 1.5), jnp.array([0.3, -0.2])
    cross = jax.jacfwd(jax.grad(kernel.pair), argnums=1)(x, x)
    np.testing.assert_allclose(cross, np.eye(2) * (2 * np.pi / (1.5 * 0.6)) ** 2, rtol=1e-13)


def test_one_part_without_spread_is_the_cosine_kernel():
    X = points()[:, :1]
    mixture = gk.SpectralMixture([1.0], [[1 / 2.5]], [[1e-9]])
    np.testing.assert_allclose(mixture(X), gk.Cosine(2.5)(X), rtol=1e-12)


def test_one_part_at_frequency_zero_is_the_rbf_kernel():
    X = points()
    ell = np.array([0.7, 1.6])
    mixture = gk.SpectralMixture([1.3], [[1e-12, 1e-12]], [1 / (2 * np.pi * ell)])
    np.testing.assert_allclose(mixture(X), 1.3 * gk.RBF(ell)(X), rtol=1e-12)


def test_shapes_of_the_mixture():
    with pytest.raises(ValueError, match=r"weights need shape \(q,\)"):
        gk.SpectralMixture(1.0, [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match=r"weights need shape \(q,\)"):
        gk.SpectralMixture([1.0, 2.0], [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match=r"scales need the shape of means, \(1, 2\)"):
        gk.SpectralMixture([1.0], [[1.0, 2.0]], [[1.0]])
    with pytest.raises(ValueError, match="means are for 3 columns"):
        gk.SpectralMixture([1.0], np.ones((1, 3)), np.ones((1, 3)))(points())


def test_a_period_per_column_of_the_wrong_number():
    with pytest.raises(ValueError, match="period must be a scalar or have one entry per column"):
        gk.Periodic(1.0, np.ones(3))(points())
