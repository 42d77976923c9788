"""Test rows: the latest, whole groups, random ones, and options that contradict each other."""

import numpy as np
import pytest

from gpkit.commands.loading import load_work


@pytest.fixture
def table(tmp_path):
    """Forty rows of eight patients; days go up, doses are shuffled."""
    dose = np.random.default_rng(0).permutation(40)
    lines = [
        f"{2000 + i // 12}-{i % 12 + 1:02d}-15,P{i % 8},{i % 8},{dose[i]},{i * dose[i]}"
        for i in range(40)
    ]
    path = tmp_path / "t.csv"
    path.write_text("day,patient,code,dose,y\n" + "\n".join(lines) + "\n")
    return path


def test_time_holds_out_the_last_rows_by_the_date_column(settings, table):
    work = load_work(settings(table, split="time", test_fraction=0.25))
    assert work.how == "the latest by 'day'"
    assert len(work.test.y) == 10
    assert work.train.X["day"].max() < work.test.X["day"].min()
    assert not any("holds dates" in text for text in work.warnings)


@pytest.mark.parametrize("drop", [(), ("dose",)])
def test_time_may_be_any_column_of_numbers_also_one_that_is_no_input(settings, table, drop):
    work = load_work(settings(table, split="time:dose", drop=drop))
    rows = {round(y / max(i, 1)) for i, y in enumerate(work.dataset.y) if y in work.test.y}
    assert work.how == "the latest by 'dose'"
    assert min(rows) >= 36
    assert ("dose" in work.dataset.names) == (not drop)


@pytest.mark.parametrize("column", ["patient", "code"])
def test_groups_never_straddle_and_are_no_input(settings, table, column):
    draws = set()
    for seed in range(3):
        work = load_work(settings(table, split=f"group:{column}", test_fraction=0.3, seed=seed))
        other = {"patient": "code", "code": "patient"}[column]
        seen, held = set(work.train.X[other]), set(work.test.X[other])
        assert not seen & held
        assert len(held) == 3
        draws.add(tuple(sorted(held)))
        assert column not in work.dataset.names
    assert work.how == f"whole groups of {column!r}, seed 2"
    assert len(draws) > 1


def test_of_two_columns_of_dates_one_must_be_named(settings, tmp_path):
    path = tmp_path / "t.csv"
    rows = "".join(f"2020-01-{i + 1:02d},2021-02-{i + 1:02d},{i * i}\n" for i in range(12))
    path.write_text("ordered,sent,y\n" + rows)
    with pytest.raises(ValueError, match=r"several columns of dates .ordered, sent.; name the"):
        load_work(settings(path, split="time"))
    assert load_work(settings(path, split="time:sent")).how == "the latest by 'sent'"


def test_random_takes_the_place_of_registered_splits(settings):
    assert load_work(settings("nile", split="random")).how == "random, seed 0"
    work = load_work(settings("nile", split="time:year", test_fraction=0.3))
    assert sorted(work.test.X["year"]) == list(range(1941, 1971))


def test_rows_without_a_time_or_a_group_are_gaps(settings, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "t,g,x,y\n" + "".join(f"{i or ''},{i % 3 or ''},{i % 5},{i}\n" for i in range(12))
    )
    with pytest.raises(ValueError, match="first: line 2, column 't'"):
        load_work(settings(path, split="time:t", inputs=("x",)))
    work = load_work(settings(path, split="group:g", inputs=("x",), missing="drop"))
    assert work.dataset.n == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "time", "drop": ("day",)}, "--split time: this table has no column of dates"),
        ({"split": "time:patient"}, "text such as 'P0' has no order in time"),
        ({"split": "time:dya"}, "split names 'dya', which is no column; did you mean 'day'"),
        ({"split": "group:y"}, "names the target"),
        ({"split": "group:code", "inputs": ("code", "dose")},
         "--inputs and --split both name 'code'"),
        ({"split": "none", "test_fraction": 0.2}, "exclude each other"),
        ({"split": 0}, "has no registered splits; choose another, 'random'"),
    ],
)  # fmt: skip
def test_what_can_not_divide_is_refused(settings, table, options, message):
    with pytest.raises(ValueError, match=message):
        load_work(settings(table, **options))


def test_one_group_and_one_time_are_too_few(settings, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,x,y\n" + "".join(f"k,{i},{i * i % 7}\n" for i in range(9)))
    with pytest.raises(ValueError, match=r"--split group:a: column 'a': groups holds one group"):
        load_work(settings(path, split="group:a"))
