r"""Posterior variances of many rows: one factor in single precision, then products only."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, Scalar
from gpkit.linalg.tiled import TiledCholesky, tiled_cholesky
from gpkit.operators.assembled import covariance_tile_bytes, covariance_tiles
from gpkit.operators.covariance import Covariance
from gpkit.operators.memory import parse_memory, size

# Rows at which the error is measured.
_TRIALS = 16
# Times the tiles: they and their factor, while it is made.
_COPIES = 2.2


@final
class VarianceRoot(eqx.Module):
    r"""$k_*^\top H^{-1} k_*$ from a Cholesky factor of H in float32.

    `error` is the largest difference from refined solves that was met at some points between
    training rows, relative to the variance of an observation there.
    """

    factor: TiledCholesky
    error: Scalar
    status: Int[Array, ""]

    def quadratic(self, b: Float[Array, "n m"]) -> Float[Array, " m"]:
        """$b_j^\\top H^{-1} b_j$: about n^2 flops a column."""
        return self.factor.quadratic(b)


def variance_root(
    H: Covariance, exact: Array, points: Array, *, memory: str | int | None = None
) -> VarianceRoot:
    r"""The root of H, with its error at `points` where the quadratic forms are `exact`.

    Raises ValueError where tiles and factor need more than `memory`.
    """
    n = H.X.shape[0]
    needed = int(_COPIES * covariance_tile_bytes(n, jnp.float32))
    if memory is not None and needed > parse_memory(memory):
        raise ValueError(
            f"a factor of {n} rows in float32 needs {size(needed)}, more than the memory of "
            f"{size(parse_memory(memory))}: raise memory, or take variances by solves"
        )
    factor = _factor(_tiles(H), n)
    error = _error(H, factor, exact, points)
    return VarianceRoot(factor, error, factor.status)


@eqx.filter_jit
def _tiles(H: Covariance) -> Array:
    return covariance_tiles(H, dtype=jnp.float32)


_factor = jax.jit(tiled_cholesky, static_argnums=1, donate_argnums=0)


@eqx.filter_jit
def _error(H: Covariance, factor: TiledCholesky, exact: Array, points: Array) -> Array:
    cross = cross_columns(H, points)
    noise = jnp.min(H.noise if H.mask is None else jnp.where(H.mask, H.noise, jnp.inf))
    variance = H.kernel.diagonal(points) - exact + noise
    return jnp.max(jnp.abs(factor.quadratic(cross) - exact) / variance)


def cross_columns(H: Covariance, points: Array) -> Float[Array, "n m"]:
    """k(X, points), zero at rows outside of the mask."""
    cross = H.kernel.gram(H.X, points)
    return cross if H.mask is None else jnp.where(H.mask[:, None], cross, 0.0)


def trial_points(H: Covariance, key: Array) -> Float[Array, "m d"]:
    """Points between pairs of training rows."""
    n = H.X.shape[0]
    a, b = jax.random.randint(key, (2, _TRIALS), 0, n)
    return 0.5 * (H.X[a] + H.X[b])
