"""The objective of a fit as one compiled function of one flat vector."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from gpkit._types import Array, PyTree
from gpkit.linalg.factorisation import cholesky
from gpkit.means import prior_mean
from gpkit.model import GP
from gpkit.objectives.evidence import log_evidence
from gpkit.operators.covariance import covariance
from gpkit.padding import Rows
from gpkit.params import log_prior, partition
from gpkit.posterior import Posterior
from gpkit.results import worst
from gpkit.solvers.base import AbstractSolver
from gpkit.solvers.dense import Dense, DenseFactor, dense_log_density

# Vectors are padded to a multiple of this, so that one compiled L-BFGS serves all models.
_VECTOR_GRAIN = 16


class Evaluation(NamedTuple):
    """Value to be minimised, its gradient as a flat vector, and a `Status` code."""

    value: float
    gradient: np.ndarray
    status: int
    error_bound: float = 0.0

    @property
    def finite(self) -> bool:
        """Whether value and gradient may be used."""
        return bool(np.isfinite(self.value) and np.all(np.isfinite(self.gradient)))


class Problem(NamedTuple):
    """A fit seen from the optimiser: minimise `evaluate(x)` over flat vectors x.

    `traced` is the same value as a traceable function, for line searches inside JAX.
    """

    start: np.ndarray
    evaluate: Callable[[np.ndarray], Evaluation]
    traced: Callable[[Array], Array]
    model_at: Callable[[np.ndarray], GP]


def make_problem(model: GP, rows: Rows, solver: AbstractSolver, key: Array | None) -> Problem:
    """Negative log evidence minus log prior, in nats, over the trainable leaves of a model."""
    params, rest = partition(model)
    dtype = rows.X.dtype
    padded = _flat(params, dtype)
    stages = evaluate_in_stages if isinstance(solver, Dense) else evaluate_at_once

    def evaluate(x: np.ndarray) -> Evaluation:
        value, gradient, status, bound = stages(
            jnp.asarray(x, dtype), params, rest, rows, solver, key
        )
        # The objective is minimised; the sign is turned on the host.
        gradient = -np.asarray(gradient, np.float64)
        return Evaluation(-float(value), gradient, int(status), float(bound))

    # A tree, not a closure: a step that is compiled for one problem serves the next.
    traced = eqx.Partial(_traced, params=params, rest=rest, rows=rows, solver=solver, key=key)

    def model_at(x: np.ndarray) -> GP:
        return eqx.combine(unflatten(jnp.asarray(x, dtype), params), rest)

    return Problem(padded.astype(np.float64), evaluate, traced, model_at)


def condition_fitted(model: GP, rows: Rows) -> Posterior:
    """The dense posterior of a model on the rows that it was fitted to.

    The same as `gpkit.condition`, out of the covariance program of the fit, which is
    compiled already.
    """
    params, rest = partition(model)
    parts = _build(jnp.asarray(_flat(params, rows.X.dtype)), params, rest, rows)
    factor, residual, weights = _finish(parts, rows.mask)
    residual, weights = residual.reshape(rows.y.shape), weights.reshape(rows.y.shape)
    return Posterior(model, rows.X, residual, weights, factor, rows.mask, rows.noise_variance)


def _flat(params: PyTree, dtype: Any) -> np.ndarray:
    """The trainable leaves as one vector, padded with zeros to a common length."""
    leaves = [np.ravel(np.asarray(leaf)) for leaf in jax.tree.leaves(params)]
    flat = np.concatenate(leaves) if leaves else np.zeros(0)
    padded = np.zeros(-(-max(flat.size, 1) // _VECTOR_GRAIN) * _VECTOR_GRAIN, dtype)
    padded[: flat.size] = flat
    return padded


class _Parts(NamedTuple):
    """What depends on the model: everything else is the same program for every kernel."""

    dense: Array
    columns: Array
    log_prior: Array
    noise: Array
    status: Array


@eqx.filter_jit
def evaluate_at_once(
    x: Array, params: PyTree, rest: PyTree, rows: Rows, solver: AbstractSolver, key: Any
) -> tuple[Array, Array, Array, Array]:
    """Value, gradient, status and error bound in one program."""
    objective = jax.value_and_grad(_objective, has_aux=True)
    (value, (status, bound)), gradient = objective(x, params, rest, rows, solver, key)
    return value, gradient, status, bound


def evaluate_in_stages(
    x: Array, params: PyTree, rest: PyTree, rows: Rows, solver: AbstractSolver, key: Any
) -> tuple[Array, Array, Array, Array]:
    """The same for the dense solver, in three programs.

    Covariance; factorisation, inverse and slopes; contraction. The middle one takes two
    thirds of the time to compile and knows no kernel, so that a list of candidates compiles
    it once. The covariance goes from one to the next on the device.
    """
    del solver, key
    parts = _build(x, params, rest, rows)
    value, slopes, status, bound = _density(parts, rows.mask)
    return value, _pull_back(x, params, rest, rows, slopes), status, bound


@eqx.filter_jit
def _build(x: Array, params: PyTree, rest: PyTree, rows: Rows) -> _Parts:
    model = eqx.combine(unflatten(x, params), rest)
    H = covariance(model, rows.X, noise_variance=rows.noise_variance, mask=rows.mask)
    residual = rows.y - prior_mean(model.mean, rows.X, rows.y.shape[1:])
    columns = residual.reshape(residual.shape[0], -1)
    prior = log_prior(model).astype(columns.dtype)
    return _Parts(H.lower(), columns, prior, H.noise, H.status)


@jax.jit
def _density(parts: _Parts, mask: Array) -> tuple[Array, tuple[Array, Array], Array, Array]:
    def value(dense: Array, columns: Array) -> tuple[Array, tuple[Array, Array]]:
        estimate = dense_log_density(dense, columns, parts.noise, mask)
        return estimate.value, (worst(estimate.status, parts.status), estimate.error_bound)

    objective = jax.value_and_grad(value, argnums=(0, 1), has_aux=True)
    (found, (status, bound)), slopes = objective(parts.dense, parts.columns)
    return found + parts.log_prior, slopes, status, bound


@jax.jit
def _finish(parts: _Parts, mask: Array) -> tuple[DenseFactor, Array, Array]:
    result = cholesky(parts.dense)
    residual = jnp.where(mask[:, None], parts.columns, 0.0)
    status = worst(result.status, parts.status)
    return DenseFactor(result.factor, result.jitter, status), residual, result.solve(residual)


@eqx.filter_jit
def _pull_back(
    x: Array, params: PyTree, rest: PyTree, rows: Rows, slopes: tuple[Array, Array]
) -> Array:
    def build(x: Array) -> tuple[Array, Array, Array]:
        return _build(x, params, rest, rows)[:3]

    outputs, pull = jax.vjp(build, x)
    return pull((*slopes, jnp.ones_like(outputs[2])))[0]


def _objective(
    x: Array, params: PyTree, rest: PyTree, rows: Rows, solver: AbstractSolver, key: Any
) -> tuple[Array, tuple[Array, Array]]:
    model = eqx.combine(unflatten(x, params), rest)
    estimate = log_evidence(
        model,
        rows.X,
        rows.y,
        solver=solver,
        noise_variance=rows.noise_variance,
        mask=rows.mask,
        key=key,
    )
    prior = log_prior(model).astype(estimate.value.dtype)
    return estimate.value + prior, (estimate.status, estimate.error_bound)


def _traced(
    x: Array, *, params: PyTree, rest: PyTree, rows: Rows, solver: AbstractSolver, key: Any
) -> Array:
    found = _objective(x.astype(rows.X.dtype), params, rest, rows, solver, key)[0]
    return -found.astype(x.dtype)


def model_at(model: GP, x: Any) -> GP:
    """The model with the trainable parameters of a flat vector, padded or not."""
    params, rest = partition(model)
    return eqx.combine(unflatten(jnp.asarray(x), params), rest)


def unflatten(x: Array, params: PyTree) -> PyTree:
    """The trainable leaves from a flat vector, padded or not."""
    flat, unravel = ravel_pytree(params)
    return unravel(x[: flat.size].astype(flat.dtype))
