"""Scores on test rows: which rows count, and what is said about them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from gpkit.commands.loading import Part, Work
from gpkit.commands.scoring import score_test
from gpkit.data import Dataset, Encoder
from gpkit.predictor import Prediction

UNSEEN = "1 have an unseen level in 'k' (first: 'c', row {}, counted from 0)"


class Guess(NamedTuple):
    """Stands where a predictor does: says `shift` more than x, with standard deviation 1."""

    encoder: Encoder
    shift: float

    def predict(self, frame):
        x = frame["x"].to_numpy()
        return Prediction(x + self.shift, np.ones(len(x)))


@pytest.fixture
def work():
    train = pd.DataFrame({"x": [0.0, 4.0, 8.0], "k": ["a", "b", "a"]})
    test = pd.DataFrame({"x": [1.0, 2.0, 3.0], "k": ["a", "b", "c"]})
    dataset = Dataset.from_frame(train.assign(y=train["x"]), "y")
    parts = Part(train, train["x"].to_numpy()), Part(test, test["x"].to_numpy() + 0.5)
    return Work("t", "y", dataset, *parts, "by hand")


def test_rows_with_unseen_levels_are_left_out_and_counted(work):
    scores = score_test(Guess(Encoder.fit(work.dataset), 0.0), work)
    assert scores.rows == 2
    assert scores.model["rmse"] == 0.5
    assert scores.notes == (f"1 of 3 test rows left out: {UNSEEN.format(2)}",)


def test_baseline_is_the_gaussian_of_the_training_targets(work):
    scores = score_test(Guess(Encoder.fit(work.dataset), 0.0), work)
    y, mean, variance = np.array([1.5, 2.5]), 4.0, 32 / 3
    nlpd = np.mean(0.5 * np.log(2 * np.pi * variance) + 0.5 * (y - mean) ** 2 / variance)
    assert scores.baseline["nlpd"] == pytest.approx(nlpd, rel=1e-13)
    assert scores.baseline["rmse"] == pytest.approx(np.sqrt(np.mean((y - mean) ** 2)), rel=1e-13)


def test_a_model_that_loses_against_the_mean_is_told(work):
    scores = score_test(Guess(Encoder.fit(work.dataset), 9.0), work)
    assert scores.notes[-1].startswith("on the test rows this model is no better than the mean")


def test_no_test_rows_no_scores(work):
    predictor = Guess(Encoder.fit(work.dataset), 0.0)
    assert score_test(predictor, replace(work, test=None)) is None
    nobody = Part(work.test.X.iloc[2:], work.test.y[2:])
    scores = score_test(predictor, replace(work, test=nobody))
    assert (scores.rows, scores.model, scores.baseline) == (0, {}, {})
    assert scores.notes == (f"1 of 1 test rows left out: {UNSEEN.format(0)}",)
