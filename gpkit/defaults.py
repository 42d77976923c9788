r"""The default prior: weak, and scaled with the number of columns.

For standardised columns the typical squared distance grows like the number p of columns,
so a lengthscale that means the same in every dimension grows like $\sqrt p$ (Hvarfner,
Hellsten and Nardi 2024, "Vanilla Bayesian optimization performs great in high
dimensions"). The default prior follows their choice for lengthscales:

| parameter          | prior                                          | median            |
|--------------------|------------------------------------------------|-------------------|
| lengthscale        | LogNormal($\sqrt 2 + \tfrac12 \log p$, $\sqrt 3$) | $4.1\sqrt p$      |
| kernel variances   | LogNormal(0, 2)                                | 1                 |
| noise variance     | LogNormal(-4, 2)                               | 0.018             |
| alpha (rational q.)| LogNormal(0, 1.5)                              | 1                 |

A lengthscale prior this wide moves a well-determined parameter by a fraction of its
standard error; what it does is to end the flat ridge on which the lengthscale of an
irrelevant column runs to infinity.
"""

import math
from typing import Any

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


def _prior(model: GP, path: str, d: int) -> Any:
    if path.startswith("noise."):
        return LogNormal(-4.0, 2.0)
    name = path.removesuffix(".inner").rpartition(".")[2]
    if name == "lengthscale":
        p = len(seen_columns(model, path, d))
        return LogNormal(math.sqrt(2.0) + 0.5 * math.log(p), math.sqrt(3.0))
    if name in _VARIANCES:
        return LogNormal(0.0, 2.0)
    return LogNormal(0.0, 1.5) if name == "alpha" else None
