r"""Conditioning on data: one factorisation, many views.

With $H = K(X,X) + \Sigma$, $\alpha = H^{-1}(y - m(X))$ and $k_* = k(X, x_*)$,

$$\mathrm{E}[f_*] = m(x_*) + k_*^\top \alpha, \qquad
  \mathrm{Cov}[f_*, f_*'] = k(x_*, x_*') - k_*^\top H^{-1} k_*'$$

(Rasmussen and Williams 2006, equations 2.25 and 2.26). `latent` speaks of the function f,
`predict` of a new observation, noise included.
"""

import math
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri

from gpkit._types import Array, Bool, Float, Inputs, Int, Targets, Tracer
from gpkit.checks import check_data, check_inputs, check_variances
from gpkit.linalg.factorisation import cholesky
from gpkit.means import AbstractMean, prior_mean
from gpkit.model import GP
from gpkit.operators.covariance import Covariance, covariance
from gpkit.operators.tiles import gram
from gpkit.solvers.base import AbstractFactor, AbstractSolver
from gpkit.solvers.dense import Dense

# Test rows per step: the cross-covariance of one step is this many columns of n entries.
_BATCH = 1024


class Moments(NamedTuple):
    """Mean and variance of each row, each of shape (m,) or (m, t)."""

    mean: Float[Array, "m ..."]
    variance: Float[Array, "m ..."]


@final
class Posterior(eqx.Module):
    """A model conditioned on data; made by `condition`."""

    model: GP
    X: Inputs
    residual: Float[Array, "n ..."]
    weights: Float[Array, "n ..."]
    factor: AbstractFactor
    mask: Bool[Array, " n"] | None
    noise_variance: Float[Array, " n"] | None = None  # known ones of the rows

    @property
    def status(self) -> Int[Array, ""]:
        """`Status` code of the factorisation."""
        return self.factor.status

    def latent(self, X_new: Inputs) -> Moments:
        """Mean and variance of the function at new rows, in batches of rows.

        Variances are never negative. Memory: 1,024 rows times n.
        """
        return _latent(self, self._check(X_new))

    def predict(self, X_new: Inputs, *, noise_variance: Any = None) -> Moments:
        """Mean and variance of a new observation: `latent` plus the noise at the new rows.

        `noise_variance` are known variances of the new rows, added to the model's noise.
        """
        X_new = self._check(X_new)
        mean, variance = _latent(self, X_new)
        noise = self._noise(X_new, noise_variance)
        return Moments(mean, variance + (noise[:, None] if variance.ndim == 2 else noise))

    def mean(self, X_new: Inputs) -> Float[Array, "m ..."]:
        """Mean alone: no triangular solve."""
        return _mean(self, self._check(X_new))

    def cached(self, *, key: Array, memory: str | int | None = None) -> "Posterior":
        """A posterior that gives the variances of many rows faster; means stay as they are.

        After an iterative solve, a Cholesky factor in single precision is made once, $n^3 / 3$
        flops and $2 n^2$ bytes, and a row costs $n^2$ flops in place of a solve. Its error,
        measured against solves, is ``factor.root.error``. A dense posterior is returned as it is.
        ValueError where the factor does not fit `memory`.
        """
        factor = self.factor.cached(key=key, memory=memory)
        return eqx.tree_at(lambda p: p.factor, self, factor)

    def covariance(self, X_new: Inputs) -> Float[Array, "m m"]:
        """Joint covariance of the function at new rows (the same for every target)."""
        return _joint(self, self._check(X_new))

    def average_variance(
        self, X_new: Float[Array, "g s d"], weights: Float[Array, "g s"]
    ) -> Float[Array, " g"]:
        r"""Variance of the weighted sums $\sum_s w_{gs} f(x_{gs})$ of the function.

        One solve for each sum, where the joint covariance would take one for each row.
        """
        return _average_variance(self, X_new, weights)

    def quantiles(
        self, X_new: Inputs, levels: Any, *, noise_variance: Any = None
    ) -> Float[Array, "m ... q"]:
        """Quantiles of a new observation; `levels` between 0 and 1, shape (q,)."""
        levels = jnp.asarray(levels, self.X.dtype)
        if not isinstance(levels, Tracer) and not bool(jnp.all((levels > 0) & (levels < 1))):
            raise ValueError(f"levels must lie strictly between 0 and 1, got {levels}")
        mean, variance = self.predict(X_new, noise_variance=noise_variance)
        return mean[..., None] + jnp.sqrt(variance)[..., None] * ndtri(levels)

    def sample(self, X_new: Inputs, *, num_samples: int, key: Array) -> Float[Array, "s m ..."]:
        """Joint draws of the function at new rows: shape (num_samples, m) or (.., m, t)."""
        X_new = self._check(X_new)
        mean = self.mean(X_new)
        # Near the data a posterior covariance is a small difference of matrices as large as
        # the prior one: that is the size of its rounding errors, and so of the jitter.
        prior = jnp.max(self.model.kernel.diagonal(X_new))
        root = cholesky(self.covariance(X_new), scale=prior).factor
        noise = jax.random.normal(key, (num_samples, *mean.shape), mean.dtype)
        return mean + jnp.einsum("ij,sj...->si...", root, noise)

    def leave_one_out(self) -> Moments:
        r"""Mean and variance of each observation given all others.

        $\mu_i = y_i - \alpha_i / (H^{-1})_{ii}$ and $\sigma_i^2 = 1 / (H^{-1})_{ii}$, with
        the hyperparameters held fixed (Rasmussen and Williams 2006, equation 5.12). The
        means here are of the residual y - m(X) plus m(X), so they are on the scale of y.
        """
        error, variance = leave_one_out_errors(self.factor, self.weights)
        targets = self.residual + prior_mean(self.model.mean, self.X, self.residual.shape[1:])
        return Moments(targets - error, variance)

    def _check(self, X_new: Any) -> Array:
        X_new = check_inputs(X_new, name="X_new")
        if X_new.shape[1] != self.X.shape[1]:
            raise ValueError(
                f"X_new has {X_new.shape[1]} columns, the training inputs have {self.X.shape[1]}"
            )
        return X_new.astype(self.X.dtype)

    def _noise(self, X_new: Array, noise_variance: Any) -> Array:
        noise = self.model.noise.diagonal(X_new)
        if noise_variance is None:
            return noise
        known = jnp.asarray(noise_variance, noise.dtype)
        if known.shape not in ((), noise.shape):
            raise ValueError(
                f"noise_variance must have shape ({X_new.shape[0]},), got {known.shape}"
            )
        check_variances(noise_variance)
        return noise + known


@eqx.filter_jit
def leave_one_out_errors(factor: AbstractFactor, weights: Float[Array, "n ..."]) -> Moments:
    r"""Error $\alpha_i / (H^{-1})_{ii}$ and variance $1 / (H^{-1})_{ii}$ of every row.

    Free of the kernel, so that one compiled program serves all models of a comparison.
    """
    precision = _columns(factor.inverse_diagonal(), weights.ndim)
    precision = jnp.broadcast_to(precision, weights.shape)
    return Moments(weights / precision, 1.0 / precision)


def condition(
    model: GP,
    X: Inputs,
    y: Targets,
    *,
    solver: AbstractSolver | None = None,
    noise_variance: Float[Array, " n"] | None = None,
    mask: Bool[Array, " n"] | None = None,
    key: Array | None = None,
) -> Posterior:
    """The posterior of a model given data: arguments as in `log_evidence`."""
    X, y = check_data(X, y, noise_variance=noise_variance, mask=mask)
    residual = _residual(model.mean, X, y, mask)
    H = _covariance(model, X, noise_variance, mask)
    factor = (solver or Dense()).factorise(H, key=key)
    weights = _solve(factor, residual)
    known = None if noise_variance is None else jnp.asarray(noise_variance, X.dtype)
    return Posterior(model, X, residual, weights, factor, mask, known)


@eqx.filter_jit
def _covariance(model: GP, X: Array, noise_variance: Any, mask: Any) -> Covariance:
    return covariance(model, X, noise_variance=noise_variance, mask=mask)


@eqx.filter_jit
def _residual(mean: AbstractMean, X: Array, y: Array, mask: Any) -> Array:
    residual = y - prior_mean(mean, X, y.shape[1:])
    if mask is None:
        return residual
    return jnp.where(_columns(mask, y.ndim), residual, 0.0)


@eqx.filter_jit
def _solve(factor: AbstractFactor, residual: Array) -> Array:
    return factor.solve(residual)


def _columns(rows: Array, ndim: int) -> Array:
    """Values of rows, shape (n,) or (n, t), with a target axis where one is needed."""
    return rows[:, None] if ndim > rows.ndim else rows


def _cross(posterior: Posterior, X_new: Array) -> Array:
    cross = posterior.model.kernel.gram(posterior.X, X_new)
    if posterior.mask is not None:
        cross = jnp.where(posterior.mask[:, None], cross, 0.0)
    return cross


@eqx.filter_jit
def _mean(posterior: Posterior, X_new: Array) -> Array:
    prior = prior_mean(posterior.model.mean, X_new, posterior.weights.shape[1:])
    return prior + _by_rows(lambda x: _cross(posterior, x).T @ posterior.weights, X_new)


@eqx.filter_jit
def _latent(posterior: Posterior, X_new: Array) -> Moments:
    def moments(x: Array) -> tuple[Array, Array]:
        cross = _cross(posterior, x)
        prior = posterior.model.kernel.diagonal(x)
        # Rounding can push a variance that is zero below it.
        variance = jnp.maximum(prior - posterior.factor.quadratic(cross), 0.0)
        return cross.T @ posterior.weights, variance

    update, variance = _by_rows(moments, X_new)
    mean = prior_mean(posterior.model.mean, X_new, posterior.weights.shape[1:]) + update
    if mean.ndim == 2:
        variance = jnp.broadcast_to(variance[:, None], mean.shape)
    return Moments(mean, variance)


@eqx.filter_jit
def _joint(posterior: Posterior, X_new: Array) -> Array:
    cross = _cross(posterior, X_new)
    full = gram(posterior.model.kernel, X_new, X_new) - posterior.factor.inner(cross)
    return 0.5 * (full + full.T)


@eqx.filter_jit
def _average_variance(posterior: Posterior, X_new: Array, weights: Array) -> Array:
    def one(group: tuple[Array, Array]) -> tuple[Array, Array]:
        x, w = group
        return _cross(posterior, x) @ w, w @ posterior.model.kernel.gram(x, x) @ w

    cross, prior = jax.lax.map(one, (X_new, weights))
    return jnp.maximum(prior - posterior.factor.quadratic(cross.T), 0.0)


def _by_rows(f: Any, X_new: Array) -> Any:
    """f over batches of rows; the last batch is padded with rows that are cut off again."""
    m, d = X_new.shape
    batch = min(m, _BATCH)
    count = math.ceil(m / batch)
    if count == 1:
        return f(X_new)
    padded = jnp.pad(X_new, ((0, count * batch - m), (0, 0)), mode="edge")
    out = jax.lax.map(f, padded.reshape(count, batch, d))
    return jax.tree.map(lambda a: a.reshape(count * batch, *a.shape[2:])[:m], out)
