r"""Joint samples of a posterior as functions, by Matheron's rule.

With a sample $f$ of the prior, $H = K(X, X) + \Sigma$ and
$\varepsilon \sim \mathcal N(0, \Sigma)$,

$$ f(x) + k(x, X)\, H^{-1} \bigl(y - m(X) - f(X) - \varepsilon\bigr) + m(x) $$

is a sample of the posterior (Wilson, Borovitskiy, Terenin, Mostowsky and Deisenroth 2020,
equation 12). All samples come out of one block solve; afterwards a value costs one row of the
kernel, however many points are asked for together, where `Posterior.sample` factorises the
covariance of all of them.
"""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs, Int, PRNGKeyArray
from gpkit.checks import check_inputs
from gpkit.features import PriorSample, prior_sample
from gpkit.means import AbstractMean, prior_mean
from gpkit.operators.recomputed import KernelOperator
from gpkit.posterior import Posterior
from gpkit.results import Status, worst
from gpkit.solvers.base import AbstractFactor
from gpkit.solvers.iterative_factor import IterativeFactor


@final
class Paths(eqx.Module):
    """Functions drawn from a posterior; made by `pathwise`.

    The same functions at every call: values at other points belong to them. `status` is the
    worst of the factorisation and of the solves behind the samples.
    """

    mean: AbstractMean
    prior: PriorSample
    operator: KernelOperator
    weights: Float[Array, "n paths"]
    outputs: tuple[int, ...] = eqx.field(static=True)
    status: Int[Array, ""]

    def __call__(self, X_new: Inputs) -> Float[Array, "s m ..."]:
        """Values of the functions at new rows: (num_samples, m), or (.., m, t) for t targets.

        Noise is not included. Memory: some numbers per new row and sample, and one tile.
        Differentiable in X_new.

        Raises ValueError where X_new has other columns than the training inputs.
        """
        X_new = check_inputs(X_new, name="X_new")
        d = self.operator.X.shape[1]
        if X_new.shape[1] != d:
            raise ValueError(f"X_new has {X_new.shape[1]} columns, the training inputs have {d}")
        return _values(self, X_new.astype(self.operator.X.dtype))


def pathwise(
    posterior: Posterior, *, num_samples: int, num_features: int = 1024, key: PRNGKeyArray
) -> Paths:
    r"""Joint samples of the function under a posterior, callable at any points.

    Cost: one solve with `num_samples` right-hand sides (times targets).

    The only approximation beside that solve is in the prior part, which is made of random
    features: the covariance of the samples differs from that of the posterior by a random error
    of the order $k(x, x) / \sqrt{F}$, smaller where data decide.

    Args:
        posterior: what `gpkit.condition` returns.
        num_samples: functions to draw.
        num_features: random features of every term of the kernel, see `prior_sample`.
        key: draws features, prior functions and noise.

    Raises:
        TypeError: a kernel without random features.
        ValueError: a number that is not positive.

    Source: Wilson, Borovitskiy, Terenin, Mostowsky and Deisenroth 2020 (arXiv 2002.09309).
    """
    outputs = posterior.residual.shape[1:]
    paths = num_samples * (outputs[0] if outputs else 1)
    own, noise = jax.random.split(key)
    kernel, X = posterior.model.kernel, posterior.X
    prior = prior_sample(kernel, X, num_samples=paths, num_features=num_features, key=own)
    right = _right_hand_sides(posterior, prior, num_samples, noise)
    weights, solved = _solve(posterior.factor, right)
    status = worst(posterior.status, solved)
    operator = KernelOperator(kernel, X)
    return Paths(posterior.model.mean, prior, operator, weights, outputs, status)


@eqx.filter_jit
def _solve(factor: AbstractFactor, right: Array) -> tuple[Array, Array]:
    """The solution and the worst status of its columns."""
    if isinstance(factor, IterativeFactor):
        found = factor.solve_reported(right)
        return found.solution, worst(found.status)
    weights = factor.solve(right)
    finite = jnp.all(jnp.isfinite(weights))
    return weights, jnp.where(finite, Status.SUCCESS, Status.NON_FINITE).astype(jnp.int32)


@eqx.filter_jit
def _right_hand_sides(
    posterior: Posterior, prior: PriorSample, num_samples: int, key: Array
) -> Float[Array, "n paths"]:
    """y - m(X) - f(X) - eps of every sample, zero in rows that do not count."""
    X, n = posterior.X, posterior.X.shape[0]
    drawn = prior(X)
    noise = posterior.model.noise.diagonal(X)
    if posterior.noise_variance is not None:
        noise = noise + posterior.noise_variance
    drawn = drawn + jnp.sqrt(noise)[:, None] * jax.random.normal(key, drawn.shape, drawn.dtype)
    residual = posterior.residual.reshape(n, 1, -1)
    right = (residual - drawn.reshape(n, num_samples, -1)).reshape(n, -1)
    mask = posterior.mask
    return right if mask is None else jnp.where(mask[:, None], right, 0.0)


@eqx.filter_jit
def _values(paths: Paths, X_new: Array) -> Array:
    operator = KernelOperator(paths.operator.kernel, X_new, paths.operator.X)
    values = paths.prior(X_new) + operator.matmul(paths.weights)
    samples = values.T.reshape(-1, *paths.outputs, X_new.shape[0])
    samples = jnp.moveaxis(samples, -1, 1)
    return samples + prior_mean(paths.mean, X_new, paths.outputs)
