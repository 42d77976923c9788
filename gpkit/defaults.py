r"""The default prior: weak, and scaled with the number of columns.

For standardised columns the typical squared distance grows like the number p of columns,
so a lengthscale that means the same in every dimension grows like $\sqrt p$ (Hvarfner,
Hellsten and Nardi 2024, "Vanilla Bayesian optimization performs great in high
dimensions", whose centre and width the lengthscales have here):

| parameter           | mode          | width in log units |
|---------------------|---------------|--------------------|
| lengthscale         | $4.1\sqrt p$  | $\sqrt 3$          |
| kernel variances    | 1             | 3                  |
| noise variance      | 0.007         | 4                  |
| alpha (rational q.) | 1             | 1.5                |

The priors are log-normal, LogNormal($\log\text{mode} + w^2$, w) for width w: the density of
the value itself, of which a fit takes the maximum, has its mode at
$e^{\mathrm{loc} - w^2}$, far below the median. In terms of the log parameter the fit thus
sees a Gaussian penalty around the log of the mode.

Priors this wide move a well-determined parameter by a fraction of its standard error; what
they do is to end the flat ridge on which the lengthscale of an irrelevant column runs to
infinity.
"""

import math

from gpkit._types import PyTree
from gpkit.model import GP, seen_columns
from gpkit.params import AbstractParameter, LogNormal, map_parameters

_VARIANCES = ("variance", "weight_variance", "bias_variance")


def default_prior(model: GP, num_columns: int) -> GP:
    """The model with the default prior on every parameter that has none and a rule here.

    For standardised inputs and targets; `num_columns` is the number of columns of X.
    """

    def add(path: str, parameter: AbstractParameter) -> PyTree:
        if parameter.prior is not None:
            return parameter
        return parameter.with_prior(_prior(model, path, num_columns))

    return map_parameters(add, model)


def _prior(model: GP, path: str, d: int) -> LogNormal | None:
    if path.startswith("noise."):
        return _log_normal(-5.0, 4.0)
    name = path.removesuffix(".inner").rpartition(".")[2]
    if name == "lengthscale":
        p = len(seen_columns(model, path, d))
        return _log_normal(math.sqrt(2.0) + 0.5 * math.log(p), math.sqrt(3.0))
    if name in _VARIANCES:
        return _log_normal(0.0, 3.0)
    return _log_normal(0.0, 1.5) if name == "alpha" else None


def _log_normal(log_mode: float, width: float) -> LogNormal:
    return LogNormal(log_mode + width**2, width)
