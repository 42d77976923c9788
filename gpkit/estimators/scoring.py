"""Scores of whole predictive distributions: of one model, behind a transform, or mixed."""

from functools import singledispatch
from typing import Any

import numpy as np
from scipy.special import logsumexp

from gpkit.data.quadrature import normal_crps, normal_distance, normal_nodes
from gpkit.data.transforms import AbstractTransform
from gpkit.estimators.rows import NoRows
from gpkit.predictor import Prediction, Predictor
from gpkit.selection.mixture import MixturePredictor
from gpkit.transformed import TransformedPredictor, gaussian_view, log_density, normal_scores

View = tuple[Prediction, AbstractTransform]


@singledispatch
def log_densities(predictor: Any, table: Any, y: np.ndarray) -> np.ndarray:
    """Log predictive density of every target, (m,) or (m, t), in nats."""
    raise TypeError(f"no density of a {type(predictor).__name__}")


@log_densities.register(Predictor)
@log_densities.register(TransformedPredictor)
def _(predictor: Any, table: Any, y: np.ndarray) -> np.ndarray:
    return log_density(gaussian_view(predictor, table), y)


@log_densities.register
def _(predictor: MixturePredictor, table: Any, y: np.ndarray) -> np.ndarray:
    parts = [log_density(gaussian_view(p, table), y) for p in predictor.predictors]
    weights = np.log(predictor.weights).reshape(-1, *(1,) * y.ndim)
    return np.asarray(logsumexp(np.stack(parts) + weights, axis=0))


@log_densities.register
def _(predictor: NoRows, table: Any, y: np.ndarray) -> np.ndarray:
    del table, y
    return np.zeros((0, *predictor.outputs))


@singledispatch
def crps_values(predictor: Any, table: Any, y: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score of every target, (m,) or (m, t), in units of y."""
    raise TypeError(f"no score of a {type(predictor).__name__}")


@crps_values.register(Predictor)
@crps_values.register(TransformedPredictor)
def _(predictor: Any, table: Any, y: np.ndarray) -> np.ndarray:
    view = gaussian_view(predictor, table)
    (mean, std), transform = view
    # Below the domain of T: its lower end, and the distance to it.
    inside = np.maximum(y, np.nextafter(transform.lower, np.inf))
    z = mean + std * normal_scores(view, inside)
    return normal_crps(transform.inverse, mean, std, z) + (inside - y)


@crps_values.register
def _(predictor: MixturePredictor, table: Any, y: np.ndarray) -> np.ndarray:
    # E|Y - y| - E|Y - Y'|/2, component by component (Gneiting and Raftery 2007, equation 20).
    views = [gaussian_view(p, table) for p in predictor.predictors]
    weights = predictor.weights

    def distance(outcome: np.ndarray) -> np.ndarray:
        return sum(
            (w * _distance(view, outcome) for w, view in zip(weights, views, strict=True)),
            start=np.zeros(outcome.shape),
        )

    apart = np.zeros(y.shape)
    nodes, masses = normal_nodes()
    for w, ((mean, std), transform) in zip(weights, views, strict=True):
        for x, mass in zip(nodes, masses, strict=True):
            apart += w * mass * distance(transform.inverse(mean + std * x))
    return distance(y) - 0.5 * apart


@crps_values.register
def _(predictor: NoRows, table: Any, y: np.ndarray) -> np.ndarray:
    del table, y
    return np.zeros((0, *predictor.outputs))


def _distance(view: View, outcome: np.ndarray) -> np.ndarray:
    (mean, std), transform = view
    cut = normal_scores(view, outcome)
    return normal_distance(transform.inverse, mean, std, cut, outcome)
