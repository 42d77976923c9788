"""The words of the expression language: which kernel each makes, and of what parameters."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gpkit.kernels import categorical, nonstationary, periodic, stationary, transforms
from gpkit.kernels.base import Constant
from gpkit.params import Bounded, Positive, Real


class Slot(NamedTuple):
    """One parameter of a word: how a value is stored, and its start in stored units.

    A start of None means that the parameter is absent unless written. `shape` is "scalar",
    "columns" (one number, or one per column), "parts" or "table" (of a mixture). `frozen`
    tells where an unwritten start is not trained, since another parameter has the same
    effect: under "ard", "plain" (without ``ard``), or "" for nowhere. A start that `grows`
    is multiplied by the square root of the number of matrix columns, as distances grow.
    """

    support: Callable[[Any], Any]
    start: float | None = 1.0
    shape: str = "scalar"
    frozen: str = ""
    grows: bool = False


class Word(NamedTuple):
    """How a call becomes a kernel.

    `ard` are the slots that get one entry per column under ``ard``; `amplitude` is the slot
    that is the kernel's own variance, if any; `integer` the static keyword that may also be
    written without keyword, `bounds` its range; `takes` how many kernels are arguments;
    `columns` which it may name: "any", "numbers", "some" (at least one) or "none".
    """

    make: Callable[..., Any]
    slots: Mapping[str, Slot]
    ard: tuple[str, ...] = ()
    amplitude: str = ""
    integer: str = ""
    bounds: tuple[int, int] = (1, 20)
    takes: int = 0
    columns: str = "any"


POSITIVE = Slot(Positive)
PER_COLUMN = Slot(Positive, shape="columns")
RANGE = Slot(tuple, None, shape="columns")
UNIT = partial(Bounded, low=0.0, high=1.0)
POWER = partial(Bounded, low=0.0, high=2.0)


def _stationary(make: Callable[..., Any], **more: Slot) -> Word:
    lengthscale = PER_COLUMN._replace(grows=True)
    return Word(make, {"lengthscale": lengthscale, **more}, ard=("lengthscale",))


WORDS: Mapping[str, Word] = {
    "rbf": _stationary(stationary.RBF),
    "matern12": _stationary(stationary.Matern12),
    "matern32": _stationary(stationary.Matern32),
    "matern52": _stationary(stationary.Matern52),
    "rq": _stationary(stationary.RationalQuadratic, alpha=POSITIVE),
    "powexp": _stationary(stationary.PoweredExponential, power=Slot(POWER, 1.5)),
    "periodic": Word(
        periodic.Periodic,
        {"lengthscale": PER_COLUMN, "period": PER_COLUMN},
        ard=("lengthscale", "period"),
        columns="numbers",
    ),
    "cosine": Word(periodic.Cosine, {"period": PER_COLUMN}, ard=("period",), columns="numbers"),
    "spectral": Word(
        periodic.SpectralMixture,
        {
            "weights": Slot(Positive, shape="parts"),
            "means": Slot(Positive, shape="table"),
            "scales": Slot(Positive, shape="table"),
        },
        amplitude="weights",
        integer="parts",
        columns="numbers",
    ),
    "linear": Word(
        nonstationary.Linear,
        {"variance": PER_COLUMN, "offset": Slot(Real, None, shape="columns")},
        ard=("variance",),
        amplitude="variance",
    ),
    "polynomial": Word(nonstationary.Polynomial, {"offset": POSITIVE}, integer="degree"),
    "arccosine": Word(
        nonstationary.ArcCosine,
        # The variances times a number are the kernel times a number: one of them rests.
        {
            "weight_variance": Slot(Positive, shape="columns", frozen="plain"),
            "bias_variance": Slot(Positive, frozen="ard"),
        },
        ard=("weight_variance",),
        integer="order",
        bounds=(0, 2),
    ),
    "constant": Word(Constant, {"variance": POSITIVE}, amplitude="variance", columns="none"),
    "categorical": Word(categorical.Exchangeable, {"rho": Slot(UNIT, 0.5)}, columns="some"),
    "hamming": Word(categorical.Hamming, {"lengthscale": POSITIVE}, columns="some"),
    "changepoint": Word(
        nonstationary.ChangePoint,
        {"location": Slot(Real, 0.0), "steepness": POSITIVE},
        takes=2,
        columns="numbers",
    ),
    "warp": Word(
        transforms.Warp,
        {"a": PER_COLUMN, "b": PER_COLUMN, "low": RANGE, "high": RANGE},
        takes=1,
        columns="numbers",
    ),
}


def spectral_start(parts: int, d: int) -> dict[str, np.ndarray]:
    """Distinct starts for the parts of a mixture, in stored units.

    Equal parts would have equal gradients and stay equal: centres are spread over
    frequencies up to one cycle per standard deviation.
    """
    centres = (np.arange(parts) + 0.5) / parts
    return {
        "weights": np.full(parts, 1.0 / parts),
        "means": np.repeat(centres[:, None], d, axis=1),
        "scales": np.full((parts, d), 0.5 / parts),
    }
