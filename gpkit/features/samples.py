r"""Samples of the prior as functions of the inputs."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs, PRNGKeyArray, PyTree
from gpkit.features.forms import draw, exact_count, polar, terms
from gpkit.kernels.base import AbstractKernel, as_inputs

# Numbers in the features of one block of rows: some megabytes, whatever the number of rows.
_BLOCK = 2**20


@final
class RandomFeatures(eqx.Module):
    r"""Features $\varphi$ with $\mathrm{E}\, \varphi(x)^\top \varphi(x') = k(x, x')$.

    Made by `random_features`; `features(X)` is the n x F matrix of their values.
    """

    terms: tuple[AbstractKernel, ...]
    drawn: tuple[PyTree, ...]
    counts: tuple[int, ...] = eqx.field(static=True)
    columns: int = eqx.field(static=True)
    dtype: Any = eqx.field(static=True)

    def __call__(self, X: Inputs) -> Float[Array, "n F"]:
        """Values of the features; ValueError where X has other columns than at the draw."""
        return _features(self, self.check(X))

    def check(self, X: Any) -> Inputs:
        """X in the precision of the draw."""
        X = as_inputs(X, "X")
        if X.shape[1] != self.columns:
            raise ValueError(f"X has {X.shape[1]} columns, the features are for {self.columns}")
        return X.astype(self.dtype)


@final
class PriorSample(eqx.Module):
    """Functions drawn from a Gaussian process prior of mean zero; made by `prior_sample`.

    The same functions at every call: values at other points belong to them.
    """

    features: RandomFeatures
    weights: Float[Array, "F s"]

    def __call__(self, X: Inputs) -> Float[Array, "n s"]:
        """Values of all functions at the rows of X, in blocks of rows of bounded memory."""
        return _values(self, self.features.check(X))


def random_features(
    kernel: AbstractKernel, X: Inputs, *, num_features: int = 1024, key: PRNGKeyArray
) -> RandomFeatures:
    r"""Random features of a kernel.

    Without bias for any number of features; the standard deviation of
    $\varphi(x)^\top \varphi(x')$ is of the order $k(x, x) / \sqrt{F}$. Exact for `Constant`,
    `Linear` and `Cosine` of one column on their own or scaled.

    Args:
        kernel: any kernel of gpkit.kernels but `Function`.
        X: points of the region of interest; they give columns, precision and origin.
        num_features: features of every term of a sum, each a cosine and a sine, or one
            amplitude. Frequencies are orthogonal in blocks of as many as X has columns.
        key: draws the features.

    Raises:
        TypeError: a kernel without features; the error names it and the remedy.
        ValueError: num_features below 1, or X of another shape than (n, d).

    Source: Rahimi and Recht 2007; orthogonal frequencies: Yu and others 2016; polynomials by
    products of projections: Kar and Karnick 2012; cosine and sine rather than random phases:
    Sutherland and Schneider 2015.
    """
    if num_features < 1:
        raise ValueError(f"num_features must be positive, got {num_features}")
    return _drawn(kernel, as_inputs(X, "X"), num_features, key)


def prior_sample(
    kernel: AbstractKernel,
    X: Inputs,
    *,
    num_samples: int,
    num_features: int = 1024,
    key: PRNGKeyArray,
) -> PriorSample:
    r"""Functions $f(x) = \varphi(x)^\top w$ with standard normal w, from the prior of a kernel.

    Given the features the functions are Gaussian, of covariance
    $\varphi(x)^\top \varphi(x')$; over the draw of the features their covariance is the kernel's
    exactly. Functions of one draw share its features, so that the error of their covariance is
    that of the features, whatever their number.

    Arguments and errors as in `random_features`; `num_samples` functions are drawn.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples must be positive, got {num_samples}")
    own, weights = jax.random.split(key)
    features = random_features(kernel, X, num_features=num_features, key=own)
    total = jax.eval_shape(_features, features, features.check(X)[:1]).shape[1]
    draws = jax.random.normal(weights, (total, num_samples), features.dtype)
    return PriorSample(features, draws)


@eqx.filter_jit
def _drawn(kernel: AbstractKernel, X: Array, num_features: int, key: Array) -> RandomFeatures:
    parts = tuple(terms(kernel))
    counts = tuple(exact_count(k, X.shape[1]) or num_features for k in parts)
    keys = jax.random.split(key, len(parts))
    drawn = tuple(draw(k, X, p, own) for k, p, own in zip(parts, counts, keys, strict=True))
    return RandomFeatures(parts, drawn, counts, X.shape[1], X.dtype)


@eqx.filter_jit
def _features(features: RandomFeatures, X: Array) -> Array:
    parts = zip(features.terms, features.drawn, features.counts, strict=True)
    return jnp.concatenate([_of_term(*part, X) for part in parts], axis=1)


def _of_term(kernel: AbstractKernel, drawn: PyTree, count: int, X: Array) -> Array:
    amplitude, phase = polar(kernel, drawn, X)
    amplitude = amplitude / jnp.sqrt(jnp.asarray(count, X.dtype))
    if phase is None:
        return jnp.broadcast_to(amplitude, (X.shape[0], count))
    return jnp.concatenate([amplitude * jnp.cos(phase), amplitude * jnp.sin(phase)], axis=1)


@eqx.filter_jit
def _values(sample: PriorSample, X: Array) -> Array:
    rows = max(1, _BLOCK // sample.weights.shape[0])
    at = lambda x: _features(sample.features, x) @ sample.weights  # noqa: E731
    count = -(-X.shape[0] // rows)
    if count == 1:
        return at(X)
    rows = -(-X.shape[0] // count)
    padded = jnp.pad(X, ((0, count * rows - X.shape[0]), (0, 0)), mode="edge")
    values = jax.lax.map(jax.checkpoint(at), padded.reshape(count, rows, -1))
    return values.reshape(count * rows, -1)[: X.shape[0]]
