r"""The log evidence (log marginal likelihood) and its penalised form."""

from gpkit._types import Array, Bool, Float, Inputs, Scalar, Targets
from gpkit.checks import check_data
from gpkit.means import prior_mean
from gpkit.model import GP
from gpkit.operators.covariance import covariance
from gpkit.params import log_prior
from gpkit.results import Estimate
from gpkit.solvers.base import AbstractSolver
from gpkit.solvers.dense import Dense


def log_evidence(
    model: GP,
    X: Inputs,
    y: Targets,
    *,
    solver: AbstractSolver | None = None,
    noise_variance: Float[Array, " n"] | None = None,
    mask: Bool[Array, " n"] | None = None,
    key: Array | None = None,
) -> Estimate:
    r"""$\log p(y \mid X, \text{model}) = \log\mathcal N(y \mid m(X), K(X,X) + \Sigma)$ in nats.

    One fixed-budget evaluation, a pure function: works under ``jit``, ``grad`` (through
    ``.value``), ``vmap`` and ``jvp``, and to second order. The total over rows, not per
    row; in the units of y as given (nothing is scaled here).

    **Arguments:**

    - `model`: a `gpkit.GP`.
    - `X`: inputs of shape (n, d); `y`: targets of shape (n,), or (n, t) for t targets that
      share the kernel and the noise, whose log evidences add up.
    - `solver`: `gpkit.solvers.Dense()` by default.
    - `noise_variance`: known variances of the rows, added to the model's noise.
    - `mask`: rows that count; a row with False is exactly neutral.
    - `key`: for solvers that draw random probes; the dense one ignores it.

    **Raises:** ValueError where shapes do not fit.

    Source: Rasmussen and Williams (2006), equation 2.30 and algorithm 2.1.
    """
    X, y = check_data(X, y, noise_variance=noise_variance, mask=mask)
    H = covariance(model, X, noise_variance=noise_variance, mask=mask)
    residual = y - prior_mean(model.mean, X, y.shape[1:])
    return (solver or Dense()).log_density(H, residual, key=key)


def log_posterior_density(
    model: GP,
    X: Inputs,
    y: Targets,
    *,
    solver: AbstractSolver | None = None,
    noise_variance: Float[Array, " n"] | None = None,
    mask: Bool[Array, " n"] | None = None,
    key: Array | None = None,
) -> Scalar:
    r"""Log evidence plus log prior of the parameters: the objective of a MAP fit, in nats.

    Without priors in the model this is the log evidence (type-II maximum likelihood).
    """
    estimate = log_evidence(
        model, X, y, solver=solver, noise_variance=noise_variance, mask=mask, key=key
    )
    return estimate.value + log_prior(model).astype(estimate.value.dtype)
