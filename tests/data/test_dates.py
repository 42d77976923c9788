"""Dates in the forms people write, and what only looks like one."""

import numpy as np
import pandas as pd
import pytest

from gpkit.data.dates import AmbiguousDates, days, parse_dates, whole_dates

LAST_OF_JANUARY, MARCH = "2020-01-31", "2020-03-04"


@pytest.mark.parametrize(
    "cells",
    [
        ["2020-01-31", "2020-03-04"],
        ["2020/01/31", "2020/03/04"],
        ["31.01.2020", "04.03.2020"],
        ["31/01/2020", "04/03/2020"],
        ["01/31/2020", "03/04/2020"],
        ["1/31/2020", "3/4/2020"],
        ["31-1-2020", "4-3-2020"],
        ["31/01/20", "04/03/20"],
        ["31 Jan 2020", "4 Mar 2020"],
        ["31-Jan-2020", "4-Mar-2020"],
        ["January 31, 2020", "March 4, 2020"],
        ["2020-01-31T00:00:00Z", "2020-03-04T00:00:00Z"],
        ["2020-01-31 01:00:00+01:00", "2020-03-04 01:00:00+01:00"],
        ["31.01.2020 00:00", "04.03.2020 00:00"],
        ["01/31/2020 12:00:00 AM", "03/04/2020 12:00:00 AM"],
    ],
)
def test_one_day_in_many_hands(cells):
    dates = parse_dates(cells)
    assert dates.tolist() == [pd.Timestamp(LAST_OF_JANUARY), pd.Timestamp(MARCH)]


def test_months_without_a_day():
    assert parse_dates(["2020-01", "2020-03"]).dt.month.tolist() == [1, 3]
    assert parse_dates(["Jan 2020", "Mar 2020"]).dt.month.tolist() == [1, 3]


def test_what_does_not_fit_the_others_is_no_date():
    dates = parse_dates(["2020-01-31", "2020-02-30", "2020-03-01"])
    assert dates.isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    "cells",
    [["a", "b"], ["12", "13"], ["1.5", "2.5"], ["1.2.3", "1.2.4"], ["A-1", "B-2"], ["10:30"],
     ["10.0.0.1"], ["12-34", "13-35"], ["May", "June"], ["99/99/2020", "98/98/2020"], [],
     ["2020-01-31", "later", "soon", "never"]],
)  # fmt: skip
def test_other_text_is_no_date(cells):
    assert parse_dates(cells) is None


def test_day_and_month_that_can_not_be_told_apart_are_refused():
    with pytest.raises(AmbiguousDates, match=r"'03/04/2020'.*write dates as yyyy-mm-dd"):
        parse_dates(["03/04/2020", "05/06/2020"])
    # Both readings agree.
    assert parse_dates(["03/03/2020"]).tolist() == [pd.Timestamp("2020-03-03")]
    # A point stands after the day, all over the world.
    assert parse_dates(["03.04.2020"]).tolist() == [pd.Timestamp("2020-04-03")]


def test_whole_numbers_are_dates_only_if_all_are():
    found = whole_dates(np.array([20200131.0, np.nan, 19580329]))
    assert days(found)[[0, 2]].tolist() == [18292.0, -4296.0]
    assert found.isna().tolist() == [False, True, False]
    for odd in (20201301, 20200230, 12345678, 2020013, 20200130.25):
        assert whole_dates(np.array([20200131.0, odd])) is None
    assert whole_dates(np.array([20200131.0, 20200131])) is None


def test_days_count_hours_as_fractions():
    dates = pd.Series(pd.to_datetime(["1970-01-02 06:00", None]))
    np.testing.assert_array_equal(days(dates), [1.25, np.nan])
