"""How the fitted model does on test rows, against a model that knows only the mean."""

from typing import NamedTuple

import numpy as np

from gpkit import metrics
from gpkit.commands.loading import Work, predictable
from gpkit.predictor import Predictor


class TestScores(NamedTuple):
    """Metrics on the test rows, of the model and of the baseline; `notes` on rows left out."""

    __test__ = False

    rows: int
    model: dict[str, float]
    baseline: dict[str, float]
    notes: tuple[str, ...]


def score_test(predictor: Predictor, work: Work) -> TestScores | None:
    """RMSE, MAE, NLPD, CRPS and 90% coverage; None without a test row that can be predicted.

    The baseline is the Gaussian with mean and standard deviation of the training targets.
    """
    if work.test is None:
        return None
    usable, reasons = predictable(predictor.encoder.schema, work.test.X)
    left_out = int((~usable).sum())
    notes = (f"{left_out} test rows left out: {'; '.join(reasons)}",) if left_out else ()
    if not usable.any():
        return None
    y = work.test.y[usable]
    mean, std = predictor.predict(work.test.X[usable])
    centre, spread = np.mean(work.train.y), np.std(work.train.y)
    baseline = metrics.evaluate(y, np.full(len(y), centre), np.full(len(y), spread))
    return TestScores(len(y), metrics.evaluate(y, mean, std), baseline, notes)
