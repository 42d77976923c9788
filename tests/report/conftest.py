"""Small fitted models that the tests of pictures share."""

import warnings

import numpy as np
import pandas as pd
import pytest

from gpkit import GPRegressor, GPSelector

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
    """A mixture of two models of one input, one of them behind a transform."""
    X, y = table()
    candidates = {"a": "rbf", "b": {"kernel": "linear", "target_transform": "log"}}
    make = GPSelector(
        candidates, predict_with="stacking", n_restarts=0, max_steps=5, random_state=0
    )
    return quiet(lambda: make.fit(X[["wide"]], y)), X[["wide"]], y
