"""Random functions of categories, without a list of them: the values themselves are hashed."""

from collections.abc import Iterator
from functools import reduce

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Inputs, PRNGKeyArray


def row_hashes(key: PRNGKeyArray, X: Inputs) -> PRNGKeyArray:
    """One key for each row: the same for equal rows, independent for others."""
    return jax.vmap(lambda words: reduce(jax.random.fold_in, words, key))(_words(X))


def column_hashes(key: PRNGKeyArray, X: Inputs) -> Iterator[PRNGKeyArray]:
    """The keys of the rows of every column on its own."""
    keys = jax.random.split(key, X.shape[1])
    return (row_hashes(keys[j], X[:, j : j + 1]) for j in range(X.shape[1]))


def signs(keys: PRNGKeyArray, count: int, dtype: jnp.dtype) -> Float[Array, "n count"]:
    """Random signs, `count` for each key."""
    draw = lambda key: jax.random.bits(key, (-(-count // 32),), jnp.uint32)  # noqa: E731
    words = jax.vmap(draw)(keys)
    bits = (words[:, :, None] >> jnp.arange(32, dtype=jnp.uint32)) & 1
    return 1 - 2 * bits.reshape(words.shape[0], -1)[:, :count].astype(dtype)


def _words(X: Inputs) -> Array:
    """The bits of every row as 32-bit numbers; zeros of both signs are equal."""
    bits = jax.lax.bitcast_convert_type(X + 0.0, jnp.uint32)
    return bits.reshape(X.shape[0], -1)
