"""Numbers and names as the grammar reads them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import kernels as gk
from gpkit.kernels import parse, to_expression
from gpkit.kernels.printing import Style, number_text, quoted, same, written
from gpkit.params import Fixed, Positive, Shared
from tests.kernels.tables import COLUMNS


def test_numbers():
    assert number_text(np.asarray(2.0), 4) == "2"
    assert number_text(np.asarray(12345.678), 4) == "1.235e+04"
    assert number_text(np.asarray([[0.1, 2.0]]), 4) == "[[0.1, 2]]"
    assert number_text(np.arange(13.0), 4) == "[0, 1, 2, 3, 4, 5, ..., 10, 11, 12]"
    third = 1 / 3
    assert float(number_text(np.asarray(third), None)) == third
    assert number_text(np.arange(13.0), None).count(",") == 12


def test_layers():
    assert written(Positive(2.0), Style()) == "2"
    assert written(Shared(Positive([2.0, 3.0]), (0, 1, 1)), Style()) == "[2, 3]"
    assert written(Shared(Fixed(Positive([2.0, 3.0])), (0, 1, 1)), Style()) == "fixed([2, 3])"
    assert written(Fixed(Shared(Positive([2.0, 3.0]), (0, 1, 1))), Style()) == "fixed([2, 3])"
    assert written(Fixed(3.0), Style()) == "fixed(3)"


@pytest.mark.parametrize(
    "name", ["a b", "ard", "fixed", "1st", 'say "x"', "back\\slash", "\u00e9t\u00e9", ""]
)
def test_names_that_need_quotes_come_back(name):
    columns = COLUMNS._replace(names=(name, *COLUMNS.names[1:]))
    kernel = gk.Scale(gk.Select(gk.RBF(), (0,), (name,)))
    text = to_expression(kernel, columns)
    assert quoted(name) in text
    assert parse(text, columns).kernel.names == (name,)


def test_plain_names_need_none():
    assert quoted("year_2") == "year_2"
    assert quoted("rbf") == "rbf"


def test_columns_of_nested_selections_in_repr():
    line = gk.Select(gk.Linear(), (0,))
    assert repr(gk.Select(line, (2, 1))) == "linear(x2, variance=1)"
    inner = gk.ChangePoint(gk.RBF(), gk.RBF(), 0.5, 2.0, column=1)
    shown = repr(gk.Select(inner, (2, 0), ("a", "b")))
    assert shown.endswith("b, location=0.5, steepness=2)")
    assert repr(inner).endswith("x1, location=0.5, steepness=2)")
    # One name for three dummies is the name of none of them alone.
    assert "x4, location" in repr(gk.Select(inner, (3, 4, 5), ("city",)))


def test_kernels_from_elsewhere_print_their_class():
    class Mine(gk.AbstractPairKernel):
        height: Positive
        shift: float

        def pair(self, x, z):
            return self.shift * jnp.sum(x * z)

    kernel = Mine(Positive(2.0), 0.5)
    assert repr(kernel + gk.RBF()) == "Mine(height=2, shift=0.5) + rbf(lengthscale=1)"
    np.testing.assert_allclose(kernel(np.ones((2, 2))), 1.0)
    with pytest.raises(ValueError, match="no word for Mine"):
        to_expression(kernel, 2)


def test_equality_is_one_bool():
    a, b = gk.RBF([1.0, 2.0]), gk.RBF([1.0, 3.0])
    assert same(a, gk.RBF([1.0, 2.0])) is True
    assert same(a, b) is False
    assert same(a, gk.RBF(1.0)) is False
    assert same(a, gk.Matern32([1.0, 2.0])) is False
    assert same(gk.Polynomial(2), gk.Polynomial(3)) is False
    assert same(a, "rbf") is False
    assert (a != b) is True
    seen = []
    jax.jit(lambda x, y: seen.extend([x == x, x == y]))(a, a)
    assert seen == [True, False]
