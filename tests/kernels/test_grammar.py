"""One variance per term, and the way back to text."""

import re

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpkit import kernels as gk
from gpkit.kernels import parse, to_expression
from gpkit.kernels.grammar import canonical
from gpkit.params import Fixed, Positive, num_parameters, partition, val
from tests.helpers import points
from tests.kernels.tables import COLUMNS


def exact(text, columns=2):
    """The kernel with its numbers, in plain columns."""
    return repr(parse(text, columns))


# Where the one variance of each term goes; lengthscales and the like are cut out.
VARIANCES = [
    ("rbf", "1 * rbf"),
    ("rbf + rq", "1 * rbf + 1 * rq"),
    ("2*rbf", "2 * rbf"),
    ("fixed(2)*rbf", "fixed(2) * rbf"),
    ("rbf*rq", "1 * rbf * rq"),
    ("2*rbf*3*rq", "6 * rbf * rq"),
    ("rbf*(2*rq)", "2 * rbf * rq"),
    ("(rbf*rq)*matern12", "1 * rbf * rq * matern12"),
    ("linear", "linear(variance=1)"),
    ("2*linear", "linear(variance=2)"),
    ("fixed(2)*linear", "linear(variance=fixed(2))"),
    ("2*linear(variance=3)", "2 * linear(variance=3)"),
    ("constant", "constant(variance=1)"),
    ("2*constant", "constant(variance=2)"),
    ("rbf*linear", "rbf * linear(variance=1)"),
    ("2*rbf*linear", "rbf * linear(variance=2)"),
    ("linear*linear", "linear(variance=1) * linear(variance=fixed(1))"),
    ("linear*linear(variance=2)", "linear(variance=fixed(1)) * linear(variance=2)"),
    ("linear(variance=fixed(3))*rbf", "linear(variance=fixed(3)) * rbf"),
    ("(rbf + rq)*matern12", "(1 * rbf + 1 * rq) * matern12"),
    ("2*(rbf + rq)", "2 * (fixed(1) * rbf + 1 * rq)"),
    ("2*(3*rbf + rq)", "2 * (3 * rbf + 1 * rq)"),
    ("(rbf + rq)*(rbf + rq)", "(1 * rbf + 1 * rq) * (fixed(1) * rbf + 1 * rq)"),
    ("rbf + (rq + linear)", "1 * rbf + 1 * rq + linear(variance=1)"),
    ("changepoint(rbf, linear, x0)", "changepoint(1 * rbf, linear(variance=1), x0)"),
    ("2*changepoint(rbf, rq, x0)", "2 * changepoint(fixed(1) * rbf, 1 * rq, x0)"),
    ("warp(rbf, low=0, high=1)*rq", "warp(1 * rbf) * rq"),
    ("linear*(rbf + constant)", "linear(variance=1) * (fixed(1) * rbf + constant(variance=1))"),
]


@pytest.mark.parametrize(("text", "expected"), VARIANCES, ids=[v[0] for v in VARIANCES])
def test_every_term_has_one_variance(text, expected):
    drop = r",? ?\b(lengthscale|alpha|location|steepness|low|high|a|b)=(\[[^]]*\]|[\d.e+-]+)"
    shown = re.sub(drop, "", exact(text)).replace("()", "").replace("(, ", "(")
    assert shown == expected


def test_spectral_weights_carry_the_variance():
    kernel = parse("2*spectral(2, x0)*linear", 2)
    mixture, line = kernel.factors
    np.testing.assert_allclose(val(mixture.kernel.weights), [1.0, 1.0], rtol=1e-14)
    assert isinstance(line.variance, Fixed)
    kernel = parse("linear*spectral(2, x0)", 2)
    assert isinstance(kernel.factors[0].variance, Fixed)
    assert isinstance(kernel.factors[1].kernel.weights, Positive)


TEXTS = [
    "matern32",
    "2*matern32(ard)",
    "rbf(ard, lengthscale=fixed(2))",
    'fixed(2)*matern32(year, "long name", lengthscale=[1, 2])',
    "(rbf + linear)*periodic(year, period=1) + matern12(age)",
    "3*(rbf + 2*rq(age, alpha=3))*matern12(age)",
    "spectral(2, year) + 2*spectral(2, year, age)",
    "arccosine(1) + arccosine(0, ard) + constant",
    "polynomial(3, age, offset=2) + hamming(city)",
    "changepoint(rbf, 2*linear(year, offset=2004) + matern12, year, location=2005)",
    "warp(matern32(age)*linear(year) + constant, year, age, b=2, a=[1, 3])",
    "categorical(city)*matern32(year) + cosine(year, period=3)",
    "powexp(power=fixed(2)) + powexp(age, power=0.7)",
    "linear(ard, offset=[2000, 30, 0, 1])",
    "linear(ard, offset=fixed([2000, 30, 0, 1]))",
    "(rbf + rq)*(rbf + rq)*linear*constant(variance=3)",
]


def assert_same_kernel(a, b, rtol=1e-13):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("text", TEXTS)
def test_round_trip(text):
    kernel = parse(text, COLUMNS)
    assert_same_kernel(canonical(kernel, COLUMNS), kernel)
    assert_same_kernel(parse(to_expression(kernel, COLUMNS), COLUMNS), kernel)
    kernel(np.random.default_rng(0).uniform(size=(2, 6)))


def test_expression_is_in_original_units_and_digits():
    kernel = parse("2*matern32(age, lengthscale=5.123456789)", COLUMNS)
    assert to_expression(kernel, COLUMNS, digits=3) == "2 * matern32(age, lengthscale=5.12)"
    assert "5.123456789" in to_expression(kernel, COLUMNS)


numbers = st.floats(0.05, 50.0, allow_subnormal=False).map(lambda v: float(f"{v:.6g}"))
names = st.sampled_from(["year", "age", "city", '"long name"'])


@st.composite
def calls(draw):
    word = draw(st.sampled_from(["rbf", "matern12", "matern32", "matern52", "rq", "linear"]))
    chosen = draw(st.lists(names, max_size=3, unique=True))
    args = list(chosen)
    if draw(st.booleans()):
        args.append("ard")
    key = "variance" if word == "linear" else "lengthscale"
    count = len(chosen) or 4
    value = draw(st.none() | numbers | st.lists(numbers, min_size=count, max_size=count))
    if value is not None:
        args.append(f"{key}=fixed({value})" if draw(st.booleans()) else f"{key}={value}")
    return f"{word}({', '.join(args)})" if args else word


def extend(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: f"{p[0]} + {p[1]}"),
        pairs.map(lambda p: f"({p[0]})*({p[1]})"),
        st.tuples(numbers, inner).map(lambda p: f"{p[0]}*({p[1]})"),
        st.tuples(inner, inner, numbers).map(
            lambda p: f"changepoint({p[0]}, {p[1]}, year, location={p[2]})"
        ),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.recursive(calls(), extend, max_leaves=5))
def test_round_trip_of_any_expression(text):
    kernel = parse(text, COLUMNS)
    again = parse(to_expression(kernel, COLUMNS), COLUMNS)
    assert_same_kernel(again, kernel)
    assert_same_kernel(canonical(kernel, COLUMNS), kernel)


# Kernels as people build them: variances and selections where the grammar has none.
BUILT = [
    gk.RBF([0.5, 2.0]),
    gk.RBF() * gk.Matern32() + gk.Select(gk.Linear(), (1,)),
    (2.0 * gk.RBF()) * (3.0 * gk.Matern12(0.3)),
    2.0 * gk.Scale(gk.RBF(), Fixed(Positive(3.0))),
    gk.Select(2.0 * gk.RBF([1.0, 3.0]) + gk.Constant() * gk.Cosine(2.0), (1, 0)),
    gk.Select(gk.Select(gk.RBF(), (0,)), (1,)),
    gk.Select(gk.ChangePoint(gk.RBF(), gk.Select(gk.Linear(), (0,)), 0.3, 2.0, 1), (1, 0)),
    gk.Select(gk.Warp(gk.Select(gk.RBF(), (1,)), 2.0, low=[-4, -4], high=[4, 4]), (1, 0)),
    gk.Exchangeable(0.3) * gk.Hamming(2.0),
    (gk.RBF() + 1.0) * (gk.Matern32() + gk.Periodic()),
    3.0 * (gk.RBF() + gk.Polynomial(3)) * gk.ArcCosine(0),
    gk.RBF(Fixed(2.0)) * 0.5,
]


@pytest.mark.parametrize("kernel", BUILT, ids=repr)
def test_built_kernels_come_back_as_equal_functions(kernel):
    again = parse(to_expression(kernel, 2), 2)
    X = points()
    np.testing.assert_allclose(again(X), kernel(X), rtol=1e-12)
    assert num_parameters(again) == num_parameters(kernel)
    assert_same_kernel(parse(to_expression(again, 2), 2), again)


def test_what_the_grammar_cannot_say():
    with pytest.raises(ValueError, match="Python function"):
        to_expression(gk.Function(lambda x, z, p: x @ z), 2)
    with pytest.raises(ValueError, match="no whole columns"):
        to_expression(gk.Select(gk.RBF(), (2, 3)), COLUMNS)
    with pytest.raises(ValueError, match="6 values for 4 columns"):
        to_expression(gk.RBF(np.ones(6)), COLUMNS)
    with pytest.raises(ValueError, match="values of the kernel, not traced"):
        jax.jit(lambda k: (to_expression(k, 2), 0)[1])(gk.RBF())


def test_trainable_values_of_a_parsed_kernel():
    kernel = parse("2*matern32(ard) * periodic(year) + fixed(3)*rbf(lengthscale=fixed(1))", COLUMNS)
    # One variance, four lengthscales (dummies share), a lengthscale and a period.
    assert num_parameters(kernel) == 1 + 4 + 2
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(partition(kernel)[0]))
