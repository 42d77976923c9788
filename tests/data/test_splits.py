"""Splits: the published masks row for row, partitions, ties, groups, errors."""

import numpy as np
import pandas as pd
import pytest

from gpkit.data import splits
from gpkit.data.splits import Split


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("boston", 20),
        ("concrete", 20),
        ("energy", 20),
        ("power", 20),
        ("protein", 5),
        ("wine", 20),
        ("yacht", 20),
    ],
)
def test_standard_splits_are_the_published_masks(data_dir, name, count):
    path = data_dir / "uci20" / name / "test_mask.csv.gz"
    masks = pd.read_csv(path, header=None).to_numpy().astype(bool)
    made = splits.standard_splits(len(masks), count)
    assert masks.shape[1] == len(made)
    for k, split in enumerate(made):
        np.testing.assert_array_equal(split.test, np.flatnonzero(masks[:, k]))
        np.testing.assert_array_equal(split.train, np.flatnonzero(~masks[:, k]))


def test_standard_splits_by_hand():
    # The first permutation of 10 rows in the stream seeded with 1 ends in 5.
    first = splits.standard_splits(10, 2)[0]
    np.testing.assert_array_equal(first.test, [np.random.RandomState(1).permutation(10)[9]])
    # 0.9 * 14 rounds up to 13.
    assert len(splits.standard_splits(14, 1)[0].test) == 1


def _is_partition(split, n):
    rows = np.concatenate([split.train, split.test])
    np.testing.assert_array_equal(np.sort(rows), np.arange(n))


@pytest.mark.parametrize("n", [2, 3, 11, 100])
@pytest.mark.parametrize("fraction", [0.01, 0.3, 0.99])
def test_random_split_is_a_partition_of_the_right_size(n, fraction):
    split = splits.random_split(n, fraction=fraction, seed=3)
    _is_partition(split, n)
    assert len(split.test) == min(max(round(fraction * n), 1), n - 1)


def test_seeds_repeat_and_differ():
    a, b, c = (splits.random_split(50, seed=s).test for s in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_time_split_takes_the_latest_rows_in_any_order():
    times = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    split = splits.time_split(times, fraction=0.4)
    np.testing.assert_array_equal(split.test, [0, 2])
    dates = pd.date_range("2020-01-01", periods=5).to_numpy()[[4, 0, 3, 1, 2]]
    np.testing.assert_array_equal(splits.time_split(dates, fraction=0.4).test, [0, 2])


def test_time_split_keeps_ties_together():
    split = splits.time_split([1, 2, 2, 2, 0], fraction=0.2)
    np.testing.assert_array_equal(split.test, [1, 2, 3])


def test_group_split_keeps_groups_whole_and_reaches_the_fraction():
    groups = np.repeat(["a", "b", "c", "d"], [10, 1, 5, 4])
    for seed in range(10):
        split = splits.group_split(groups, fraction=0.25, seed=seed)
        _is_partition(split, 20)
        assert not set(groups[split.train]) & set(groups[split.test])
        assert len(split.test) >= 5


def test_group_split_leaves_a_group_for_training():
    for seed in range(6):
        split = splits.group_split([1, 1, 1, 2], fraction=0.95, seed=seed)
        assert set(split.train.tolist()) in ({3}, {0, 1, 2})


@pytest.mark.parametrize(("n", "k"), [(10, 3), (7, 7), (100, 2)])
def test_kfold_tests_each_row_once(n, k):
    folds = splits.kfold(n, k, seed=1)
    assert len(folds) == k
    for split in folds:
        _is_partition(split, n)
    tested = np.concatenate([split.test for split in folds])
    np.testing.assert_array_equal(np.sort(tested), np.arange(n))
    sizes = [len(split.test) for split in folds]
    assert max(sizes) - min(sizes) <= 1


def test_among_renumbers_kept_rows():
    split = Split(train=np.array([0, 2, 4]), test=np.array([1, 3]))
    kept = split.among(np.array([0, 1, 4]))
    np.testing.assert_array_equal(kept.train, [0, 2])
    np.testing.assert_array_equal(kept.test, [1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Split(train=[0, 1], test=[1, 2]), "both"),
        (lambda: Split(train=[], test=[1, 2]), "no train rows"),
        (lambda: splits.standard_splits(1), "at least 2"),
        (lambda: splits.random_split(10, fraction=1.5), "fraction"),
        (lambda: splits.kfold(3, 4), "k must"),
        (lambda: splits.time_split([1.0, np.nan]), "times has missing"),
        (lambda: splits.time_split([1.0, 1.0]), "distinct"),
        (lambda: splits.group_split(["a", "a"]), "one group"),
        (lambda: splits.group_split(["a", None]), "groups has missing"),
        (lambda: splits.time_split(np.zeros((2, 2))), "one entry a row"),
    ],
)
def test_bad_splits_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
