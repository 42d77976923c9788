"""Tables named on the command line: columns, splits, and rows that can be predicted."""

import numpy as np
import pandas as pd
import pytest

from gpkit.commands.loading import load_work
from gpkit.data import Dataset, load, random_split


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "zone": np.arange(20) % 3,
            "y": rng.standard_normal(20),
            "b": rng.standard_normal(20),
            "a": rng.standard_normal(20),
        }
    )
    frame.loc[4, "a"] = None
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    return path


def test_registered_split_is_the_default(settings):
    work = load_work(settings("yacht"))
    yacht = load("yacht")
    y = yacht.frame[yacht.target].to_numpy()
    np.testing.assert_array_equal(work.test.y, y[yacht.splits[0].test])
    np.testing.assert_array_equal(work.train.y, y[yacht.splits[0].train])
    assert list(work.train.X.columns) == list(yacht.inputs)
    assert work.how == "split 0 of 20"
    other = load_work(settings("yacht", split=7))
    np.testing.assert_array_equal(other.test.y, y[yacht.splits[7].test])


def test_a_fraction_takes_the_place_of_the_registered_split(settings):
    work = load_work(settings("nile", test_fraction=0.25, seed=4))
    nile = load("nile")
    split = random_split(100, fraction=0.25, seed=4)
    np.testing.assert_array_equal(work.test.y, nile.frame[nile.target].to_numpy()[split.test])
    assert work.how == "random, seed 4"


def test_no_split_trains_on_all_rows(settings):
    work = load_work(settings("nile", split="none"))
    assert work.test is None
    assert len(work.train.y) == 100
    assert "100 training rows, no test rows (all rows train)" in work.summary()


def test_a_file_predicts_its_target_from_all_other_columns(settings, table):
    work = load_work(settings(table, target="y", missing="drop"))
    assert work.dataset.names == ("zone", "b", "a")
    assert len(work.train.y) + len(work.test.y) == 19
    assert work.dataset.notes == ("1 of 20 rows left out: missing entries",)
    assert "1 of 20 rows left out: missing entries" in work.notes


def test_inputs_and_drop(settings, table):
    work = load_work(settings(table, target="y", inputs=("b", "zone"), drop=("zone",)))
    assert work.dataset.names == ("b",)
    assert len(work.train.y) + len(work.test.y) == 20


def test_codes_reach_the_estimators_as_categories(settings, table):
    work = load_work(settings(table, target="y", drop=("a",), categorical=("zone",)))
    dataset = Dataset.from_frame(work.train.X.assign(t=work.train.y), "t")
    assert [c.kind.value for c in dataset.columns] == ["category", "numeric"]
    assert dataset.columns[0].levels == (0, 1, 2)


def test_rows_follow_their_targets_after_gaps(settings, table):
    work = load_work(settings(table, target="y", missing="drop", split="none"))
    whole = pd.read_csv(table).dropna()
    np.testing.assert_array_equal(work.train.X["a"], whole["a"])
    np.testing.assert_array_equal(work.train.y, whole["y"])


def test_gaps_are_refused_unless_the_registry_or_the_user_says_otherwise(settings, table):
    message = r"1 of 20 rows have gaps .first: line 6, column 'a'; by column: 'a' 1.*--missing drop"
    with pytest.raises(ValueError, match=message):
        load_work(settings(table, target="y"))
    assert load_work(settings("nycflights13")).dataset.n < 2000


def test_constant_target_is_refused(settings, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,5\n2,5\n3,5\n")
    with pytest.raises(ValueError, match="'y' is constant \\(5\\)"):
        load_work(settings(path))


def write(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_dates_and_leaks_are_warned_of(settings, tmp_path):
    rng = np.random.default_rng(0)
    rows = [(20210101 + i, *rng.uniform(1, 9, 2).round(2)) for i in range(30)]
    path = write(tmp_path / "t.csv", "day,in,out,net", [(*r, round(r[1] - r[2], 2)) for r in rows])
    dates, leak = load_work(settings(path)).warnings
    assert dates.startswith("column 'day' holds dates: rows held out at random")
    assert "--split time" in dates
    assert "it is a weighted sum of 'in' and 'out'" in leak
    assert "(--drop in,out)" in leak
    # In order of time, and without one of the two, nothing is left to warn of.
    assert load_work(settings(path, split="time", drop=("in",))).warnings == ()


def test_columns_that_are_no_inputs_are_left_out_unless_asked_for(settings, tmp_path):
    rows = [(i, f"n{i}", i % 7, (i % 7) ** 2 + 0.1 * (i % 3)) for i in range(20)]
    path = write(tmp_path / "t.csv", ",name,x,y", rows)
    work = load_work(settings(path))
    assert work.dataset.names == ("x",)
    actions = {row.name: row.action for row in work.columns}
    assert actions["Unnamed: 0"].startswith("left out: numbers the rows")
    assert actions["name"].startswith("left out: every row has a value of its own")
    assert actions["y"] == "target"
    asked = load_work(settings(path, inputs=("x", "Unnamed: 0", "name")))
    assert asked.dataset.names == ("x", "Unnamed: 0", "name")
    assert load_work(settings(path, categorical=("name",))).dataset.names == ("name", "x")


def test_a_column_that_is_dropped_need_not_make_sense(settings, tmp_path):
    path = write(
        tmp_path / "t.csv", "x,note,y", [(i, 5 if i else "see below", i**2) for i in range(9)]
    )
    with pytest.raises(
        ValueError, match=r"column 'note', line 2: 'see below' is no number.*--drop"
    ):
        load_work(settings(path))
    assert load_work(settings(path, drop=("note",))).dataset.names == ("x",)
    assert load_work(settings(path, inputs=("x",))).dataset.names == ("x",)


def test_two_values_look_like_a_class(settings, tmp_path):
    path = write(tmp_path / "t.csv", "x,y", [(i % 5, i % 2) for i in range(12)])
    assert (
        "has the two values 0 and 1 only: gpkit does regression"
        in load_work(settings(path)).notes[-1]
    )


def test_a_level_that_looks_missing_is_one_on_demand(settings, tmp_path):
    rows = [(i % 5, ["None", "one", "two"][i % 3], i * i % 7) for i in range(12)]
    path = write(tmp_path / "t.csv", "x,garage,y", rows)
    message = "'garage' 4.*to take what is written there as a level, --categorical garage"
    with pytest.raises(ValueError, match=message):
        load_work(settings(path))
    work = load_work(settings(path, categorical=("garage",)))
    assert work.dataset.columns[1].levels == ("None", "one", "two")
