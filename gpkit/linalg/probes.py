r"""Random probe vectors z with E z z^T = I, as rows; explicit keys.

All have the signature `probes(key, num_probes, n, dtype)`. Variance of z^T A z for symmetric A:
2 (|A|_F^2 - |diag A|^2) for Rademacher, 2 |A|_F^2 for Gaussian probes. Orthogonal probes are
uniform on the sphere of radius sqrt(n) and orthogonal within blocks of at most n: their
average over a full block is the exact trace, and the standard error computed as if
they were independent is too large, never too small.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gpkit._types import Array, Float, PRNGKeyArray

Probes = Callable[[PRNGKeyArray, int, int, DTypeLike], Float[Array, "num_probes n"]]


def rademacher(
    key: PRNGKeyArray, num_probes: int, n: int, dtype: DTypeLike
) -> Float[Array, "num_probes n"]:
    """Independent signs: the smallest variance among independent entries."""
    return jax.random.rademacher(key, (num_probes, n), dtype)


def gaussian(
    key: PRNGKeyArray, num_probes: int, n: int, dtype: DTypeLike
) -> Float[Array, "num_probes n"]:
    """Independent standard normal entries: their law is the same in every basis."""
    return jax.random.normal(key, (num_probes, n), dtype)


def sphere(
    key: PRNGKeyArray, num_probes: int, n: int, dtype: DTypeLike
) -> Float[Array, "num_probes n"]:
    """Uniform on the sphere of radius sqrt(n): Gaussian without the variance of the length."""
    z = jax.random.normal(key, (num_probes, n), dtype)
    return z * (n**0.5 / jnp.linalg.norm(z, axis=1, keepdims=True)).astype(dtype)


def orthogonal(
    key: PRNGKeyArray, num_probes: int, n: int, dtype: DTypeLike
) -> Float[Array, "num_probes n"]:
    """Uniform on the sphere, orthogonal within each block of n probes.

    Source: Yu, Suresh, Choromanski, Holtmann-Rice and Kumar 2016 (orthogonal random features).
    """
    blocks = []
    for start in range(0, num_probes, n):
        key, draw = jax.random.split(key)
        size = min(n, num_probes - start)
        q, r = jnp.linalg.qr(jax.random.normal(draw, (n, size), dtype))
        # The signs of diag(r) make q uniform over all orthonormal frames.
        blocks.append((q * jnp.where(jnp.diag(r) < 0, -1, 1)).T * n**0.5)
    return jnp.concatenate(blocks).astype(dtype)
