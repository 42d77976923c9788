"""`GPRegressor` behind the interface of scikit-learn's `GaussianProcessRegressor`.

Only what is translated stands here: their kernels to gpkit's, their `alpha` to known noise
variances, their parameter vector to gpkit's parameters and back. All numbers are gpkit's.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.gaussian_process import kernels as theirs

import gpkit as gp
from gpkit import GPRegressor
from gpkit import kernels as gk
from gpkit.params import Bounded, Fixed, Positive

Read = Callable[[Any], Any]


class Part(NamedTuple):
    """A translated kernel (None for white noise), the noise, and readers in their order."""

    kernel: Any
    noise: Any
    reads: tuple[Read, ...]


def parameter(value, hyperparameter, factor=1.0):
    """A parameter with their bounds; frozen where they fix it."""
    value = np.asarray(value, float) * factor
    if hyperparameter.fixed:
        return Fixed(Positive(value))
    low, high = (
        hyperparameter.bounds.min() * np.min(factor),
        hyperparameter.bounds.max() * np.max(factor),
    )
    if not np.isfinite([low, high]).all():
        return Positive(value)
    # They may start at a bound, we a hair inside.
    return Bounded(np.clip(value, low * (1 + 1e-6), high * (1 - 1e-6)), low, high)


def translate(kernel, unit=1.0) -> Part:
    """gpkit's kernel for one of theirs; `unit` divides lengths (inputs are standardised)."""
    if isinstance(kernel, theirs.Sum):
        a, b = translate(kernel.k1, unit), translate(kernel.k2, unit)
        if a.kernel is None or b.kernel is None:
            return Part(a.kernel or b.kernel, a.noise or b.noise, a.reads + b.reads)
        reads = tuple(_of(_part(0), r) for r in a.reads) + tuple(_of(_part(1), r) for r in b.reads)
        return Part(gk.Sum((a.kernel, b.kernel)), a.noise or b.noise, reads)
    if isinstance(kernel, theirs.Product):
        a, b = translate(kernel.k1, unit), translate(kernel.k2, unit)
        reads = tuple(_of(_part(0), r) for r in a.reads) + tuple(_of(_part(1), r) for r in b.reads)
        return Part(gk.Product((a.kernel, b.kernel)), a.noise or b.noise, reads)
    slots = {h.name: h for h in kernel.hyperparameters}

    def get(name, factor=1.0):
        return parameter(getattr(kernel, name), slots[name], factor)

    if isinstance(kernel, theirs.WhiteKernel):
        free = () if slots["noise_level"].fixed else (_noise,)
        return Part(None, gp.noise.Gaussian(get("noise_level")), free)
    if isinstance(kernel, theirs.ConstantKernel):
        made, names = gk.Constant(get("constant_value")), {"constant_value": "variance"}
    elif isinstance(kernel, theirs.RBF):
        made, names = gk.RBF(get("length_scale", 1 / unit)), {"length_scale": "lengthscale"}
    elif isinstance(kernel, theirs.ExpSineSquared):
        made = gk.Periodic(get("length_scale"), get("periodicity", 1 / unit))
        names = {"length_scale": "lengthscale", "periodicity": "period"}
    else:
        raise NotImplementedError(type(kernel).__name__)
    reads = tuple(_field(names[n]) for n in sorted(slots) if not slots[n].fixed)
    return Part(made, None, reads)


def _part(j):
    return lambda kernel: (kernel.terms if hasattr(kernel, "terms") else kernel.factors)[j]


def _of(outer, inner):
    return inner if inner is _noise else lambda kernel: inner(outer(kernel))


def _field(name):
    return lambda kernel: getattr(kernel, name)


def _noise(kernel):
    raise AssertionError("read from the model")


class Adapter(RegressorMixin, BaseEstimator):
    """Their constructor, `fit`, `predict`, `sample_y` and `log_marginal_likelihood`."""

    def __init__(
        self,
        kernel=None,
        *,
        alpha=1e-10,
        optimizer="fmin_l_bfgs_b",
        n_restarts_optimizer=0,
        normalize_y=False,
        copy_X_train=True,
        n_targets=None,
        random_state=None,
    ):
        self.kernel = kernel
        self.alpha = alpha
        self.optimizer = optimizer
        self.n_restarts_optimizer = n_restarts_optimizer
        self.normalize_y = normalize_y
        self.copy_X_train = copy_X_train
        self.n_targets = n_targets
        self.random_state = random_state

    def fit(self, X, y):
        X, y = np.asarray(X, float), np.asarray(y, float)
        # Their convention: a single column of targets comes back as a vector.
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        start = theirs.ConstantKernel() * theirs.RBF() if self.kernel is None else self.kernel
        scale = X.std(axis=0)
        unit = (scale[0] if len(scale) == 1 else scale.mean()) if self.normalize_y else 1.0
        part = self._part = translate(start, unit)
        spread = y.std(axis=0) if self.normalize_y else np.ones(y.shape[1:])
        spread = np.where(spread > 0, spread, 1.0)
        known = np.broadcast_to(self.alpha * spread**2, y.shape)
        optimizer = "lbfgs" if self.optimizer == "fmin_l_bfgs_b" else self.optimizer
        self._gpr = GPRegressor(
            part.kernel,
            mean="zero",
            noise=part.noise or "none",
            prior=None,
            optimizer=optimizer,
            n_restarts=self.n_restarts_optimizer,
            standardize=self.normalize_y,
            random_state=self.random_state or 0,
        ).fit(X, y, noise_variance=known)
        self._known = np.ravel(known)[: len(X)] if not self.normalize_y else None
        self._data, self._unit, self._y_train_std = (X, y), unit, spread
        self.kernel_ = clone(start)
        if self.optimizer is not None and len(start.theta):
            self.kernel_ = start.clone_with_theta(self._theta(self._gpr.model_))
        return self

    def _values(self, model):
        part = self._part
        return [
            model.noise.variance if read is _noise else read(model.kernel) for read in part.reads
        ]

    def _theta(self, model):
        # Lengths are in units of the inputs again.
        logs = [np.ravel(np.log(np.asarray(gp.val(v)))) for v in self._values(model)]
        lengths = [h.name for h in self.kernel_.hyperparameters if not h.fixed]
        names = ("length_scale", "periodicity")
        return np.concatenate(
            [
                log + (np.log(self._unit) if name.endswith(names) else 0.0)
                for log, name in zip(logs, lengths, strict=True)
            ]
        )

    def predict(self, X, return_std=False, return_cov=False):
        return self._gpr.predict(X, return_std=return_std, return_cov=return_cov)

    def sample_y(self, X, n_samples=1, random_state=0):
        return self._gpr.sample_y(X, n_samples, random_state)

    def log_marginal_likelihood(self, theta=None, eval_gradient=False, clone_kernel=True):
        if theta is None:
            return np.float64(self._gpr.log_evidence_.value)
        part = translate(self.kernel_.clone_with_theta(theta))

        def value(kernel):
            model = gp.GP(kernel, noise=part.noise or gp.noise.NoNoise())
            return gp.log_evidence(model, *self._data, noise_variance=self._known).value

        found, slope = jax.value_and_grad(value)(part.kernel)
        if not eval_gradient:
            return np.float64(found)
        gradient = [_log_gradient(read(part.kernel), read(slope)) for read in part.reads]
        return np.float64(found), np.concatenate([np.ravel(g) for g in gradient])


def _log_gradient(parameter, slope):
    """The derivative by the logarithm of a value, from that by its stored number."""
    if isinstance(parameter, Positive):
        return slope.raw
    value = np.asarray(gp.val(parameter))
    low, high = parameter.low, parameter.high
    return slope.raw * value * (high - low) / ((value - low) * (high - value))
