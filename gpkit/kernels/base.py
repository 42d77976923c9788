r"""What a kernel is, and the algebra of kernels: sum, product, scale, constant.

A kernel is a function $k(x, z)$ of two points together with its parameters: a frozen
module, usable under ``jit``, ``grad`` and ``vmap``. It computes in the precision of its
inputs, whatever the precision of its parameters.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from functools import reduce
from numbers import Real as RealNumber
from operator import add, mul
from types import MappingProxyType
from typing import Any, ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, Float, Inputs, Matrix, PyTree, Scalar, Vector
from gpkit.kernels.printing import Style, expression, same, written
from gpkit.params import AbstractParameter, positive, val


class AbstractKernel(eqx.Module):
    """A positive semi-definite function of two points.

    Subclass `AbstractPairKernel` and write `pair`; everything else follows. ``kernel(X, Z)``
    is the matrix of kernel values, ``a + b``, ``a * b`` and ``2.0 * a`` are kernels, and
    ``repr(kernel)`` is its expression with values.
    """

    # Without this numpy would broadcast an array over the kernel and return objects.
    __array_ufunc__ = None

    # How the kernel is called in expressions, and which of its fields have a unit there.
    word: ClassVar[str] = ""
    units: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @abstractmethod
    def pair(self, x: Float[Array, " d"], z: Float[Array, " d"]) -> Scalar:
        """Kernel value at two points."""

    @abstractmethod
    def gram(self, X: Inputs, Z: Float[Array, "m d"]) -> Matrix:
        """Matrix of kernel values between the rows of `X` and the rows of `Z`."""

    @abstractmethod
    def diagonal(self, X: Inputs) -> Vector:
        """Kernel value of each row of `X` with itself."""

    def __call__(self, X: Inputs, Z: Float[Array, "m d"] | None = None) -> Matrix:
        """Matrix of kernel values between rows of `X` and rows of `Z` (default `X`), (n, m).

        Raises ValueError unless both are matrices with equally many columns.
        """
        X = as_inputs(X, "X")
        Z = X if Z is None else as_inputs(Z, "Z")
        if X.shape[1] != Z.shape[1]:
            raise ValueError(f"X has {X.shape[1]} columns and Z has {Z.shape[1]}: they must agree")
        return self.gram(X, Z)

    def __add__(self, other: Any) -> "AbstractKernel":
        if isinstance(other, AbstractKernel):
            return Sum((self, other))
        return Sum((self, Constant(other))) if is_number(other) else NotImplemented

    def __radd__(self, other: Any) -> "AbstractKernel":
        # The builtin sum starts from the integer 0.
        if isinstance(other, int) and other == 0:
            return self
        return Sum((Constant(other), self)) if is_number(other) else NotImplemented

    def __mul__(self, other: Any) -> "AbstractKernel":
        if isinstance(other, AbstractKernel):
            return Product((self, other))
        return scaled(self, other) if is_number(other) else NotImplemented

    def __rmul__(self, other: Any) -> "AbstractKernel":
        return scaled(self, other) if is_number(other) else NotImplemented

    def __eq__(self, other: Any) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash(jax.tree.structure(self))

    def __repr__(self) -> str:
        return expression(self, Style())


class AbstractPairKernel(AbstractKernel):
    """A kernel given by its value at two points; matrices are made by ``vmap``."""

    def gram(self, X: Inputs, Z: Float[Array, "m d"]) -> Matrix:
        return jax.vmap(lambda x: jax.vmap(lambda z: self.pair(x, z))(Z))(X)

    def diagonal(self, X: Inputs) -> Vector:
        return jax.vmap(lambda x: self.pair(x, x))(X)


def as_inputs(X: Any, name: str) -> Array:
    """A float matrix, one row per point; ValueError with the remedy otherwise."""
    X = jnp.asarray(X)
    if X.ndim != 2:
        remedy = f"; for one column use {name}[:, None]" if X.ndim == 1 else ""
        raise ValueError(f"{name} must have shape (n, d), got {X.shape}{remedy}")
    return X if jnp.issubdtype(X.dtype, jnp.floating) else X.astype(jnp.result_type(float))


def read(parameter: PyTree, like: Array) -> Array:
    """Value of a parameter in the precision of the inputs that it meets."""
    value = val(parameter)
    dtype = jnp.result_type(like)
    return value.astype(dtype) if jnp.issubdtype(dtype, jnp.floating) else value


def per_column(parameter: PyTree, x: Array, name: str) -> Array:
    """Value of a parameter with one entry for all columns of `x`, or one per column."""
    value, d = read(parameter, x), x.shape[-1]
    if value.shape not in ((), (d,)):
        raise ValueError(
            f"{name} must be a scalar or have one entry per column, shape ({d},), "
            f"got shape {value.shape}"
        )
    return value


def is_number(value: Any) -> bool:
    """Whether `value` is one real number: Python, numpy or JAX scalar, traced or not."""
    if isinstance(value, (bool, np.bool_)):
        return False
    return isinstance(value, RealNumber) or (eqx.is_array(value) and value.shape == ())


def flat(kernels: Iterable[AbstractKernel], kind: type, field: str) -> tuple[AbstractKernel, ...]:
    """The kernels with nested ones of the same kind opened up."""
    members: list[AbstractKernel] = []
    for kernel in kernels:
        if not isinstance(kernel, AbstractKernel):
            raise TypeError(f"{kind.__name__} takes kernels, got {type(kernel).__name__}")
        members += getattr(kernel, field) if isinstance(kernel, kind) else [kernel]
    if not members:
        raise ValueError(f"{kind.__name__} needs at least one kernel")
    return tuple(members)


@final
class Sum(AbstractKernel):
    r"""$k(x, z) = \sum_i k_i(x, z)$."""

    terms: tuple[AbstractKernel, ...]

    def __init__(self, terms: Iterable[AbstractKernel]):
        self.terms = flat(terms, Sum, "terms")

    def pair(self, x, z):
        return reduce(add, (k.pair(x, z) for k in self.terms))

    def gram(self, X, Z):
        return reduce(add, (k.gram(X, Z) for k in self.terms))

    def diagonal(self, X):
        return reduce(add, (k.diagonal(X) for k in self.terms))


@final
class Product(AbstractKernel):
    r"""$k(x, z) = \prod_i k_i(x, z)$."""

    factors: tuple[AbstractKernel, ...]

    def __init__(self, factors: Iterable[AbstractKernel]):
        self.factors = flat(factors, Product, "factors")

    def pair(self, x, z):
        return reduce(mul, (k.pair(x, z) for k in self.factors))

    def gram(self, X, Z):
        return reduce(mul, (k.gram(X, Z) for k in self.factors))

    def diagonal(self, X):
        return reduce(mul, (k.diagonal(X) for k in self.factors))


@final
class Scale(AbstractKernel):
    r"""$k(x, z) = \sigma^2\, k_0(x, z)$ with `variance` $\sigma^2$, trainable."""

    kernel: AbstractKernel
    variance: PyTree

    def __init__(self, kernel: AbstractKernel, variance: Any = 1.0):
        self.kernel = kernel
        self.variance = positive(variance)

    def pair(self, x, z):
        return read(self.variance, x) * self.kernel.pair(x, z)

    def gram(self, X, Z):
        return read(self.variance, X) * self.kernel.gram(X, Z)

    def diagonal(self, X):
        return read(self.variance, X) * self.kernel.diagonal(X)


@final
class Constant(AbstractKernel):
    r"""$k(x, z) = \sigma^2$ with `variance` $\sigma^2$: the prior of an unknown offset."""

    word: ClassVar[str] = "constant"

    variance: PyTree

    def __init__(self, variance: Any = 1.0):
        self.variance = positive(variance)

    def pair(self, x, z):
        return read(self.variance, x)

    def gram(self, X, Z):
        return jnp.broadcast_to(read(self.variance, X), (X.shape[0], Z.shape[0]))

    def diagonal(self, X):
        return jnp.broadcast_to(read(self.variance, X), X.shape[:1])


def scaled(kernel: AbstractKernel, factor: Any) -> Scale:
    """The kernel times a number, as one trainable variance even when scaled before."""
    if isinstance(kernel, Scale) and isinstance(kernel.variance, AbstractParameter):
        return Scale(kernel.kernel, kernel.variance.at(val(kernel.variance) * factor))
    return Scale(kernel, factor)


@expression.register
def _(kernel: Sum, style: Style) -> str:
    return " + ".join(expression(k, style) for k in kernel.terms)


@expression.register
def _(kernel: Product, style: Style) -> str:
    return " * ".join(grouped(k, style) for k in kernel.factors)


@expression.register
def _(kernel: Scale, style: Style) -> str:
    number = written(kernel.variance, style)
    inner = grouped(kernel.kernel, style)
    return f"{number} * {inner}" if number else inner


@expression.register
def _(kernel: Constant, style: Style) -> str:
    # A constant sees no column, whatever is in view.
    number = written(kernel.variance, style)
    return f"constant(variance={number})" if number else "constant"


def grouped(kernel: AbstractKernel, style: Style) -> str:
    """The expression of a factor, in parentheses where it is a sum."""
    text = expression(kernel, style)
    return f"({text})" if isinstance(kernel, Sum) else text
