"""Rows padded to common sizes, so that fits of like size share their compiled programs."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, Bool, Float, Inputs, Targets

_SMALLEST = 16


class Rows(NamedTuple):
    """The data of a fit; rows whose mask is False are exactly neutral."""

    X: Inputs
    y: Targets
    noise_variance: Float[Array, " n"] | None
    mask: Bool[Array, " n"]


def bucket(n: int) -> int:
    """The smallest common size that holds n rows: at most an eighth (or 15 rows) larger."""
    grain = max(_SMALLEST, 2 ** (max(n, 1).bit_length() - 4))
    return -(-n // grain) * grain


def pad_rows(X: Any, y: Any, noise_variance: Any = None) -> Rows:
    """Rows padded to the bucket of their number.

    The padding repeats the first row of X, so that it lies where every kernel is defined.
    """
    n = X.shape[0]
    extra = bucket(n) - n
    # On the host: padding in JAX would compile a program for every n.
    X_host, y_host = np.asarray(X), np.asarray(y)
    X_pad = np.concatenate([X_host, np.repeat(X_host[:1], extra, axis=0)])
    y_pad = np.concatenate([y_host, np.zeros((extra, *y_host.shape[1:]), y_host.dtype)])
    known = None
    if noise_variance is not None:
        known = jnp.asarray(
            np.concatenate([np.asarray(noise_variance, X_host.dtype), np.ones(extra, X_host.dtype)])
        )
    mask = np.arange(n + extra) < n
    return Rows(jnp.asarray(X_pad), jnp.asarray(y_pad), known, jnp.asarray(mask))
