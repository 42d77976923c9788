"""Prepare steps and split rules, by hand."""

import numpy as np
import pandas as pd

from gpkit.data import entry


def test_weeks_become_decimal_years():
    frame = pd.DataFrame({"date": [19580101, 19580702, 19601231], "co2": [1.0, None, 3.0]})
    prepared = entry.co2_weekly(frame)
    np.testing.assert_allclose(prepared["decimal_year"], [1958.0, 1960 + 365 / 366], rtol=1e-15)
    np.testing.assert_array_equal(prepared["co2_ppm"], [1.0, 3.0])


def test_months_become_decimal_years_and_the_leak_goes():
    frame = pd.DataFrame({"Date": ["1958-03-01"], "CO2": [315.7], "adjusted CO2": [314.4]})
    prepared = entry.co2_monthly(frame)
    assert list(prepared.columns) == ["decimal_year", "co2_ppm"]
    np.testing.assert_allclose(prepared["decimal_year"], [1958 + 2.5 / 12], rtol=1e-15)


def test_flights_have_minutes_weekday_and_age():
    frame = pd.DataFrame(
        {
            "month": [1, 12], "day": [1, 25], "dep_time": [1, None], "arr_time": [2400, 1359],
            "air_time": [60, None], "distance": [500, 600], "plane_year": [2000, None],
            "carrier": ["UA", "AA"], "origin": ["JFK", "EWR"], "dest": ["BOS", "LAX"],
            "arr_delay": [-3, None], "dep_delay": [5, None],
        }
    )  # fmt: skip
    prepared = entry.flights(frame)
    assert tuple(prepared.columns) == (*entry.FLIGHT_INPUTS, "arr_delay")
    # 1 January 2013 was a Tuesday, Christmas a Wednesday.
    assert prepared["weekday"].tolist() == [1, 2]
    assert prepared["dep_minute"][0] == 1
    assert np.isnan(prepared["dep_minute"][1])
    assert prepared["arr_minute"].tolist() == [1440, 13 * 60 + 59]
    assert prepared["plane_age_year"][0] == 13


def test_a_mask_file_gives_one_split_a_column(tmp_path):
    (tmp_path / "mask.csv").write_text("1,0\n0,0\n0,1\n")
    first, second = entry.mask_file("mask.csv")(pd.DataFrame(index=range(3)), tmp_path)
    assert first.test.tolist() == [0]
    assert second.test.tolist() == [2]
    assert second.train.tolist() == [0, 1]


def test_rules_of_one_split(tmp_path):
    frame = pd.DataFrame({"t": [3.0, 1.0, 2.0, 0.0], "out": [0, 1, 0, 0]})
    (late,) = entry.latest("t", 0.25)(frame, tmp_path)
    assert late.test.tolist() == [0]
    (held,) = entry.held_out(lambda table: table["out"] == 1)(frame, tmp_path)
    assert held.test.tolist() == [1]
    (random,) = entry.shuffled(0.5)(frame, tmp_path)
    assert len(random.test) == 2
