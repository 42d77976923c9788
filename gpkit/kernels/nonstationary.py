r"""Kernels that know where they are: linear, polynomial, arc-cosine, change point."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, PyTree
from gpkit.kernels.base import AbstractKernel, per_column, read
from gpkit.kernels.derivatives import over, root, with_derivatives
from gpkit.kernels.printing import Style, arguments, call, column_names, expression, narrowed
from gpkit.params import positive, real


@final
class Linear(AbstractKernel):
    r"""$k(x, z) = \sum_j \sigma_j^2 (x_j - c_j)(z_j - c_j)$: straight lines through $c$.

    `variance` $\sigma^2$ is one number, or one per column. `offset` $c$ is where the prior
    knows the function to be zero: one number, one per column, or None for the origin (a
    `Constant` added does the same with the variance of the value there).

    Rasmussen and Williams (2006), section 4.2.2.
    """

    word: ClassVar[str] = "linear"
    units: ClassVar[Mapping[str, str]] = MappingProxyType({"offset": "location"})

    variance: PyTree
    offset: PyTree

    def __init__(self, variance: Any = 1.0, offset: Any = None):
        self.variance = positive(variance)
        self.offset = None if offset is None else real(offset)

    def _centred(self, X: Array) -> Array:
        return X if self.offset is None else X - per_column(self.offset, X, "offset")

    def pair(self, x, z):
        variance = per_column(self.variance, x, "variance")
        return jnp.sum(variance * self._centred(x) * self._centred(z))

    def gram(self, X, Z):
        variance = per_column(self.variance, X, "variance")
        # The default matrix product of accelerators is coarser than the input precision.
        return jnp.matmul(
            variance * self._centred(X), self._centred(Z).T, precision=jax.lax.Precision.HIGHEST
        )

    def diagonal(self, X):
        variance = per_column(self.variance, X, "variance")
        return jnp.sum(variance * self._centred(X) ** 2, axis=-1)


@final
class Polynomial(AbstractKernel):
    r"""$k(x, z) = (c + x^\top z)^p$ with `degree` $p \ge 1$, static, and `offset` $c > 0$.

    Rasmussen and Williams (2006), section 4.2.2.
    """

    word: ClassVar[str] = "polynomial"

    degree: int = eqx.field(static=True)
    offset: PyTree

    def __init__(self, degree: int = 2, offset: Any = 1.0):
        if isinstance(degree, bool) or not isinstance(degree, int) or degree < 1:
            raise ValueError(f"degree must be an integer of at least 1, got {degree!r}")
        self.degree = degree
        self.offset = positive(offset)

    def pair(self, x, z):
        return (read(self.offset, x) + jnp.sum(x * z)) ** self.degree

    def gram(self, X, Z):
        product = jnp.matmul(X, Z.T, precision=jax.lax.Precision.HIGHEST)
        return (read(self.offset, X) + product) ** self.degree

    def diagonal(self, X):
        return (read(self.offset, X) + jnp.sum(X * X, axis=-1)) ** self.degree


@final
class ArcCosine(AbstractKernel):
    r"""$k_n(x, z) = \frac{1}{\pi} \|\bar x\|^n \|\bar z\|^n J_n(\theta)$: a wide neural layer.

    $\theta$ is the angle between $\bar x$ and $\bar z$, where
    $\bar x^\top \bar z = b + \sum_j w_j x_j z_j$ with `weight_variance` $w$ (one number, or one
    per column) and `bias_variance` $b$, and

    $$ J_0 = \pi - \theta, \quad J_1 = \sin\theta + (\pi - \theta)\cos\theta, \quad
       J_2 = 3 \sin\theta\cos\theta + (\pi - \theta)(1 + 2\cos^2\theta). $$

    `order` $n$ is 0 (steps), 1 (ramps) or 2, static. Of order 0 the kernel has a kink at
    $\theta = 0$; its derivatives with respect to the inputs are given as 0 there.

    Cho and Saul (2009), Kernel methods for deep learning, eqs. 3 to 7. The angle comes from
    the chord between the unit vectors, $\sin^2(\theta/2) = q = \|u - v\|^2 / 4$ with
    $u - v = [(\bar x - \bar z)(r + s) - (\bar x + \bar z)(r - s)] / (2 r s)$, $r = \|\bar x\|$,
    $s = \|\bar z\|$, which unlike the arc cosine of a scalar product is
    exact at small angles.
    """

    word: ClassVar[str] = "arccosine"

    order: int = eqx.field(static=True)
    weight_variance: PyTree
    bias_variance: PyTree

    def __init__(self, order: int = 1, weight_variance: Any = 1.0, bias_variance: Any = 1.0):
        if isinstance(order, bool) or not isinstance(order, int) or order not in (0, 1, 2):
            raise ValueError(f"order must be 0, 1 or 2, got {order!r}")
        self.order = order
        self.weight_variance = positive(weight_variance)
        self.bias_variance = positive(bias_variance)

    def _read(self, x: Array) -> tuple[Array, Array]:
        weight = per_column(self.weight_variance, x, "weight_variance")
        return weight, read(self.bias_variance, x)

    def pair(self, x, z):
        weight, bias = self._read(x)
        r = jnp.sqrt(bias + jnp.sum(weight * x * x))
        s = jnp.sqrt(bias + jnp.sum(weight * z * z))
        # Differences come first, so that equal points are at chord zero exactly.
        gap = jnp.sum(weight * (x - z) * (x + z)) / (r + s)
        sides = (x - z) * (r + s) - (x + z) * gap
        q = (4 * bias * gap**2 + jnp.sum(weight * sides * sides)) / (16 * (r * s) ** 2)
        return (r * s) ** self.order * _ANGULAR[self.order](q) / jnp.pi

    def gram(self, X, Z):
        return jax.vmap(lambda x: jax.vmap(lambda z: self.pair(x, z))(Z))(X)

    def diagonal(self, X):
        weight, bias = self._read(X)
        at_zero = (1.0, 1.0, 3.0)[self.order]
        return at_zero * (bias + jnp.sum(weight * X * X, axis=-1)) ** self.order


def _angle(q: Array) -> tuple[Array, Array, Array]:
    """pi - theta, sin(theta) and cos(theta) from q = sin^2(theta / 2)."""
    rest = 2 * jnp.arctan2(root(1 - q), root(q))
    return rest, 2 * root(q * (1 - q)), 1 - 2 * q


def _j0(q: Array) -> Array:
    return _angle(q)[0]


def _j1(q: Array) -> Array:
    rest, sine, cosine = _angle(q)
    return sine + rest * cosine


def _j2(q: Array) -> Array:
    rest, sine, cosine = _angle(q)
    return 3 * sine * cosine + rest * (1 + 2 * cosine**2)


def _j0_curvature(q: Array) -> Array:
    _, sine, cosine = _angle(q)
    return over(4 * cosine, sine**3)


# With c = cos(theta) = 1 - 2 q: dJ_2/dc = 4 J_1, dJ_1/dc = J_0, dJ_0/dc = 1 / sin(theta).
_ANGULAR = (
    with_derivatives(_j0, lambda q: over(-2.0, _angle(q)[1]), _j0_curvature),
    with_derivatives(_j1, lambda q: -2 * _j0(q), lambda q: over(4.0, _angle(q)[1])),
    with_derivatives(_j2, lambda q: -8 * _j1(q), lambda q: 16 * _j0(q)),
)


@final
class ChangePoint(AbstractKernel):
    r"""$k(x, z) = (1 - w(x))(1 - w(z))\, k_l(x, z) + w(x) w(z)\, k_r(x, z)$.

    The function is one sample of kernel `left` before and an independent one of `right`
    after `location` $c$ in column `column` $j$ (static), with
    $w(x) = 1 / (1 + e^{-s (x_j - c)})$ and `steepness` $s > 0$ per unit of the column.

    Lloyd, Duvenaud, Grosse, Tenenbaum and Ghahramani (2014), Automatic construction and
    natural-language description of nonparametric regression models, section 2.
    """

    word: ClassVar[str] = "changepoint"
    units: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"location": "location", "steepness": "rate"}
    )

    left: AbstractKernel
    right: AbstractKernel
    location: PyTree
    steepness: PyTree
    column: int = eqx.field(static=True)

    def __init__(
        self,
        left: AbstractKernel,
        right: AbstractKernel,
        location: Any = 0.0,
        steepness: Any = 1.0,
        column: int = 0,
    ):
        if column < 0:
            raise ValueError(f"column must be a position counted from 0, got {column}")
        self.left, self.right = left, right
        self.location, self.steepness = real(location), positive(steepness)
        self.column = int(column)

    def _weight(self, X: Array) -> Array:
        # JAX clamps a position that does not exist to the last column, in silence.
        if self.column >= X.shape[-1]:
            raise ValueError(
                f"ChangePoint needs column {self.column}, but the inputs have only "
                f"{X.shape[-1]} columns, counted from 0"
            )
        distance = X[..., self.column] - read(self.location, X)
        return jax.nn.sigmoid(read(self.steepness, X) * distance)

    def pair(self, x, z):
        w, v = self._weight(x), self._weight(z)
        return (1 - w) * (1 - v) * self.left.pair(x, z) + w * v * self.right.pair(x, z)

    def gram(self, X, Z):
        w, v = self._weight(X)[:, None], self._weight(Z)[None, :]
        return (1 - w) * (1 - v) * self.left.gram(X, Z) + w * v * self.right.gram(X, Z)

    def diagonal(self, X):
        w = self._weight(X)
        return (1 - w) ** 2 * self.left.diagonal(X) + w**2 * self.right.diagonal(X)


@expression.register
def _(kernel: ChangePoint, style: Style) -> str:
    kernels = [expression(kernel.left, style), expression(kernel.right, style)]
    one = narrowed(style, kernel.column)
    numbers = arguments(kernel, one, skip=("left", "right", "column"))
    return call("changepoint", [*kernels, *column_names(one), *numbers])
