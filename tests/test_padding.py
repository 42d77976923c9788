"""Buckets of rows: sizes, and padding that repeats the first row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpkit.padding import bucket, pad_rows


@given(st.integers(1, 10**6))
def test_a_bucket_holds_its_rows_and_wastes_little(n):
    size = bucket(n)
    assert n <= size < n + max(16, n / 8 + 1)
    # Every row count of a bucket leads to the same bucket, which holds itself.
    assert bucket(size) == size


def test_buckets_grow_with_n_and_are_few():
    sizes = [bucket(n) for n in range(1, 5001)]
    assert np.all(np.diff(sizes) >= 0)
    assert len(set(sizes)) < 60
    assert sizes[0] == 16


@pytest.mark.parametrize("shape", [(), (2,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_padding(shape, dtype):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)).astype(dtype), rng.normal(size=(20, *shape)).astype(dtype)
    known = rng.uniform(size=20)
    rows = pad_rows(X, y, known)
    assert [a.dtype for a in rows[:3]] == [dtype] * 3
    np.testing.assert_array_equal(rows.mask, np.arange(32) < 20)
    np.testing.assert_array_equal(rows.X[:20], X)
    np.testing.assert_array_equal(rows.X[20:], np.tile(X[0], (12, 1)))
    np.testing.assert_array_equal(rows.y[:20], y)
    np.testing.assert_array_equal(rows.noise_variance[:20], known.astype(dtype))
    assert np.all(np.asarray(rows.noise_variance[20:]) > 0)


def test_a_full_bucket_is_left_as_it_is():
    X = np.arange(64.0).reshape(16, 4)
    rows = pad_rows(X, X[:, 0])
    np.testing.assert_array_equal(rows.X, X)
    assert rows.mask.all()
    assert rows.noise_variance is None
