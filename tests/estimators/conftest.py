"""One small table and the estimators fitted to it, shared by the tests of this folder."""

import numpy as np
import pandas as pd
import pytest

from gpkit import GPRegressor, GPSelector

QUICK = {"n_restarts": 1, "max_steps": 40, "random_state": 0}


@pytest.fixture(scope="session")
def data():
    """Thirty rows of two columns, and a target."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(30, 2))
    return X, np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.1 * rng.normal(size=30)


@pytest.fixture(scope="session")
def new():
    """Five new rows."""
    return np.random.default_rng(1).uniform(-2, 2, size=(5, 2))


@pytest.fixture(scope="session")
def frame(data):
    """The same rows as a table with a category."""
    X, _ = data
    colour = np.random.default_rng(2).choice(["red", "green", "blue"], 30)
    return pd.DataFrame({"width": X[:, 0], "colour": colour, "depth": X[:, 1]})


@pytest.fixture(scope="session")
def regressor(data):
    return GPRegressor("matern52(ard)", **QUICK).fit(*data)


@pytest.fixture(scope="session")
def selector(data):
    return GPSelector(["linear", "rbf", "matern52(ard)"], **QUICK).fit(*data)


@pytest.fixture(scope="session")
def stacked(data):
    """Candidates of which two predict some rows best each, and one none."""
    candidates = ["matern12", "rbf(x0)", "linear"]
    return GPSelector(candidates, predict_with="stacking", **QUICK).fit(*data)
