r"""Kernels of transformed inputs, and kernels from any function of two points.

Automatic relevance determination needs no transform: give a stationary kernel a vector
lengthscale, ``Matern32(lengthscale=jnp.ones(d))``.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import paramax

from gpkit._types import Array, PyTree
from gpkit.kernels.base import AbstractKernel, AbstractPairKernel, Sum, per_column, read
from gpkit.kernels.printing import Style, argument, call, column_names, expression, sources_in_view
from gpkit.params import positive, real, val


@final
class Select(AbstractKernel):
    r"""$k(x, z) = k_0(x_S, z_S)$: the kernel $k_0$ on the columns $S$ alone.

    `columns` are positions in the input matrix, `names` what to call them when printing
    (default x0, x1, ...; one name may stand for the several dummies of a category).
    """

    kernel: AbstractKernel
    columns: tuple[int, ...] = eqx.field(static=True)
    names: tuple[str, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        kernel: AbstractKernel,
        columns: Sequence[int],
        names: Sequence[str] | None = None,
    ):
        self.kernel = kernel
        self.columns = tuple(int(j) for j in columns)
        self.names = None if names is None else tuple(names)
        if not self.columns or min(self.columns) < 0:
            raise ValueError(
                f"columns must be one or more positions counted from 0, got {self.columns}"
            )

    def _take(self, X: Array) -> Array:
        # JAX clamps a position that does not exist to the last column, in silence.
        if max(self.columns) >= X.shape[-1]:
            raise ValueError(
                f"Select needs column {max(self.columns)}, but the inputs have only "
                f"{X.shape[-1]} columns, counted from 0"
            )
        return X[..., np.asarray(self.columns)]

    def pair(self, x, z):
        return self.kernel.pair(self._take(x), self._take(z))

    def gram(self, X, Z):
        return self.kernel.gram(self._take(X), self._take(Z))

    def diagonal(self, X):
        return self.kernel.diagonal(self._take(X))


@final
class Warp(AbstractKernel):
    r"""$k(x, z) = k_0(w(x), w(z))$ with the Kumaraswamy warping of each column,

    $$ w(x) = 1 - (1 - u^a)^b, \qquad u = \frac{x - \mathrm{low}}{\mathrm{high} - \mathrm{low}}. $$

    `a` and `b` are positive, one for all columns or one per column; $a = b = 1$ only moves
    [low, high] to [0, 1]. `low` and `high` are static, one per column. Points outside
    [low, high] are moved to its edge, so choose a range that holds the points to predict.

    Snoek, Swersky, Zemel and Adams (2014), Input warping for Bayesian optimization of
    non-stationary functions, section 3 (with the Kumaraswamy distribution for the beta).
    """

    word: ClassVar[str] = "warp"
    units: ClassVar[Mapping[str, str]] = MappingProxyType({"low": "location", "high": "location"})

    kernel: AbstractKernel
    a: PyTree
    b: PyTree
    low: tuple[float, ...] = eqx.field(static=True)
    high: tuple[float, ...] = eqx.field(static=True)

    def __init__(
        self,
        kernel: AbstractKernel,
        a: Any = 1.0,
        b: Any = 1.0,
        *,
        low: Sequence[float],
        high: Sequence[float],
    ):
        self.kernel, self.a, self.b = kernel, positive(a), positive(b)
        self.low = tuple(float(v) for v in np.atleast_1d(low))
        self.high = tuple(float(v) for v in np.atleast_1d(high))
        if len(self.low) != len(self.high):
            raise ValueError(f"low has {len(self.low)} entries and high has {len(self.high)}")
        if not all(lo < hi for lo, hi in zip(self.low, self.high, strict=True)):
            raise ValueError(f"low must lie below high, got {self.low} and {self.high}")

    def _warp(self, X: Array) -> Array:
        if X.shape[-1] != len(self.low):
            raise ValueError(
                f"Warp has a range for {len(self.low)} columns, but the inputs have "
                f"{X.shape[-1]}; wrap it in Select to choose columns"
            )
        a, b = per_column(self.a, X, "a"), per_column(self.b, X, "b")
        low, high = jnp.asarray(self.low, a.dtype), jnp.asarray(self.high, a.dtype)
        # Powers of 0 have infinite derivatives; the edge is one rounding step inside.
        eps = float(jnp.finfo(a.dtype).eps)
        u = jnp.clip((X - low) / (high - low), eps, 1 - eps)
        return -jnp.expm1(b * jnp.log1p(-jnp.exp(a * jnp.log(u))))

    def pair(self, x, z):
        return self.kernel.pair(self._warp(x), self._warp(z))

    def gram(self, X, Z):
        return self.kernel.gram(self._warp(X), self._warp(Z))

    def diagonal(self, X):
        return self.kernel.diagonal(self._warp(X))


@final
class Function(AbstractPairKernel):
    """$k(x, z) = f(x, z, params)$ for any function of two points, shape (d,) each.

    `params` is any tree of parameters; numbers and arrays become trainable unconstrained
    leaves. The function receives the tree with constrained values in it. It must be
    symmetric and positive semi-definite, which is not checked.
    """

    f: Callable[..., Array] = eqx.field(static=True)
    params: PyTree

    def __init__(self, f: Callable[..., Array], params: PyTree = ()):
        if not callable(f):
            raise TypeError(f"f must be a function of (x, z, params), got {type(f).__name__}")
        self.f = f
        self.params = jax.tree.map(
            real, params, is_leaf=lambda p: isinstance(p, paramax.AbstractUnwrappable)
        )

    def pair(self, x, z):
        return self.f(x, z, jax.tree.map(lambda leaf: read(leaf, x), val(self.params)))


@expression.register
def _(kernel: Select, style: Style) -> str:
    columns = kernel.columns
    if style.view is not None:
        columns = tuple(style.view[j] for j in columns)
    text = expression(kernel.kernel, style._replace(view=columns, names=kernel.names))
    return f"({text})" if isinstance(kernel.kernel, Sum) else text


@expression.register
def _(kernel: Function, style: Style) -> str:
    if style.columns is not None:
        raise ValueError("a kernel from a Python function has no expression")
    return call("function", [getattr(kernel.f, "__name__", type(kernel.f).__name__)])


@expression.register
def _(kernel: Warp, style: Style) -> str:
    inner, names = _inside(style)
    args = [expression(kernel.kernel, inner), *names]
    args += [argument("a", kernel.a, style), argument("b", kernel.b, style)]
    args += [
        argument("low", np.asarray(kernel.low), style, "location"),
        argument("high", np.asarray(kernel.high), style, "location"),
    ]
    return call("warp", [text for text in args if text])


def _inside(style: Style) -> tuple[Style, list[str]]:
    """How the kernel inside a warp prints, and the names of the warped columns."""
    if style.columns is None or style.view is None:
        return style, column_names(style)
    # The inner kernel counts columns among those in view.
    columns = style.columns.take(sources_in_view(style))
    return style._replace(columns=columns, view=None), column_names(style)
