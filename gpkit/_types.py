"""Array types with shapes, read as ``Float[Array, "n d"]``: n rows, d columns."""

from collections.abc import Callable

from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray, PyTree

Scalar = Float[Array, ""]
Vector = Float[Array, " n"]
Inputs = Float[Array, "n d"]
Targets = Float[Array, " n"] | Float[Array, "n t"]
Matrix = Float[Array, "n m"]
MatVec = Callable[..., PyTree]

__all__ = [
    "Array",
    "Bool",
    "Float",
    "Inputs",
    "Int",
    "Key",
    "MatVec",
    "Matrix",
    "PRNGKeyArray",
    "PyTree",
    "Scalar",
    "Targets",
    "Tracer",
    "Vector",
]
