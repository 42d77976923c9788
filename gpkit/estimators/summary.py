"""Every parameter of a fitted model, in standardised and in original units."""

from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd

from gpkit.data.transforms import Identity
from gpkit.estimators.task import Task
from gpkit.kernels import AbstractKernel, Product
from gpkit.model import GP, seen_columns
from gpkit.params import child, named_parameters, val

_VARIANCES = ("variance", "weight_variance", "bias_variance")


class _Unit(NamedTuple):
    """From a stored number to one in original units: ``factor * value + offset``."""

    factor: Any
    offset: Any
    text: str


def parameter_summary(model: GP, task: Task) -> pd.DataFrame:
    """One row per number: its value as stored and in original units, the unit, if trained.

    Lengthscales, periods and locations are in units of their column, variances in squared
    units of the target (of its transform, where there is one). What is relative, such as a
    variance within a product, is equal in both columns, its unit empty.
    """
    records = []
    with jax.enable_x64(True):
        for path, node in named_parameters(model).items():
            values = np.asarray(val(node), np.float64)
            unit = _unit(model, path, values, task)
            original = np.broadcast_to(unit.factor * values + unit.offset, values.shape)
            frozen = type(node).__name__ == "Fixed"
            for index in np.ndindex(values.shape):
                place = f"[{', '.join(map(str, index))}]" if index else ""
                name = path.removesuffix(".inner") + place
                records.append((name, values[index], original[index], unit.text, not frozen))
    columns = ["parameter", "standardised", "original", "unit", "trained"]
    return pd.DataFrame(records, columns=columns).set_index("parameter")


def _unit(model: GP, path: str, values: np.ndarray, task: Task) -> _Unit:
    part, _, rest = path.partition(".")
    scale, center = task.scaler.scale, task.scaler.center
    target = "y" if isinstance(task.transform, Identity) else "transformed y"
    # Several targets share one covariance: its variances are relative to each of them.
    square = _Unit(1.0, 0.0, "")
    if scale.ndim == 0:
        with np.errstate(over="ignore", under="ignore"):
            factor = scale * scale
        # A square that float64 can't hold is told as missing, not as 0 or infinity.
        lost = factor == 0 or not np.isfinite(factor)
        square = _Unit(np.nan if lost else factor, 0.0, f"{target}^2")
    if part == "noise":
        return square
    if part == "mean":
        slope = rest.startswith("weights")
        if not slope:
            return _Unit(scale, center, target)
        per = _encoded_scales(task)[0].reshape(-1, *(1,) * (values.ndim - 1))
        return _Unit(scale / per, 0.0, f"{target} per unit of the column")
    return _kernel_unit(model, path, values, task, square)


def _kernel_unit(model: GP, path: str, values: np.ndarray, task: Task, square: _Unit) -> _Unit:
    field = path.removesuffix(".inner").rpartition(".")[2]
    owner, within_product = _owner(model, path)
    relative = _Unit(1.0, 0.0, "")
    if field in _VARIANCES:
        return square if owner.word != "linear" and not within_product else relative
    kind = "length" if field == "lengthscale" else owner.units.get(field, "")
    if field == "lengthscale" and owner.word == "periodic":
        return relative
    if not kind:
        return relative
    scales, offsets = (a[seen_columns(model, path, task.X.shape[1])] for a in _encoded_scales(task))
    if values.ndim == 0:
        # One number for several columns is in units of the mean of their scales.
        factor = np.exp(np.mean(np.log(scales))) if len(set(scales)) > 1 else scales[0]
        offset = offsets[0]
        if kind == "location" and len(scales) > 1:
            return relative
    elif values.shape[-1] == len(scales):
        factor, offset = scales, offsets
    else:
        return relative
    if kind == "rate":
        return _Unit(1.0 / factor, 0.0, "1 / column")
    return _Unit(factor, offset if kind == "location" else 0.0, "column")


def _owner(model: GP, path: str) -> tuple[Any, bool]:
    """The kernel that a parameter belongs to, and whether a product holds it."""
    node: Any = model
    owner, within = model.kernel, False
    for part in path.removesuffix(".inner").split(".")[:-1]:
        node = child(node, part)
        if isinstance(node, AbstractKernel):
            owner = node
            within = within or isinstance(node, Product)
    return owner, within


def _encoded_scales(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset of every encoded column."""
    columns = task.columns
    width = [len(index) for index in columns.index]
    return np.repeat(columns.scale, width), np.repeat(columns.offset, width)
