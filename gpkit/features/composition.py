"""Sums, products, scales, selections, warpings and change points of kernels with features."""

import itertools
from functools import reduce
from operator import add, mul
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Inputs
from gpkit.features.forms import draw, exact_count, polar, terms
from gpkit.kernels.base import AbstractKernel, AbstractPairKernel, Product, Scale, Sum, read
from gpkit.kernels.nonstationary import ChangePoint
from gpkit.kernels.transforms import Select, Warp


@final
class _Side(AbstractPairKernel):
    """One side of a change point: w(x) w(z) k(x, z), w before or after the change."""

    kernel: AbstractKernel
    change: ChangePoint
    side: str = eqx.field(static=True)

    def weight(self, X: Array) -> Array:
        w = self.change._weight(X)
        return w if self.side == "right" else 1 - w

    def pair(self, x, z):
        return self.weight(x) * self.weight(z) * self.kernel.pair(x, z)


@terms.register
def _(kernel: Sum):
    return [t for k in kernel.terms for t in terms(k)]


@terms.register
def _(kernel: Product):
    return [Product(factors) for factors in itertools.product(*map(terms, kernel.factors))]


@terms.register
def _(kernel: ChangePoint):
    sides = ((kernel.left, "left"), (kernel.right, "right"))
    return [_Side(t, kernel, side) for k, side in sides for t in terms(k)]


@terms.register(Scale)
@terms.register(Select)
@terms.register(Warp)
def _(kernel):
    inner = lambda k: k.kernel  # noqa: E731
    return [eqx.tree_at(inner, kernel, t) for t in terms(kernel.kernel)]


@draw.register
def _(kernel: Product, X, count, key):
    keys = jax.random.split(key, len(kernel.factors))
    return [draw(k, X, count, own) for k, own in zip(kernel.factors, keys, strict=True)]


@polar.register
def _(kernel: Product, drawn, X):
    parts = [polar(k, own, X) for k, own in zip(kernel.factors, drawn, strict=True)]
    phases = [phase for _, phase in parts if phase is not None]
    return reduce(mul, (a for a, _ in parts)), reduce(add, phases) if phases else None


@exact_count.register
def _(kernel: Product, columns):
    counts = [exact_count(k, columns) for k in kernel.factors]
    others = [c for c in counts if c != 1]
    return 1 if not others else others[0] if len(others) == 1 else None


def _inside(kernel: Any, X: Inputs) -> Inputs:
    """Inputs of the kernel that a wrapper holds."""
    if isinstance(kernel, Select):
        return kernel._take(X)
    return kernel._warp(X) if isinstance(kernel, Warp) else X


@draw.register(Scale)
@draw.register(Select)
@draw.register(Warp)
@draw.register(_Side)
def _(kernel, X, count, key):
    return draw(kernel.kernel, _inside(kernel, X), count, key)


@polar.register(Select)
@polar.register(Warp)
def _(kernel, drawn, X):
    return polar(kernel.kernel, drawn, _inside(kernel, X))


@polar.register
def _(kernel: Scale, drawn, X):
    amplitude, phase = polar(kernel.kernel, drawn, X)
    return jnp.sqrt(read(kernel.variance, X)) * amplitude, phase


@polar.register
def _(kernel: _Side, drawn, X):
    amplitude, phase = polar(kernel.kernel, drawn, X)
    return kernel.weight(X)[:, None] * amplitude, phase


@exact_count.register(Scale)
@exact_count.register(Warp)
@exact_count.register(_Side)
def _(kernel, columns):
    return exact_count(kernel.kernel, columns)


@exact_count.register
def _(kernel: Select, columns):
    return exact_count(kernel.kernel, len(kernel.columns))
