r"""Modules as JSON and named arrays, and back, without pickle.

`describe` turns a module into nested JSON and hands its arrays to `keep` under their
dotted path names, such as ``model.kernel.terms.0.lengthscale.raw``. In the JSON

    {"$module": "kernels.RBF", "fields": {...}}   is a module of a class known by name,
    {"$array": "X"}                               an array, by its name,
    {"$tuple": [...]}                             a tuple,
    {"$float": "nan"}                             a float that JSON lacks,

and everything else stands for itself; Python writes and reads floats in JSON exactly. A
class is looked up in the fixed table `CLASSES` and nowhere else, so that a description can
name no code.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from types import ModuleType
from typing import Any, TypeGuard

import equinox as eqx
import jax
import numpy as np
import paramax

from gpkit import kernels, linalg, means, noise, operators, params, solvers
from gpkit.model import GP
from gpkit.posterior import Posterior

# What to do with an array: name it and keep it aside, or turn it into JSON.
Keep = Callable[[str, np.ndarray], Any]


class DescriptionError(ValueError):
    """A description that can't be rebuilt here."""


def _public(prefix: str, namespace: ModuleType, base: type) -> dict[str, type]:
    return {
        f"{prefix}.{name}": cls
        for name, cls in vars(namespace).items()
        if isinstance(cls, type) and issubclass(cls, base) and not inspect.isabstract(cls)
    }


CLASSES: dict[str, type] = {
    "GP": GP,
    "Posterior": Posterior,
    **_public("kernels", kernels, kernels.AbstractKernel),
    **_public("means", means, means.AbstractMean),
    **_public("noise", noise, noise.AbstractNoise),
    **_public("params", params, paramax.AbstractUnwrappable),
    **_public("priors", params, params.AbstractPrior),
    **_public("solvers", solvers, solvers.AbstractFactor),
    **_public("solvers", solvers, solvers.AbstractSolver),
    **_public("linalg", linalg, eqx.Module),
    **_public("operators", operators, eqx.Module),
}
# A Python function can't be described.
del CLASSES["kernels.Function"]

# Fields that files of earlier versions lack, and what they stood for.
_LATER: dict[str, dict[str, Any]] = {"Posterior": {"noise_variance": None}}

_NAMES = {cls: name for name, cls in CLASSES.items()}


def _refused(value: Any, name: str) -> TypeError:
    """The error for a value that no file can hold."""
    what = f"{name or 'the posterior'} is a {type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, kernels.Function):
        remedy = "a Python function can't be stored; build the kernel from those in gpkit.kernels"
    elif isinstance(value, kernels.AbstractKernel):
        remedy = "a kernel class of your own can't be stored; use those in gpkit.kernels"
    elif name.endswith(".prior"):
        remedy = (
            "priors from elsewhere can't be stored; use Normal, LogNormal, HalfNormal or Gamma "
            "of gpkit.params, or drop it before saving: parameter.with_prior(None)"
        )
    else:
        remedy = "only gpkit's own classes, numbers, text, arrays, lists and dicts can be stored"
    return TypeError(f"{what}: {remedy}")


def describe(value: Any, name: str, keep: Keep) -> Any:
    """JSON of a value; `name` is its dotted path, `keep` says what becomes of its arrays.

    Raises TypeError for a value that no file can hold; it names the place and the remedy.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        return keep(name, np.asarray(value))
    if type(value) in (list, tuple):
        items = [describe(item, _join(name, i), keep) for i, item in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items
    if type(value) is dict:
        return {_key(k, name): describe(v, _join(name, k), keep) for k, v in value.items()}
    if type(value) in _NAMES:
        return {"$module": _NAMES[type(value)], "fields": _fields(value, name, keep)}
    raise _refused(value, name)


def _fields(module: Any, name: str, keep: Keep) -> dict[str, Any]:
    return {
        field.name: describe(
            getattr(module, field.name),
            _join(name, field.name),
            # A static field must stay hashable, which an array is not.
            as_list if field.metadata.get("static") else keep,
        )
        for field in fields(module)
    }


def _join(name: str, part: Any) -> str:
    return f"{name}.{part}" if name else str(part)


def _key(key: Any, name: str) -> str:
    if not isinstance(key, str) or key.startswith("$"):
        raise TypeError(f"{name} has the key {key!r}: keys must be text that starts with no '$'")
    return key


def as_list(name: str, array: np.ndarray) -> Any:
    """The `keep` that writes an array as nested lists."""
    return describe(array.tolist(), name, as_list)


def rebuild(node: Any, tensors: Mapping[str, np.ndarray]) -> Any:
    """The value that `describe` wrote down, with these arrays.

    Raises DescriptionError for a class or an array that is not known, or fields that do not
    fit.
    """
    if isinstance(node, list):
        return [rebuild(item, tensors) for item in node]
    if not isinstance(node, dict):
        return node
    if "$array" in node:
        return _tensor(node["$array"], tensors)
    if "$tuple" in node:
        return tuple(rebuild(item, tensors) for item in node["$tuple"])
    if "$float" in node:
        return float(node["$float"])
    if "$module" in node:
        return _module(node["$module"], rebuild(node["fields"], tensors))
    return {key: rebuild(value, tensors) for key, value in node.items()}


def _tensor(name: str, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    if name not in tensors:
        raise DescriptionError(f"the array {name!r} is missing")
    return tensors[name]


def _module(name: str, content: dict[str, Any]) -> Any:
    cls = CLASSES.get(name)
    if cls is None:
        raise DescriptionError(f"the class {name!r} is unknown here; install a newer gpkit")
    expected = {field.name: field.type for field in fields(cls)}
    content = {**_LATER.get(name, {}), **content}
    if expected.keys() != set(content):
        raise DescriptionError(
            f"{name} has the fields {sorted(expected)}, but the file has {sorted(content)}"
        )
    for key, kind in expected.items():
        if _is_module(kind) and not isinstance(content[key], kind):
            raise DescriptionError(f"{key} of {name} is no {kind.__name__}")
    # Not by the constructor: it takes constrained values, and exp and log are not exact.
    module = object.__new__(cls)
    for key, value in content.items():
        object.__setattr__(module, key, value)
    return module


def _is_module(kind: Any) -> TypeGuard[type]:
    return isinstance(kind, type) and issubclass(kind, eqx.Module)
