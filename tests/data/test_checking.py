"""Arrays at the door: accepted types, and the words of each refusal."""

import numpy as np
import pytest
import scipy.sparse

from gpkit.data import checking


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, np.float32, np.float64])
def test_real_number_types_become_float64(dtype):
    matrix = checking.as_matrix(np.ones((2, 3), dtype))
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, np.ones((2, 3)))


def test_a_known_noise_variance_is_one_number_a_row():
    y = np.zeros(3)
    np.testing.assert_array_equal(checking.as_noise_variance(0.5, y), [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(checking.as_noise_variance([0, 1, 2], y), [0.0, 1.0, 2.0])
    assert checking.as_noise_variance(np.ones((3, 2)), np.zeros((3, 2))).shape == (3, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: checking.as_matrix(np.ones(3)), ValueError, r"Expected 2D.*reshape\(-1, 1\)"),
        (lambda: checking.as_matrix(np.ones((1, 2, 3))), ValueError, "Expected 2D array"),
        (lambda: checking.as_matrix(np.ones((0, 3))), ValueError, r"0 sample\(s\) \(shape=\(0"),
        (lambda: checking.as_matrix(np.ones((3, 0))), ValueError, r"0 feature\(s\)"),
        (lambda: checking.as_matrix([[1j]]), ValueError, "Complex data not supported"),
        (lambda: checking.as_matrix([["a"]]), TypeError, "pandas DataFrame"),
        (lambda: checking.as_matrix([[{}]]), TypeError, "X must hold numbers"),
        (lambda: checking.as_matrix(scipy.sparse.eye(3)), TypeError, "toarray"),
        (lambda: checking.as_target(["a", "b"], 2), TypeError, "gpkit does regression"),
        (lambda: checking.as_target([1.0], 2), ValueError, "X has 2 rows, y has 1"),
        (lambda: checking.as_target(np.ones((2, 1, 1)), 2), ValueError, r"shape \(n,\)"),
        (lambda: checking.as_target(np.ones((2, 0)), 2), ValueError, r"shape \(n,\)"),
        (lambda: checking.as_noise_variance([1.0], np.ones(2)), ValueError, "has shape"),
        (lambda: checking.as_noise_variance(-1.0, np.ones(2)), ValueError, "negative"),
        (lambda: checking.as_noise_variance(np.inf, np.ones(2)), ValueError, "infinite"),
        (lambda: checking.check_names(["pric"], ["price"], "drop"), ValueError, "mean 'price'"),
        (lambda: checking.check_names(["q"], ["price"], "drop"), ValueError, "columns: price"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_first_bad_entry_is_named_and_all_are_counted():
    values = np.array([[1.0, 2.0], [np.nan, 3.0], [4.0, np.nan]])
    with pytest.raises(ValueError, match=r"column 'a', row 1 .*2 such entries.*missing='drop'"):
        checking.refuse_missing(values, ("a", "b"), "X")
    checking.refuse_infinity(values, ("a", "b"), "X")
