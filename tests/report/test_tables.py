"""Tables: content, width, plain text, CSV and back."""

import io

import numpy as np
import pandas as pd
import pytest

from gpkit.report.tables import (
    comparison_table,
    difference_text,
    score_table,
    status_text,
    to_csv,
    to_text,
)


def words(line):
    return " ".join(line.split())


@pytest.fixture
def frame():
    rows = {
        "matern32(ard)": (0.0, 0.0, "best", -3.25, np.nan, 10, 12.34, "success"),
        "rbf": (-0.84, 1.13, "undecided", -3.5, np.nan, 3, 4.0, "line_search_failed"),
        "linear(ard) + matern52(ard) * periodic(year) + rq(ard, alpha=0.123456)": (
            (-12345.6, 1234.5, "worse", 100.0, np.nan, 27, 1234.5, "max_steps")
        ),
        "rq": (np.nan, np.nan, "failed", np.nan, np.nan, 3, 0.1, "non_finite"),
    }
    losses = ["loo_nlpd", "kfold_nlpd"]
    names = ["delta", "stderr", "decision", *losses, "parameters", "seconds", "status"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=pd.Index(names))
    return table.rename_axis("candidate")


def test_rows_come_in_order_with_differences_decisions_and_costs(frame):
    lines = to_text(comparison_table(frame)).splitlines()
    assert words(lines[0]) == "LOO"
    assert words(lines[1]) == "candidate delta +- stderr decision NLPD params seconds status"
    assert words(lines[2]) == "matern32(ard) 0 best -3.25 10 12.3 ok"
    assert lines[3].startswith("rbf ")
    assert "-0.8 +- 1.1 undecided  -3.5      3     4.0 line search" in lines[3]
    assert any("-12346 +- 1234 worse       100     27    1234 max steps" in line for line in lines)
    assert lines[-1].split()[:4] == ["rq", "-", "failed", "-"]


def test_eighty_columns_are_enough_and_no_name_is_cut(frame):
    text = to_text(comparison_table(frame))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    long = frame.index[2]
    first = [line[:20] for line in text.splitlines()[2:]]
    assert long.replace(" ", "") in "".join(first).replace(" ", "")


def test_plain_text_has_no_escapes_and_no_trailing_spaces(frame):
    text = to_text(comparison_table(frame))
    assert text.isprintable() is False  # Line ends only.
    assert text.replace("\n", "").isprintable()
    assert all(line == line.rstrip() for line in text.splitlines())


def test_kfold_loss_is_shown_where_it_was_computed(frame):
    frame["kfold_nlpd"] = [1.5, 2.5, 3.5, np.nan]
    lines = to_text(comparison_table(frame)).splitlines()
    assert words(lines[0]) == "CV"
    assert " 1.5 " in lines[2]


def test_scores_have_one_line_a_model():
    scores = {
        "rbf": {"rmse": 1.23456, "nlpd": -0.5, "coverage": 0.905},
        "mean only": {"rmse": 12.0, "nlpd": np.inf, "coverage": 1.0},
    }
    lines = to_text(score_table(scores, rows=1)).splitlines()
    assert words(lines[0]) == "1 test row RMSE NLPD 90% coverage"
    assert words(lines[1]) == "rbf 1.235 -0.5 90%"
    assert words(lines[2]) == "mean only 12 - 100%"


def test_csv_gives_the_table_back_to_the_last_digit(frame):
    frame["delta"] = [0.0, -1 / 3, -1e-17, np.nan]
    back = pd.read_csv(io.StringIO(to_csv(frame)), index_col="candidate")
    pd.testing.assert_frame_equal(back, frame, check_exact=True)


@pytest.mark.parametrize(
    ("delta", "stderr", "text"),
    [
        (0.0, 0.0, "0"),
        (-0.05, 0.0, "-0.1 +- 0.0"),
        (-3.0, np.inf, "-3.0 +- inf"),
        (-99.9, 100.4, "-99.9 +- 100"),
        (np.nan, np.nan, "-"),
    ],
)
def test_differences_as_text(delta, stderr, text):
    assert difference_text(delta, stderr) == text


def test_status_in_words():
    assert status_text("success") == "ok"
    assert status_text("noise_at_floor") == "noise at floor"
