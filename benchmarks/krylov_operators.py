"""Operators of the suite ``krylov``: name, n, matvec(v, params), params, a direction.

Moving the parameters along the direction keeps the operator symmetric.
"""

import gzip

import jax
import jax.numpy as jnp
import numpy as np
import scipy.io
from jax.experimental import sparse


def operators(settings, folder):
    """All operators of `settings`; the sparse ones need the folder of their files."""
    yield _dense(settings["dense_n"])
    yield _kernel(settings["kernel_n"])
    for name in settings["matrices"] if folder is not None else []:
        yield _sparse(name, folder / f"{name}.mtx.gz")


def _dense(n):
    """Symmetric, eigenvalues spread over four decades; all entries are parameters."""
    rng = np.random.default_rng(2)
    vectors = np.linalg.qr(rng.standard_normal((n, n)))[0]
    matrix = (vectors * np.logspace(-4, 0, n)) @ vectors.T
    matrix, direction = (0.5 * (x + x.T) for x in (matrix, matrix * rng.standard_normal((n, n))))
    return f"dense {n}", n, lambda v, p: p @ v, jnp.asarray(matrix), jnp.asarray(direction)


def _kernel(n):
    """Matern-3/2 plus noise, block of rows by block of rows; three parameters."""
    x = jnp.asarray(np.random.default_rng(3).uniform(size=(n, 3)))
    blocks = x.reshape(-1, n // 10, 3)

    def matvec(v, p):
        @jax.checkpoint
        def rows(block):
            square = jnp.sum((block[:, None] - x[None]) ** 2, axis=-1)
            scaled = jnp.sqrt(3 * square + 1e-30) * jnp.exp(-p["lengthscale"])
            return (1 + scaled) * jnp.exp(-scaled) @ v

        smooth = jnp.exp(p["variance"]) * jax.lax.map(rows, blocks).ravel()
        return smooth + jnp.exp(p["noise"]) * v

    start = {"lengthscale": -1.0, "variance": 0.0, "noise": -4.6}
    direction = {"lengthscale": 0.7, "variance": 1.0, "noise": -0.5}
    return f"kernel {n}", n, matvec, *(jax.tree.map(jnp.asarray, x) for x in (start, direction))


def _sparse(name, path):
    """A SuiteSparse matrix, scaled to norm about one; its nonzeros are the parameters."""
    with gzip.open(path) as file:
        matrix = scipy.io.mmread(file).tocoo()
    indices = jnp.asarray(np.stack([matrix.row, matrix.col], axis=1))
    values = jnp.asarray(matrix.data / np.abs(matrix).sum(axis=1).max())

    def matvec(v, values):
        return sparse.BCOO((values, indices), shape=matrix.shape) @ v

    factors = jnp.asarray(np.random.default_rng(4).standard_normal(matrix.shape[0]))
    direction = values * factors[matrix.row] * factors[matrix.col]
    return name, matrix.shape[0], matvec, values, direction
