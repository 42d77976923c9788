"""Random directions, orthogonal in blocks: less variance than independent ones.

Source: Yu, Suresh, Choromanski, Holtmann-Rice and Kumar 2016 (orthogonal random features).
"""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gpkit._types import Array, Float, PRNGKeyArray


def sphere_rows(
    key: PRNGKeyArray, count: int, columns: int, dtype: DTypeLike
) -> Float[Array, "count columns"]:
    r"""Rows r uniform on the sphere of radius $\sqrt{d}$, orthogonal within blocks of d rows.

    $\mathrm{E}\, r r^\top = I$, and the mean over a whole block is I without error.
    """
    blocks = -(-count // columns)
    q, r = jnp.linalg.qr(jax.random.normal(key, (blocks, columns, columns), dtype))
    # The signs of the diagonal make q uniform over all rotations and reflections.
    q = q * jnp.where(jnp.diagonal(r, axis1=1, axis2=2) < 0, -1, 1)[:, None, :]
    return (q.reshape(-1, columns)[:count] * columns**0.5).astype(dtype)


def normal_rows(
    key: PRNGKeyArray, count: int, columns: int, dtype: DTypeLike
) -> Float[Array, "count columns"]:
    """Standard normal rows, orthogonal within blocks of as many rows as there are columns."""
    directions, lengths = jax.random.split(key)
    length = jnp.linalg.norm(jax.random.normal(lengths, (count, columns), dtype), axis=1)
    rows = sphere_rows(directions, count, columns, dtype)
    return rows * (length / columns**0.5)[:, None]
