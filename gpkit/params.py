r"""Parameters that know their support.

A parameter is stored unconstrained, so that an optimiser may move it freely, and read
through `val`:

    Positive(v)          stores log v
    Bounded(v, lo, hi)   stores logit((v - lo) / (hi - lo))
    Real(v)              stores v
    Fixed(p)             any of these, or a number: never trained
    Shared(p, index)     the vector val(p)[index]: several columns share one entry

A prior is attached to the parameter that it speaks of, and `log_prior` adds them up as
densities of the constrained values (no Jacobian), so that the maximum a posteriori point
does not depend on how a parameter is stored.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import PyTree, Scalar
from gpkit.constraints import AbstractParameter as AbstractParameter
from gpkit.constraints import Bounded as Bounded
from gpkit.constraints import Fixed as Fixed
from gpkit.constraints import Positive as Positive
from gpkit.constraints import Real as Real
from gpkit.constraints import Shared as Shared
from gpkit.constraints import as_float as as_float
from gpkit.constraints import bounded as bounded
from gpkit.constraints import positive as positive
from gpkit.constraints import real as real
from gpkit.constraints import val as val
from gpkit.priors import AbstractPrior as AbstractPrior
from gpkit.priors import Gamma as Gamma
from gpkit.priors import HalfNormal as HalfNormal
from gpkit.priors import LogNormal as LogNormal
from gpkit.priors import Normal as Normal


def _is_parameter(node: Any) -> bool:
    return isinstance(node, AbstractParameter)


def _is_fixed(node: Any) -> bool:
    return isinstance(node, Fixed)


def trainable(model: PyTree) -> PyTree:
    """A tree of booleans: True at the leaves that an optimiser may move.

    These are the float arrays that are not inside `Fixed`.
    """

    def mark(node: Any) -> Any:
        if _is_fixed(node):
            return jax.tree.map(lambda _: False, node)
        return eqx.is_inexact_array(node)

    return jax.tree.map(mark, model, is_leaf=_is_fixed)


def partition(model: PyTree) -> tuple[PyTree, PyTree]:
    """Split a model into (trainable leaves, the rest); `equinox.combine` joins them."""
    return eqx.partition(model, trainable(model))


def num_parameters(model: PyTree) -> int:
    """Number of trainable scalars."""
    return sum(leaf.size for leaf in jax.tree.leaves(partition(model)[0]))


def log_prior(model: PyTree) -> Scalar:
    """Sum of the log prior densities of all trainable parameters, in nats.

    Densities are of constrained values; parameters without a prior and those inside
    `Fixed` add nothing.
    """
    total = jnp.asarray(0.0)
    leaves = jax.tree.leaves(model, is_leaf=lambda n: _is_parameter(n) or _is_fixed(n))
    for node in leaves:
        if _is_parameter(node) and node.prior is not None:
            total = total + jnp.sum(node.prior.log_prob(val(node)))
    return total


def named_parameters(model: PyTree) -> dict[str, Any]:
    """Parameters by dotted path, such as ``kernel.left.lengthscale``."""
    flat = jax.tree_util.tree_flatten_with_path(
        model, is_leaf=lambda n: _is_parameter(n) or _is_fixed(n)
    )[0]
    found = {}
    for path, node in flat:
        inner = node
        while _is_fixed(inner) or isinstance(inner, Shared):
            inner = inner.inner
        if _is_parameter(node) or _is_fixed(node):
            found[path_name(path)] = node
    return found


def path_name(path: Sequence[Any]) -> str:
    """Dotted name of a path as `jax.tree_util` gives it."""
    return jax.tree_util.keystr(tuple(path), simple=True, separator=".")


def replace(model: PyTree, path: str, value: Any) -> PyTree:
    """The model with the parameter at a dotted path set to another value.

    A number keeps the parameter's support, prior and `Fixed` or `Shared` layers, and is
    checked against the support; a parameter or a module takes the place of what is there.

    Raises ValueError where no such path exists, or the value does not fit.
    """
    parts = path.split(".")
    _walk(model, parts, path)
    old = _walk(model, parts, path)
    new = value if isinstance(value, eqx.Module) else _set_value(old, value, path)
    return eqx.tree_at(lambda m: _walk(m, parts, path), model, new, is_leaf=lambda n: n is None)


def _walk(node: Any, parts: Sequence[str], path: str) -> Any:
    for part in parts:
        if not has_child(node, part):
            # Not `__dataclass_fields__`, which holds the class variables too.
            module = dataclasses.is_dataclass(node)
            names = [f.name for f in dataclasses.fields(node)] if module else []
            names = list(map(str, node)) if isinstance(node, dict) else names
            raise ValueError(
                f"no parameter {path!r}: {type(node).__name__} has no field {part!r}; "
                f"its fields are {', '.join(names) or 'none'}"
            )
        node = child(node, part)
    return node


def has_child(node: Any, part: str) -> bool:
    """Whether one part of a dotted path leads on from here."""
    if isinstance(node, (tuple, list)):
        return part.isdigit() and int(part) < len(node)
    return part in node if isinstance(node, dict) else hasattr(node, part)


def child(node: Any, part: str) -> Any:
    """The member of a sequence, dict or module that one part of a dotted path names."""
    if isinstance(node, (tuple, list)):
        return node[int(part)]
    return node[part] if isinstance(node, dict) else getattr(node, part)


def _set_value(old: Any, value: Any, path: str) -> Any:
    if isinstance(old, Fixed):
        return Fixed(_set_value(old.inner, value, path))
    if isinstance(old, Shared):
        return Shared(_set_value(old.inner, value, path), old.index)
    value = as_float(value)
    shape = jnp.shape(val(old))
    if value.shape not in (shape, ()):
        raise ValueError(f"{path} has shape {shape}, got a value of shape {value.shape}")
    value = jnp.broadcast_to(value, shape).astype(jnp.result_type(val(old)))
    return old.at(value) if isinstance(old, AbstractParameter) else value


def map_parameters(change: Callable[[str, Any], Any], model: PyTree) -> PyTree:
    """The model with `change(path, parameter)` in the place of every trainable parameter."""
    stop = lambda n: _is_parameter(n) or _is_fixed(n)  # noqa: E731
    flat, tree = jax.tree_util.tree_flatten_with_path(model, is_leaf=stop)
    new = [change(path_name(p), n) if _is_parameter(n) else n for p, n in flat]
    return jax.tree_util.tree_unflatten(tree, new)
