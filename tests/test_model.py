"""The model: defaults, refusals, and which columns a parameter sees."""

import jax
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit import means, noise
from gpkit.model import seen_columns
from gpkit.params import named_parameters
from tests.helpers import KERNELS


def test_defaults():
    model = gp.GP(gk.RBF(1.0))
    assert isinstance(model.mean, means.Zero)
    assert isinstance(model.noise, noise.Gaussian)
    assert float(gp.val(model.noise.variance)) == pytest.approx(0.1)


@pytest.mark.parametrize("number", [0, 0.0, 0.1])
@pytest.mark.parametrize(("name", "remedy"), [("noise", "Gaussian"), ("mean", "Constant")])
def test_a_number_is_no_noise_and_no_mean(name, remedy, number):
    with pytest.raises(TypeError, match=f"{name} must be .*{remedy}"):
        gp.GP(gk.RBF(1.0), **{name: number})


@pytest.mark.parametrize("kernel", ["rbf", gk.RBF, None])
def test_the_kernel_must_be_one(kernel):
    with pytest.raises(TypeError, match="kernel must be an AbstractKernel"):
        gp.GP(kernel)


def test_a_model_is_a_tree_without_data():
    model = gp.GP(2.0 * gk.RBF([0.5, 0.7]), mean=means.Constant(0.3))
    leaves = jax.tree.leaves(model)
    assert sorted(leaf.size for leaf in leaves) == [1, 1, 1, 2]
    with pytest.raises(AttributeError):
        model.kernel = gk.RBF(2.0)


def test_columns_behind_selections():
    inner = gk.Select(gk.RBF([1.0, 2.0]), (1, 2))
    model = gp.GP(gk.Select(inner + gk.Linear(1.0), (4, 0, 3)) + gk.Matern32(1.0))
    names = named_parameters(model)
    lengthscale = next(name for name in names if "terms.0.kernel.terms.0" in name)
    np.testing.assert_array_equal(seen_columns(model, lengthscale, 5), [0, 3])
    variance = next(name for name in names if "terms.0.kernel.terms.1" in name)
    np.testing.assert_array_equal(seen_columns(model, variance, 5), [4, 0, 3])
    np.testing.assert_array_equal(seen_columns(model, "noise.variance", 5), range(5))


@pytest.mark.parametrize("case", KERNELS, ids=lambda case: case.name)
def test_every_parameter_of_every_kernel_is_found_by_its_path(case):
    model = gp.GP(case.kernel)
    for path, parameter in named_parameters(model).items():
        assert len(seen_columns(model, path, case.d)) in (1, 2)
        value = gp.val(parameter)
        same = gp.replace(model, path, value)
        np.testing.assert_allclose(gp.val(named_parameters(same)[path]), value, rtol=1e-14)
