r"""Random features of kernels, in polar form.

A random feature of a kernel is a random complex function $z$ with

$$ \mathrm{E}\, z(x)\, \overline{z(x')} = k(x, x'), \qquad z(x) = a(x)\, e^{i \phi(x)}. $$

`draw` gives the random numbers of many features, `polar` their amplitudes $a$ and phases
$\phi$. Features of a product are products of features: amplitudes multiply, phases add up.
A stationary kernel has amplitude 1 and phase $\omega^\top x$ with $\omega$ from its spectral
density (Rahimi and Recht 2007, theorem 1). Linear, polynomial, arc-cosine and categorical
kernels have an amplitude and no phase. Sums are written out by `terms`.

A kernel of your own joins by methods of `draw` and `polar`: see the registered ones.
"""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs, PRNGKeyArray, PyTree
from gpkit.kernels.base import AbstractKernel

Polar = tuple[Float[Array, "n p"], Float[Array, "n p"] | None]


@singledispatch
def draw(kernel: AbstractKernel, X: Inputs, count: int, key: PRNGKeyArray) -> PyTree:
    """Random numbers of `count` features; X gives columns, precision and origin of phases.

    Raises TypeError for a kernel that has no features.
    """
    raise no_features(kernel)


@singledispatch
def polar(kernel: AbstractKernel, drawn: PyTree, X: Inputs) -> Polar:
    """Amplitudes and phases of the features at the rows of X; phases None where all are zero.

    Either may have one row or one column for all.
    """
    raise no_features(kernel)


@singledispatch
def terms(kernel: AbstractKernel) -> Sequence[AbstractKernel]:
    """Kernels that add up to this one, no sum in any of them."""
    return [kernel]


@singledispatch
def exact_count(kernel: AbstractKernel, columns: int) -> int | None:
    """Number of features whose mean product is the kernel without error; None: no number is."""
    return None


def no_features(kernel: Any) -> TypeError:
    """The error for a kernel without features, with the remedy."""
    return TypeError(
        f"{type(kernel).__name__} has no random features: draw from the posterior by "
        "Posterior.sample with gpkit.solvers.Dense(), or register methods of draw and polar of "
        "gpkit.features for this kernel"
    )


def origin(X: Inputs) -> Float[Array, " d"]:
    """The middle of the points: phases counted from there keep their digits."""
    return jax.lax.stop_gradient(jnp.mean(X, axis=0))


def matmul(a: Array, b: Array) -> Array:
    """The product in full precision: that of an accelerator is coarser by default."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
