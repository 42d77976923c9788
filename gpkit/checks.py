"""Checks of arrays at the entry of the functional core."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, Tracer


def check_data(
    X: Any, y: Any, *, noise_variance: Any = None, mask: Any = None
) -> tuple[Array, Array]:
    """Float arrays of fitting shapes from X and y.

    Raises ValueError that names the argument where a shape or dtype does not fit, or where
    a concrete array holds NaN or infinity, or a negative variance.
    """
    X, y = check_inputs(X), _float(y, "y")
    if y.ndim not in (1, 2):
        raise ValueError(f"y must have shape (n,) or (n, t), got {y.shape}")
    if y.shape[0] != X.shape[0]:
        raise ValueError(f"X has {X.shape[0]} rows, but y has {y.shape[0]}")
    for name, extra in (("noise_variance", noise_variance), ("mask", mask)):
        if extra is not None and jnp.shape(extra) != (X.shape[0],):
            raise ValueError(
                f"{name} must have shape ({X.shape[0]},), one entry per row of X, "
                f"got {jnp.shape(extra)}"
            )
    if noise_variance is not None:
        check_variances(noise_variance)
    return X, y


def check_variances(values: Any, *, name: str = "noise_variance") -> None:
    """Raise ValueError where a concrete variance is negative, NaN or infinite."""
    if isinstance(values, Tracer):
        return
    host = np.asarray(values)
    if not np.all(np.isfinite(host) & (host >= 0)):
        raise ValueError(f"{name} must hold variances: finite numbers, zero or above")


def check_inputs(X: Any, *, name: str = "X") -> Array:
    """A float array of shape (n, d)."""
    X = _float(X, name)
    if X.ndim != 2:
        hint = f"; use {name}[:, None] for a single column" if X.ndim == 1 else ""
        raise ValueError(f"{name} must have shape (n, d), got {X.shape}{hint}")
    if 0 in X.shape:
        raise ValueError(f"{name} is empty: shape {X.shape}")
    return X


def _float(value: Any, name: str) -> Array:
    if isinstance(value, np.ndarray) and value.dtype == np.float64 and not _x64():
        warnings.warn(
            f"{name} is float64, but JAX computes in float32 here: wrap the call in "
            "`with jax.enable_x64(True):`, or pass float32 to say that this is meant",
            stacklevel=4,
        )
    if isinstance(value, Tracer):
        return value if jnp.issubdtype(value.dtype, jnp.floating) else value.astype(float)
    # On the host, so that a concrete array is checked inside a trace as well.
    host = np.asarray(value)
    if host.dtype.kind not in "fiub" and not jnp.issubdtype(host.dtype, jnp.floating):
        raise ValueError(f"{name} must hold real numbers, got dtype {host.dtype}")
    if not np.all(np.isfinite(host)):
        raise ValueError(f"{name} holds NaN or infinity; drop or fill these rows first")
    floating = jnp.issubdtype(host.dtype, jnp.floating)
    if isinstance(value, jax.Array) and floating:
        return value
    # Not `jnp.asarray`, which compiles a program for every new shape.
    return jax.device_put(host if floating else host.astype(jnp.result_type(float)))


def _x64() -> bool:
    return jnp.result_type(float) == jnp.float64
