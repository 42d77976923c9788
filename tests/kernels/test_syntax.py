"""Errors point at the character and name the remedy."""

import pickle

import numpy as np
import pytest

from gpkit.kernels import RBF, GrammarError, parse
from gpkit.kernels.syntax import Add, Call, Mul, Parser, near, tokens
from tests.kernels.tables import COLUMNS

# (text, position of the fault, part of the message)
FAULTS = [
    ("", 0, "expected a kernel, a number or '(', found end"),
    ("2*", 2, "expected a kernel, a number or '(', found end"),
    ("rbf + ", 5, "found end of the expression"),
    ("rbf - rq", 4, "kernels cannot be subtracted"),
    ("rbf rq", 4, "expected '+', '*' or the end, found 'rq'"),
    ("(rbf", 4, "expected ')', '+' or '*'"),
    ("rbf)", 3, "found ')'"),
    ("rbf $", 4, "unexpected character '$'"),
    ('rbf("a', 4, "the quote is not closed"),
    ("matern3", 0, "unknown kernel 'matern3'; did you mean matern32 or"),
    ("RBF", 0, "did you mean rbf"),
    ("zzz", 0, "known are rbf, matern12"),
    ("rbf*year", 4, "'year' is a column, not a kernel; write for example linear(year)"),
    ("rbf(yeer)", 4, "no column 'yeer'; did you mean year?"),
    ("rbf(zzz)", 4, "no column 'zzz'; columns are year, age, city, long name"),
    ("rbf(year, year)", 10, "column 'year' is named twice"),
    ("rbf(lengthscal=1)", 4, "no parameter 'lengthscal'; did you mean lengthscale?"),
    ("rbf(year, zz=2)", 10, "no parameter 'zz'; it has lengthscale"),
    ("rbf(lengthscale=-1)", 4, "lengthscale must be above zero"),
    ("rbf(lengthscale=0)", 4, "lengthscale must be above zero"),
    ("rbf(lengthscale=1, lengthscale=2)", 19, "'lengthscale' is given twice"),
    ("rbf(lengthscale=[1, 2])", 4, "lengthscale has 2 values for 4 columns"),
    ("rbf(year, lengthscale=[[1]])", 10, "lengthscale must be one number or a list"),
    ("rbf(lengthscale=[1, fixed(2)])", 20, "fixed(...) goes around the whole list"),
    ("rbf(lengthscale=[[1, 2], [3]])", 16, "rows of a list must be equally long"),
    ("rbf(lengthscale=1e999)", 16, "the number is too large"),
    ("rbf(lengthscale=fixed)", 21, "expected '(' after fixed"),
    ("rbf(lengthscale=)", 16, "expected a number, '[' or fixed(...)"),
    ("rbf(2)", 4, "rbf takes numbers by keyword only, such as lengthscale=1"),
    ("rbf(year,)", 9, "expected a column name, 'ard' or keyword=value"),
    ("rq(alpha=[1, 2])", 3, "alpha must be one number"),
    ("constant(year)", 9, "constant takes no columns"),
    ("constant(ard)", 9, "constant has no parameter per column"),
    ("categorical", 0, "categorical needs a column, such as categorical(year)"),
    ("categorical(city, rho=1)", 18, "rho must lie strictly between 0 and 1"),
    ("powexp(power=3)", 7, "strictly between 0 and 2, or be fixed(2)"),
    ("powexp(power=fixed(2.5))", 7, "strictly between 0 and 2, or be fixed(2)"),
    ("polynomial(2.5)", 11, "degree must be an integer"),
    ("polynomial(0)", 11, "degree must be an integer from 1 to 20"),
    ("polynomial(2, degree=2)", 11, "degree is given twice"),
    ("polynomial(2, 3)", 14, "a second number without a keyword"),
    ("arccosine(5)", 10, "order must be an integer from 0 to 2"),
    ("spectral(2)", 0, "'city' is a category: name the columns to use"),
    ("periodic(city)", 0, "'city' is a category"),
    ("spectral(2, age, weights=[1, 2, 3])", 0, "differ in number (weights: 3, parts: 2)"),
    ("spectral(2, age, weights=1)", 17, "weights must be a list"),
    ("spectral(1, age, means=[1])", 17, "means must be a list of lists"),
    ("changepoint(rbf)", 0, "changepoint takes 2 kernels as first arguments"),
    ("changepoint(rbf, rq)", 0, "changepoint needs one column"),
    ("changepoint(rbf, rq, city)", 21, "needs a column of numbers, not 'city'"),
    ("changepoint(rbf, yeer, age)", 17, "unknown kernel 'yeer'"),
    ("warp(rbf)", 0, "'city' is a category"),
    ("warp(rbf(city), age)", 9, "no column 'city'; columns are age"),
    ("warp(rbf, age, low=3, high=1)", 15, "low must lie below high"),
    ("warp(rbf, age, low=[1, 2], high=3)", 15, "low has 2 values for 1 column"),
    ("2", 0, "a constant is constant(variance=...)"),
    ("rbf + 2*3", 6, "a kernel must follow the number"),
    ("0*rbf", 0, "the factor must be one number above zero"),
    ("fixed([1, 2])*rbf", 0, "the factor must be one number above zero"),
    ("fixed(2)*3*rbf", 9, "one variance cannot be both fixed and trained"),
    ("linear(offset=1)", 7, "one location for columns of different units"),
    ("fixed*rbf", 5, "expected '(' after fixed"),
]


@pytest.mark.parametrize(("text", "position", "message"), FAULTS, ids=[f[0] for f in FAULTS])
def test_fault(text, position, message):
    with pytest.raises(GrammarError) as caught:
        parse(text, COLUMNS)
    assert message in caught.value.message
    assert caught.value.position == position
    first, shown, caret = str(caught.value).split("\n")
    assert first == caught.value.message
    assert shown == "  " + text
    assert caret == " " * (position + 2) + "^"


def test_warp_without_a_known_range():
    columns = COLUMNS._replace(low=(), high=())
    with pytest.raises(GrammarError, match="warp needs the range of its columns: low="):
        parse("warp(rbf, age)", columns)


def test_error_survives_pickling_and_is_a_value_error():
    with pytest.raises(ValueError) as caught:
        parse("rb", 3)
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, GrammarError)
    assert str(again) == str(caught.value)
    assert (again.message, again.text, again.position) == caught.value.args


def test_line_breaks_keep_the_caret_in_place():
    with pytest.raises(GrammarError) as caught:
        parse("rbf\n\t+ qq", COLUMNS)
    assert str(caught.value).split("\n")[1:] == ["  rbf  + qq", " " * 9 + "^"]


def test_text_is_required():
    with pytest.raises(TypeError, match="must be a string, got RBF"):
        parse(RBF(), 2)


def test_tokens():
    found = tokens(" rbf(1.5e-3,'a b') ")
    assert [t.kind for t in found] == ["name", "(", "number", ",", "text", ")", "end"]
    assert [t.position for t in found] == [1, 4, 5, 11, 12, 17, 18]


def test_numbers():
    for text in ("1", "1.", ".5", "1e3", "2.5E-2", "1e+04"):
        node = Parser(f"rbf(lengthscale={text})", {"rbf": 0}, ()).parse()
        assert node.values["lengthscale"].numbers == float(text)
    node = Parser("rbf(lengthscale=fixed([1, -2]))", {"rbf": 0}, ()).parse()
    np.testing.assert_array_equal(node.values["lengthscale"].numbers, [1.0, -2.0])
    assert node.values["lengthscale"].fixed


def test_products_bind_tighter_than_sums():
    words = {"a": 0, "b": 0, "c": 0}
    node = Parser("a + b*c", words, ()).parse()
    assert isinstance(node, Add)
    assert isinstance(node.terms[0], Call)
    assert isinstance(node.terms[1], Mul)
    node = Parser("(a + b)*c", words, ()).parse()
    assert isinstance(node, Mul)
    assert isinstance(node.factors[0], Add)


def test_quoted_names():
    for text in ('a("the \\"name\\"")', "a('the \"name\"')"):
        call = Parser(text, {"a": 0}, ()).parse()
        assert call.columns[0].name == 'the "name"'
    call = Parser('a("ard", ard)', {"a": 0}, ()).parse()
    assert call.columns[0].name == "ard"
    assert call.ard == 9


def test_suggestions():
    assert near("matern52", ["matern32"]) == "; did you mean matern32?"
    assert near("qqqq", ["matern32"]) == ""
