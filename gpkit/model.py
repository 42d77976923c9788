"""A Gaussian process as one frozen module: kernel, mean and noise, no data, no algorithm."""

from typing import Any, final

import equinox as eqx
import numpy as np

from gpkit.kernels.base import AbstractKernel
from gpkit.kernels.transforms import Select
from gpkit.means import AbstractMean, Zero
from gpkit.noise import AbstractNoise, Gaussian
from gpkit.params import child


@final
class GP(eqx.Module):
    r"""$y_i = f(x_i) + \varepsilon_i$ with $f \sim \mathcal{GP}(m, k)$.

    **Arguments:**

    - `kernel`: covariance function $k$, see `gpkit.kernels`.
    - `mean`: mean function $m$; zero by default.
    - `noise`: distribution of $\varepsilon$; Gaussian with variance 0.1 by default.
    """

    kernel: AbstractKernel
    mean: AbstractMean
    noise: AbstractNoise

    def __init__(
        self,
        kernel: AbstractKernel,
        mean: AbstractMean | None = None,
        noise: AbstractNoise | None = None,
    ):
        self.kernel = _expect(kernel, AbstractKernel, "kernel", "gpkit.kernels.RBF(1.0)")
        # Only None means the default: a number, also 0, is a mistake to be named.
        mean = Zero() if mean is None else mean
        noise = Gaussian() if noise is None else noise
        self.mean = _expect(mean, AbstractMean, "mean", "gpkit.means.Constant()")
        self.noise = _expect(noise, AbstractNoise, "noise", "gpkit.noise.Gaussian(0.1)")


def seen_columns(model: GP, path: str, d: int) -> np.ndarray:
    """Columns of X, of d, that the parameter or module at a dotted path works on."""
    seen, node = np.arange(d), model
    for part in path.split("."):
        node = child(node, part)
        if isinstance(node, Select):
            seen = seen[np.asarray(node.columns)]
    return seen


def _expect(value: Any, kind: type, name: str, example: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(
            f"{name} must be an {kind.__name__}, such as {example}; got {type(value).__name__}"
        )
    return value
