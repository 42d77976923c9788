"""Checks at the entry: what is accepted, and errors that name argument and remedy."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.checks import check_data, check_inputs, check_variances

X, Y = np.arange(6.0).reshape(3, 2), np.arange(3.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_keep_their_precision(dtype):
    found = check_data(X.astype(dtype), Y.astype(dtype))
    assert [a.dtype for a in found] == [dtype, dtype]
    np.testing.assert_array_equal(found[0], X)


@pytest.mark.parametrize("values", [X.astype(int), X > 2, X.tolist(), jnp.asarray(X, int)])
def test_integers_booleans_and_lists_become_floats(values):
    found = check_inputs(values)
    assert found.dtype == jnp.float64
    np.testing.assert_array_equal(found, np.asarray(values, float))


def bad(array, value):
    array = array.copy()
    array.flat[1] = value
    return array


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": Y}, r"X must have shape \(n, d\), got \(3,\); use X\[:, None\]"),
        ({"X": X[None]}, r"X must have shape \(n, d\), got \(1, 3, 2\)$"),
        ({"X": X[:0]}, r"X is empty: shape \(0, 2\)"),
        ({"X": X[:, :0]}, r"X is empty: shape \(3, 0\)"),
        ({"y": Y[:2]}, "X has 3 rows, but y has 2"),
        ({"y": np.float64(1.0)}, r"y must have shape \(n,\) or \(n, t\), got \(\)"),
        ({"y": X[None]}, r"y must have shape \(n,\) or \(n, t\)"),
        ({"X": bad(X, np.nan)}, "X holds NaN or infinity"),
        ({"y": bad(Y, np.inf)}, "y holds NaN or infinity"),
        ({"X": X.astype(str)}, "X must hold real numbers, got dtype <U"),
        ({"y": Y + 1j}, "y must hold real numbers, got dtype complex"),
        ({"X": X.astype(object)}, "X must hold real numbers, got dtype object"),
        ({"mask": Y[:2] > 0}, r"mask must have shape \(3,\)"),
        ({"noise_variance": 0.1}, r"noise_variance must have shape \(3,\).* got \(\)"),
        ({"noise_variance": Y[:, None]}, r"noise_variance must have shape \(3,\)"),
        ({"noise_variance": bad(Y, -1e-9)}, "noise_variance must hold variances"),
        ({"noise_variance": bad(Y, np.nan)}, "noise_variance must hold variances"),
        ({"noise_variance": jnp.asarray(bad(Y, np.inf))}, "noise_variance must hold variances"),
    ],
)
def test_refusals(arguments, message):
    given = {"X": X, "y": Y, **arguments}
    with pytest.raises(ValueError, match=message):
        check_data(given.pop("X"), given.pop("y"), **given)


def test_zero_variances_are_fine():
    check_variances(np.zeros(3))


def test_inside_a_trace_shapes_are_checked_and_closed_over_values_too():
    @jax.jit
    def traced(x):
        check_variances(x[0])
        return check_data(x, jnp.asarray(Y))[0]

    np.testing.assert_array_equal(traced(X), X)
    with pytest.raises(ValueError, match="X has 2 rows"):
        traced(X[:2])
    with pytest.raises(ValueError, match="y holds NaN"):
        jax.jit(lambda x: check_data(x, bad(Y, np.nan)))(X)


def test_float64_that_would_be_cut_is_said_once_with_the_remedy():
    with jax.enable_x64(False):
        with pytest.warns(UserWarning, match=r"X is float64.*jax\.enable_x64\(True\)"):
            assert check_inputs(X).dtype == jnp.float32
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert check_inputs(X.astype(np.float32)).dtype == jnp.float32
