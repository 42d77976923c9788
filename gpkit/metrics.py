"""How good predictions are: point errors, scores of Gaussian predictive distributions, coverage.

Every function takes targets, predictive means and (where used) predictive standard deviations
of a new observation, as NumPy arrays of one shape, ``(n,)`` or ``(n, t)``, and returns a float:
the average over rows and targets. Units are those of the arrays; log losses are in nats.
`r2` and `coverage` aside, lower is better.
"""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

Values = Float[np.ndarray, "..."]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def rmse(y_true: ArrayLike, mean: ArrayLike, std: ArrayLike | None = None) -> float:
    r"""Root mean squared error, $\sqrt{\frac1n \sum_i (y_i - \mu_i)^2}$; `std` is unused.

    Squares are taken of scaled errors, so that errors of 1e200 do not overflow.
    """
    del std
    return _root_mean_square(_error(y_true, mean))


def mae(y_true: ArrayLike, mean: ArrayLike, std: ArrayLike | None = None) -> float:
    r"""Mean absolute error, $\frac1n \sum_i |y_i - \mu_i|$; `std` is unused."""
    del std
    return float(np.mean(np.abs(_error(y_true, mean))))


def r2(y_true: ArrayLike, mean: ArrayLike, std: ArrayLike | None = None) -> float:
    r"""Coefficient of determination, higher is better; `std` is unused.

    $R^2 = 1 - \sum_i (y_i - \mu_i)^2 / \sum_i (y_i - \bar y)^2$, averaged over targets.

    Raises:
        ValueError: if a target is constant, since the ratio is then undefined.
    """
    del std
    error = _error(y_true, mean)
    y = np.asarray(y_true, np.float64)
    spread = [_root_mean_square(c - np.mean(c)) for c in y.reshape(len(y), -1).T]
    if min(spread) == 0:
        raise ValueError("y_true is constant, so r2 is undefined; use rmse")
    misses = [_root_mean_square(c) for c in error.reshape(len(y), -1).T]
    return float(np.mean([1 - (miss / s) ** 2 for miss, s in zip(misses, spread, strict=True)]))


def nlpd(y_true: ArrayLike, mean: ArrayLike, std: ArrayLike) -> float:
    r"""Negative log predictive density of a Gaussian, in nats per row; lower is better.

    $\frac1n \sum_i \tfrac12\log 2\pi + \log\sigma_i + \tfrac12 (y_i - \mu_i)^2/\sigma_i^2$

    Raises:
        ValueError: if a standard deviation is zero (the density is then no number).
    """
    return float(np.mean(_log_loss(_error(y_true, mean), _deviation(std, mean))))


def msll(y_true: ArrayLike, mean: ArrayLike, std: ArrayLike, y_train: ArrayLike) -> float:
    r"""Mean standardised log loss: `nlpd` minus that of the trivial model, in nats per row.

    The trivial model is the Gaussian with the mean and standard deviation of `y_train`, shape
    ``(m,)`` or ``(m, t)``; zero is as good as trivial, negative is better
    (Rasmussen & Williams 2006, section 2.5).

    Raises:
        ValueError: if a standard deviation is zero or a training target is constant.
    """
    train = _finite(y_train, "y_train")
    centre = np.mean(train, axis=0)
    width = np.apply_along_axis(_root_mean_square, 0, train - centre)
    if np.any(width == 0):
        raise ValueError("y_train is constant, so its Gaussian has no density; use nlpd")
    y = _finite(y_true, "y_true")
    trivial = np.broadcast_to(centre, y.shape), np.broadcast_to(width, y.shape)
    return nlpd(y_true, mean, std) - nlpd(y, *trivial)


def crps(y_true: ArrayLike, mean: ArrayLike, std: ArrayLike) -> float:
    r"""Continuous ranked probability score of a Gaussian, in units of y; lower is better.

    With $z = (y - \mu)/\sigma$, $\sigma \{z (2\Phi(z) - 1) + 2\varphi(z) -
    \pi^{-1/2}\}$; its limit at zero standard deviation is the absolute error
    (Gneiting & Raftery 2007, equation 21, with the sign turned).
    """
    error, std = _error(y_true, mean), _deviation(std, mean, allow_zero=True)
    # Errors are scored in units of sigma only where sigma is not zero; elsewhere |error| is exact.
    with np.errstate(over="ignore", under="ignore"):
        z = np.divide(error, std, out=np.zeros_like(error), where=std > 0)
        density = math.sqrt(2 / math.pi) * np.exp(-0.5 * z * z)
    scores = error * _erf(z / math.sqrt(2)) + std * (density - 1 / math.sqrt(math.pi))
    return float(np.mean(np.where(std > 0, scores, np.abs(error))))


def coverage(y_true: ArrayLike, mean: ArrayLike, std: ArrayLike, *, level: float = 0.9) -> float:
    r"""Fraction of targets in the central interval of probability `level`; best is `level`.

    The interval is $\mu \pm \sigma\,\Phi^{-1}((1 + \text{level})/2)$, ends included.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
    error, std = _error(y_true, mean), _deviation(std, mean, allow_zero=True)
    half = NormalDist().inv_cdf(0.5 * (1 + level)) * std
    return float(np.mean(np.abs(error) <= half))


def evaluate(
    y_true: ArrayLike, mean: ArrayLike, std: ArrayLike, *, level: float = 0.9
) -> dict[str, float]:
    """The usual table row: rmse, mae, nlpd, crps and coverage of one set of predictions."""
    return {
        "rmse": rmse(y_true, mean),
        "mae": mae(y_true, mean),
        "nlpd": nlpd(y_true, mean, std),
        "crps": crps(y_true, mean, std),
        "coverage": coverage(y_true, mean, std, level=level),
    }


def nlpd_scorer(estimator: Any, X: Any, y: Any) -> float:
    """A scorer of scikit-learn: minus the `nlpd` of an estimator's predictions of y.

    For `cross_val_score(scoring=...)` and `GridSearchCV`; higher is better, in nats per row. Of
    y itself also behind a `target_transform`, so that candidates with different ones compare.
    Takes gpkit's estimators, pipelines that end in one, searches over them, and any other
    regressor whose `predict` takes ``return_std=True``. Rows that are predicted as NaN
    (``missing="drop"``) are left out.
    """
    model, rows = _innermost(estimator, X)
    target = np.asarray(y, np.float64)
    if callable(getattr(model, "log_density", None)):
        losses = -np.asarray(model.log_density(rows, target))
    else:
        mean, std = model.predict(rows, return_std=True)
        losses = _log_loss(_error(target, mean), _deviation(std, mean))
    return -_mean_of_complete(losses)


def crps_scorer(estimator: Any, X: Any, y: Any) -> float:
    """A scorer of scikit-learn: minus the `crps` of an estimator's predictions of y.

    In units of y, higher is better; otherwise as `nlpd_scorer`.
    """
    model, rows = _innermost(estimator, X)
    target = np.asarray(y, np.float64)
    if callable(getattr(model, "crps", None)):
        return -_mean_of_complete(np.asarray(model.crps(rows, target)))
    mean, std = model.predict(rows, return_std=True)
    return -crps(target, mean, std)


def _innermost(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The regressor within searches and pipelines, and the rows as it sees them."""
    # By name: this module must not load scikit-learn.
    while True:
        if getattr(estimator, "best_estimator_", None) is not None:
            estimator = estimator.best_estimator_
        elif getattr(estimator, "steps", None):
            for _, step in estimator.steps[:-1]:
                X = X if step is None or step == "passthrough" else step.transform(X)
            estimator = estimator.steps[-1][1]
        else:
            return estimator, X


def _mean_of_complete(values: Values) -> float:
    complete = values[~np.isnan(values)]
    if complete.size == 0:
        raise ValueError("no row of X is complete: nothing to score")
    return float(np.mean(complete))


def _log_loss(error: Values, std: Values) -> Values:
    with np.errstate(over="ignore"):
        return 0.5 * math.log(2 * math.pi) + np.log(std) + 0.5 * (error / std) ** 2


def _root_mean_square(values: Values) -> float:
    """Root of the mean square, of values scaled by the largest of them."""
    largest = np.max(np.abs(values))
    if largest == 0:
        return 0.0
    return float(largest * np.sqrt(np.mean((values / largest) ** 2)))


def _error(y_true: ArrayLike, mean: ArrayLike) -> Values:
    y, mu = _finite(y_true, "y_true"), _finite(mean, "mean")
    if y.shape != mu.shape:
        raise ValueError(
            f"y_true has shape {y.shape} and mean has shape {mu.shape}; they must be equal "
            "(a column of shape (n, 1) is no vector of shape (n,): use ravel)"
        )
    return y - mu


def _deviation(std: ArrayLike, mean: ArrayLike, *, allow_zero: bool = False) -> Values:
    s, shape = _finite(std, "std"), np.shape(mean)
    if s.shape not in ((), shape):
        raise ValueError(f"std has shape {s.shape}; it must be a number or have shape {shape}")
    if np.any(s < 0):
        raise ValueError("std has negative entries; pass standard deviations")
    if not allow_zero and np.any(s == 0):
        raise ValueError(
            "std has zero entries, for which a log density is no number; predict a new "
            "observation (noise included) or use crps"
        )
    return np.broadcast_to(s, shape)


def _finite(values: ArrayLike, name: str) -> Values:
    array = np.asarray(values, np.float64)
    if array.size == 0:
        raise ValueError(f"{name} is empty; at least one value is needed")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} holds NaN or infinity; leave these rows out")
    return array
