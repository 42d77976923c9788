"""Modules as JSON and arrays: every class there and back, everything else refused by name."""

import json
import math
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import kernels as gk
from gpkit import means, noise
from gpkit.linalg import low_rank_plus_diagonal
from gpkit.model import GP
from gpkit.operators import covariance
from gpkit.params import (
    Bounded,
    Fixed,
    Gamma,
    HalfNormal,
    LogNormal,
    Normal,
    Positive,
    Real,
    Shared,
    val,
)
from gpkit.structure import CLASSES, DescriptionError, as_list, describe, rebuild
from tests.helpers import KERNELS

STORABLE = [case for case in KERNELS if not isinstance(case.kernel, gk.Function)]
PRIORS = {
    "normal": Normal(0.1, 1 / 3),
    "lognormal": LogNormal(-0.0, math.pi),
    "halfnormal": HalfNormal(1e-300),
    "gamma": Gamma(2.0, 3.0),
}
PARAMETERS = {
    "positive": Positive(jnp.array([0.1, 1e-30, 1e30]), PRIORS["gamma"]),
    "positive float32": Positive(jnp.float32(0.1)),
    "real": Real(-0.3, PRIORS["normal"]),
    "bounded": Bounded(0.3, 1 / 7, 2 / 3, PRIORS["lognormal"]),
    "fixed": Fixed(Positive(0.7, PRIORS["halfnormal"])),
    "fixed number": Fixed(2),
    "shared": Shared(Fixed(Positive(jnp.array([0.5, 2.0]))), (0, 1, 1)),
    "fixed shared": Fixed(Shared(Positive([0.5]), (0, 0))),
}
NOISES = [noise.Gaussian(0.2), noise.PerGroup([0.1, 0.2], (1, 0)), noise.NoNoise()]
MEANS = [means.Zero(), means.Constant(0.3), means.Linear([[0.1], [0.2]], Fixed(1.0))]


def there_and_back(value):
    """The value rebuilt from text and arrays, as a file holds them."""
    arrays = {}

    def keep(name, array):
        assert name not in arrays
        arrays[name] = array
        return {"$array": name}

    text = json.dumps(describe(value, "", keep), allow_nan=False)
    return rebuild(json.loads(text), arrays)


def assert_same(a, b):
    """Same classes, static fields, dtypes and bits."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (np.asarray(x).dtype, np.shape(x)) == (np.asarray(y).dtype, np.shape(y))
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


@pytest.mark.parametrize("case", STORABLE, ids=[case.name for case in STORABLE])
def test_every_kernel_comes_back(case):
    back = there_and_back(case.kernel)
    assert_same(back, case.kernel)
    assert back == case.kernel
    assert repr(back) == repr(case.kernel)


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_comes_back_bit_by_bit(name):
    parameter = PARAMETERS[name]
    back = there_and_back(parameter)
    assert_same(back, parameter)
    assert np.asarray(val(back)).tobytes() == np.asarray(val(parameter)).tobytes()


@pytest.mark.parametrize("name", PRIORS)
def test_every_prior_comes_back_with_its_numbers_in_place(name):
    prior = PRIORS[name]
    back = there_and_back(Positive(1.0, prior)).prior
    assert type(back) is type(prior)
    assert [v.hex() for v in vars(back).values()] == [v.hex() for v in vars(prior).values()]
    assert hash(back) == hash(prior)


@pytest.mark.parametrize("part", [*NOISES, *MEANS], ids=lambda part: type(part).__name__)
def test_every_noise_and_mean_comes_back(part):
    assert_same(there_and_back(part), part)


def solved():
    """A covariance and an approximate inverse: what factors of other solvers are made of."""
    H = covariance(GP(gk.RBF(0.8)), jnp.eye(3, 2), mask=jnp.array([True, True, False]))
    return H, low_rank_plus_diagonal(jnp.ones((3, 1)), jnp.ones(3))


@pytest.mark.parametrize("index", [0, 1])
def test_parts_of_factors_come_back(index):
    part = solved()[index]
    assert_same(there_and_back(part), part)


def test_no_class_of_models_goes_untested():
    """A class added to the package must be added to a table above, or to KERNELS."""
    seen, parts_of_models = set(), ("kernels.", "means.", "noise.", "params.", "priors.")

    def note(node):
        if isinstance(node, eqx.Module):
            seen.add(type(node))
            for value in vars(node).values():
                note(value)
        elif isinstance(node, tuple):
            for value in node:
                note(value)

    parts = [case.kernel for case in STORABLE] + list(PARAMETERS.values()) + list(PRIORS.values())
    note((*parts, *NOISES, *MEANS))
    names = [name for name in CLASSES if name.startswith(parts_of_models)]
    assert len(names) > 25
    assert [name for name in names if CLASSES[name] not in seen] == []


def test_arrays_are_named_by_their_paths():
    names = []
    kernel = gk.RBF(0.5) + 2.0 * gk.Select(gk.Matern32(Shared(Fixed(0.7), (0,))), (1,))
    describe(GP(kernel), "", lambda name, _: names.append(name))
    assert names == [
        "kernel.terms.0.lengthscale.raw",
        "kernel.terms.1.kernel.kernel.lengthscale.inner.inner",
        "kernel.terms.1.variance.raw",
        "noise.variance.raw",
    ]


def test_plain_values_come_back_exactly():
    floats = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf]
    value = {
        "floats": floats,
        "tuple": (1, (True, None), "é\ud800"),
        "fields": {"name": []},
        "big": 2**70,
    }
    back = there_and_back(value)
    assert back == value
    assert type(back["tuple"]) is tuple
    assert [v.hex() for v in back["floats"]] == [v.hex() for v in floats]
    assert math.isnan(there_and_back(math.nan))


@pytest.mark.filterwarnings("ignore:A JAX array is being set as static")
def test_static_numbers_of_numpy_stay_hashable():
    parameter = Positive(0.5, Gamma(np.float32(0.1), np.float64(3)))
    back = there_and_back(parameter)
    assert hash(jax.tree.structure(back)) == hash(jax.tree.structure(parameter))
    assert [type(v) for v in vars(back.prior).values()] == [float, float]
    assert back.prior.concentration == float(np.float32(0.1))


def test_as_list_writes_arrays_as_lists():
    value = {"a": np.array([[1.5, np.inf]]), "b": np.int64(3), "c": np.bool_(True)}
    found = describe(value, "info", as_list)
    assert found == {"a": [[1.5, {"$float": "inf"}]], "b": 3, "c": True}
    assert rebuild(found, {}) == {"a": [[1.5, math.inf]], "b": 3, "c": True}


# ------------------------------------------------------------------------ refusals


class Own(gk.AbstractPairKernel):
    """A kernel of a user."""

    def pair(self, x, z):
        return jnp.sum(x * z)


class Cauchy:
    """A prior from elsewhere."""

    def log_prob(self, value):
        return -jnp.log1p(value * value)


REFUSED = {
    "function": (
        gk.RBF() + gk.Function(lambda x, z, p: x @ z),
        r"kernel.terms.1 is a .*Function: .*build the kernel from those in gpkit.kernels",
    ),
    "own class": (2.0 * Own(), r"kernel.kernel is a .*Own: .* use those in gpkit.kernels"),
    "foreign prior": (
        gk.RBF(Positive(1.0, Cauchy())),
        r"kernel.lengthscale.prior is a .*Cauchy: .*with_prior\(None\)",
    ),
    "path": ({"a": [pathlib.Path("x")]}, r"kernel.a.0 is a pathlib.*only gpkit's own classes"),
    "key": ({"a": {1: 2}}, r"kernel.a has the key 1: keys must be text"),
    "reserved key": ({"$array": "X"}, r"starts with no '\$'"),
    "lambda": ([len], r"kernel.0 is a builtins.builtin_function"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_file_can_hold_is_refused_with_place_and_remedy(name):
    value, message = REFUSED[name]
    with pytest.raises(TypeError, match=message):
        describe(value, "kernel", as_list)


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "kernels.Function", "kernels.AbstractKernel", "", None]
)
def test_a_name_outside_the_table_is_refused(name):
    with pytest.raises(DescriptionError, match=r"unknown here; install a newer gpkit"):
        rebuild({"$module": name, "fields": {"a": "echo"}}, {})


def test_fields_and_arrays_that_do_not_fit_are_refused():
    with pytest.raises(DescriptionError, match=r"\['lengthscale'\], but the file has \['scale'\]"):
        rebuild({"$module": "kernels.RBF", "fields": {"scale": 1.0}}, {})
    with pytest.raises(DescriptionError, match=r"kernel of kernels.Scale is no AbstractKernel"):
        rebuild({"$module": "kernels.Scale", "fields": {"kernel": None, "variance": 1.0}}, {})
    with pytest.raises(DescriptionError, match=r"the array 'kernel\.raw' is missing"):
        rebuild({"$array": "kernel.raw"}, {})
