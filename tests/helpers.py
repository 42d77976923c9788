"""Tables that drive the tests: kernels with their formulas, and points to evaluate them on."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from gpkit import kernels as gk
from gpkit.params import Fixed, Positive, Shared


class KernelCase(NamedTuple):
    """A kernel, its formula in plain numpy for two points, and what is known of it.

    `smooth` says that the kernel has second derivatives with respect to its inputs at
    zero distance.
    """

    name: str
    kernel: gk.AbstractKernel
    formula: Callable[[np.ndarray, np.ndarray], float]
    d: int = 2
    psd: bool = True
    smooth: bool = True


ELL = np.array([0.7, 1.6])
LOW, HIGH = np.array([-4.0, -5.0]), np.array([4.0, 6.0])
WEIGHTS = np.array([0.6, 1.1])
MEANS = np.array([[0.2, 0.35], [0.5, 0.1]])
WIDTHS = np.array([[0.1, 0.05], [0.2, 0.15]])


def scaled(x: np.ndarray, z: np.ndarray, ell: Any = ELL) -> float:
    """Scaled squared distance."""
    return float(np.sum(((x - z) / ell) ** 2))


def rbf(x, z, ell: Any = ELL):
    return np.exp(-0.5 * scaled(x, z, ell))


def matern12(x, z):
    return np.exp(-np.sqrt(scaled(x, z)))


def matern32(x, z, ell: Any = ELL):
    a = np.sqrt(3 * scaled(x, z, ell))
    return (1 + a) * np.exp(-a)


def matern52(x, z):
    a = np.sqrt(5 * scaled(x, z))
    return (1 + a + a**2 / 3) * np.exp(-a)


def rational_quadratic(x, z):
    return (1 + scaled(x, z) / (2 * 0.8)) ** -0.8


def powered(p):
    return lambda x, z: np.exp(-(np.sqrt(scaled(x, z)) ** p))


def periodic(x, z):
    return np.exp(-2 * np.sum(np.sin(np.pi * (x - z) / np.array([1.3, 2.1])) ** 2 / ELL**2))


def cosine(x, z):
    return np.prod(np.cos(2 * np.pi * (x - z) / 3.1))


def spectral(x, z):
    total = 0.0
    for w, mu, v in zip(WEIGHTS, MEANS, WIDTHS, strict=True):
        damping = np.exp(-2 * np.pi**2 * (x - z) ** 2 * v**2)
        total += w * np.prod(damping * np.cos(2 * np.pi * (x - z) * mu))
    return total


def linear(x, z):
    return float(np.sum(np.array([0.5, 2.0]) * (x - 0.3) * (z - 0.3)))


def polynomial(x, z):
    return (0.7 + x @ z) ** 3


def arccosine(order):
    weight, bias = np.array([0.9, 1.4]), 0.6

    def formula(x, z):
        r, s = bias + np.sum(weight * x * x), bias + np.sum(weight * z * z)
        # Equal points have no angle; the arc cosine of their rounded product would have one.
        c = 1.0 if np.array_equal(x, z) else (bias + np.sum(weight * x * z)) / np.sqrt(r * s)
        theta = np.arccos(c)
        angular = (
            np.pi - theta,
            np.sin(theta) + (np.pi - theta) * c,
            3 * np.sin(theta) * c + (np.pi - theta) * (1 + 2 * c**2),
        )[order]
        return angular * np.sqrt(r * s) ** order / np.pi

    return gk.ArcCosine(order, weight, bias), formula


def change_point(x, z):
    w, v = (1 / (1 + np.exp(-2.0 * (p[1] - 0.4))) for p in (x, z))
    return (1 - w) * (1 - v) * rbf(x, z) + w * v * 1.7 * matern32(x, z)


def warp(x):
    u = (x - LOW) / (HIGH - LOW)
    return 1 - (1 - u ** np.array([1.3, 0.8])) ** 1.5


def gaussian(x, z, params):
    """A kernel as a Python function."""
    return params["height"] * jnp.exp(-params["rate"] * jnp.sum((x - z) ** 2))


ARD = {"lengthscale": ELL}
KERNELS = [
    KernelCase("rbf", gk.RBF(0.9), lambda x, z: rbf(x, z, 0.9)),
    KernelCase("rbf_ard", gk.RBF(ELL), rbf),
    KernelCase("rbf_shared", gk.RBF(Shared(Positive([0.9]), (0, 0))), lambda x, z: rbf(x, z, 0.9)),
    KernelCase("matern12", gk.Matern12(ELL), matern12, smooth=False),
    KernelCase("matern32", gk.Matern32(ELL), matern32),
    KernelCase("matern52", gk.Matern52(ELL), matern52),
    KernelCase("rational_quadratic", gk.RationalQuadratic(ELL, 0.8), rational_quadratic),
    KernelCase("powered", gk.PoweredExponential(ELL, 1.3), powered(1.3), smooth=False),
    KernelCase("powered_2", gk.PoweredExponential(ELL, Fixed(2.0)), powered(2.0)),
    KernelCase("periodic", gk.Periodic(ELL, [1.3, 2.1]), periodic),
    KernelCase("cosine", gk.Cosine(3.1), cosine),
    KernelCase("spectral", gk.SpectralMixture(WEIGHTS, MEANS, WIDTHS), spectral),
    KernelCase("linear", gk.Linear([0.5, 2.0], offset=0.3), linear),
    KernelCase("linear_origin", gk.Linear(0.5), lambda x, z: 0.5 * (x @ z)),
    KernelCase("polynomial", gk.Polynomial(3, 0.7), polynomial),
    KernelCase("arccosine_0", *arccosine(0), smooth=False),
    KernelCase("arccosine_1", *arccosine(1)),
    KernelCase("arccosine_2", *arccosine(2)),
    KernelCase("constant", gk.Constant(1.7), lambda x, z: 1.7),
    KernelCase(
        "exchangeable",
        gk.Exchangeable(0.3),
        lambda x, z: 1.0 if np.array_equal(x, z) else 0.3,
        smooth=False,
    ),
    KernelCase(
        "hamming", gk.Hamming(1.4), lambda x, z: np.exp(-np.sum(x != z) / 1.4), smooth=False
    ),
    KernelCase(
        "change_point",
        gk.ChangePoint(gk.RBF(ELL), 1.7 * gk.Matern32(ELL), 0.4, 2.0, column=1),
        change_point,
    ),
    KernelCase(
        "sum", gk.RBF(ELL) + gk.Matern32(ELL) + 0.5, lambda x, z: rbf(x, z) + matern32(x, z) + 0.5
    ),
    KernelCase("product", gk.RBF(ELL) * gk.Cosine(3.1), lambda x, z: rbf(x, z) * cosine(x, z)),
    KernelCase("scale", 2.5 * gk.Matern52(ELL), lambda x, z: 2.5 * matern52(x, z)),
    KernelCase(
        "select", gk.Select(gk.Matern32(0.8), (1,)), lambda x, z: matern32(x[1:], z[1:], 0.8)
    ),
    KernelCase(
        "warp",
        gk.Warp(gk.Matern32(0.8), [1.3, 0.8], 1.5, low=LOW, high=HIGH),
        lambda x, z: matern32(warp(x), warp(z), 0.8),
    ),
    KernelCase(
        "function",
        gk.Function(gaussian, {"height": Positive(1.2), "rate": 0.8}),
        lambda x, z: 1.2 * np.exp(-0.8 * np.sum((x - z) ** 2)),
    ),
]


def points(seed: int = 0) -> np.ndarray:
    """Six points in two dimensions: row 4 repeats row 1, row 5 shares a column with row 2."""
    X = np.random.default_rng(seed).normal(size=(6, 2))
    X[4] = X[1]
    X[5, 0] = X[2, 0]
    return X
