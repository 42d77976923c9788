"""Small fitted models that the tests of pictures share."""

import warnings

import numpy as np
import pandas as pd
import pytest

from gpkit import GPRegressor, GPSelector
from gpkit.selection.mixture import MixturePredictor

N = 40


def table(n=N, seed=0):
    """Two numbers, of which the first matters more, a category and a yes/no; and targets."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "wide": 100 + 20 * rng.standard_normal(n),
            "idle": rng.standard_normal(n),
            "kind": rng.choice(["ash", "oak", "elm"], n),
            "wet": rng.choice([True, False], n),
        }
    )
    y = 0.1 * frame["wide"] + 2.0 * (frame["kind"] == "oak") + 0.3 * rng.standard_normal(n)
    return frame, y.to_numpy()


def quiet(fit):
    """A fit of few steps, which says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit()


@pytest.fixture(scope="session")
def mixed():
    """A regressor on a table of all kinds of columns, and its training rows."""
    X, y = table()
    make = GPRegressor("rbf(ard) + matern32(wide)", n_restarts=1, max_steps=8, random_state=0)
    return quiet(lambda: make.fit(X, y)), X, y


@pytest.fixture(scope="session")
def stacked():
    """A selector of one input that predicts with a mixture, in which one model is transformed."""
    X, y = table()
    X = X[["wide"]]
    make = GPSelector(["rbf", "linear"], n_restarts=0, max_steps=5, random_state=0)
    model = quiet(lambda: make.fit(X, y))
    other = quiet(lambda: GPRegressor("rbf", optimizer=None, target_transform="log").fit(X, y))
    parts = (model.predictor_, other.predictor_)
    model.predictor_ = MixturePredictor(np.array([0.6, 0.4]), parts)
    return model, X, y
