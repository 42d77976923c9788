"""Tables named on the command line: columns, splits, and rows that can be predicted."""

import numpy as np
import pandas as pd
import pytest

from gpkit.commands.loading import load_work, predictable
from gpkit.data import Dataset, Encoder, load, random_split


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
    with pytest.raises(ValueError, match="contains NaN: column 'a', row 4"):
        load_work(settings(table, target="y"))
    assert load_work(settings("nycflights13")).dataset.n < 2000


def test_constant_target_is_refused(settings, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,5\n2,5\n3,5\n")
    with pytest.raises(ValueError, match="'y' is constant \\(5\\)"):
        load_work(settings(path))


def test_rows_with_gaps_or_unseen_levels_cannot_be_predicted():
    train = pd.DataFrame({"x": [1.0, 2.0, 3.0], "k": ["u", "v", "u"]})
    schema = Encoder.fit(train).schema
    new = pd.DataFrame({"k": ["u", "w", None, "v"], "x": [1.0, None, 1.0, 9.0]})
    usable, reasons = predictable(schema, new)
    np.testing.assert_array_equal(usable, [True, False, False, True])
    assert reasons == [
        "1 have no value in 'x'",
        "1 have no value in 'k'",
        "1 have an unseen level in 'k'",
    ]


def test_levels_that_are_numbers_are_known_again_beside_gaps():
    schema = Encoder.fit(pd.DataFrame({"k": pd.Categorical([3, 1, 2])})).schema
    usable, _ = predictable(schema, pd.DataFrame({"k": [1.0, None, 4.0, 3.0]}))
    np.testing.assert_array_equal(usable, [True, False, False, True])


def test_a_missing_column_is_named_with_what_may_be_meant():
    schema = Encoder.fit(pd.DataFrame({"width": [1.0, 2.0]})).schema
    with pytest.raises(ValueError, match=r"lacks 'width'.*is it 'widht'"):
        predictable(schema, pd.DataFrame({"widht": [1.0]}))
    with pytest.raises(ValueError, match=r"lacks 'width'.*it has: q"):
        predictable(schema, pd.DataFrame({"q": [1.0]}))
