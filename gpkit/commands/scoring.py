"""How the fitted model does on test rows, against a model that knows only the mean."""

from typing import Any, NamedTuple

import numpy as np

from gpkit import metrics
from gpkit.commands.loading import Work
from gpkit.commands.new_rows import predictable
from gpkit.estimators.scoring import crps_values, log_densities
from gpkit.predictor import Predictor
from gpkit.transformed import TransformedPredictor


class TestScores(NamedTuple):
    """Metrics on the test rows, of the model and of the baseline, and what to know of them.

    Both are empty where `rows`, the test rows that can be predicted, is 0.
    """

    __test__ = False

    rows: int
    model: dict[str, float]
    baseline: dict[str, float]
    notes: tuple[str, ...]


def score_test(predictor: Predictor | TransformedPredictor, work: Work) -> TestScores | None:
    """RMSE, MAE, NLPD, CRPS and 90% coverage; None where no test rows were held out.

    The baseline is the Gaussian with mean and standard deviation of the training targets.
    """
    if work.test is None:
        return None
    usable, reasons = predictable(predictor.encoder.schema, work.test.X)
    left_out = f"{(~usable).sum()} of {len(usable)} test rows left out: {'; '.join(reasons)}"
    notes = [] if usable.all() else [left_out]
    if not usable.any():
        return TestScores(0, {}, {}, tuple(notes))
    y = work.test.y[usable]
    mean, std = predictor.predict(work.test.X[usable])
    centre, spread = np.mean(work.train.y), np.std(work.train.y)
    baseline = metrics.evaluate(y, np.full(len(y), centre), np.full(len(y), spread))
    model = metrics.evaluate(y, mean, std)
    if isinstance(predictor, TransformedPredictor):
        model |= _not_gaussian(predictor, work.test.X[usable], y)
    if model["nlpd"] >= baseline["nlpd"]:
        notes.append("on the test rows this model is no better than the mean of the training rows")
    return TestScores(len(y), model, baseline, tuple(notes))


def _not_gaussian(predictor: TransformedPredictor, X: Any, y: np.ndarray) -> dict[str, float]:
    """The metrics that mean and standard deviation do not tell behind a transform."""
    lower, upper = predictor.quantiles(X, (0.05, 0.95)).T
    return {
        "nlpd": -float(np.mean(log_densities(predictor, X, y))),
        "crps": float(np.mean(crps_values(predictor, X, y))),
        "coverage": float(np.mean((lower <= y) & (y <= upper))),
    }
