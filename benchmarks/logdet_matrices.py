"""Kernel matrices of the suite ``logdet``, whitened and diagonalised when asked for."""

from functools import cached_property, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from gpkit.linalg import LowRankPlusDiagonal, low_rank_plus_diagonal, pivoted_cholesky


def matrices(settings):
    """One `Matrix` for each lengthscale and noise."""
    for lengthscale in settings["lengthscales"]:
        kernel = _kernel(settings["n"], lengthscale, settings["seed"])
        for noise in settings["noises"]:
            yield Matrix(kernel, lengthscale, noise)


class Whitened(NamedTuple):
    """W A W^T by its eigenvalues and eigenvectors; `offset` is log det P."""

    values: jax.Array
    vectors: jax.Array
    offset: float
    lower_bound: float


class Matrix:
    """K + noise I."""

    def __init__(self, kernel, lengthscale, noise):
        self.kernel, self.lengthscale, self.noise = jnp.asarray(kernel), lengthscale, noise
        self._whitened = {}

    @cached_property
    def covariance(self):
        return self.kernel + self.noise * jnp.eye(len(self.kernel))

    @cached_property
    def truth(self):
        """log det by Cholesky."""
        factor = scipy.linalg.cholesky(np.asarray(self.covariance), lower=True)
        return 2 * float(np.sum(np.log(np.diag(factor))))

    def preconditioner(self, rank):
        """Low rank plus noise; None for rank 0."""
        return _preconditioner(self.kernel, self.noise, rank) if rank else None

    def whitened(self, rank):
        """The operator under the quadrature, diagonalised once."""
        if rank not in self._whitened:
            self._whitened = {rank: self._diagonalise(rank)}
        return self._whitened[rank]

    def _diagonalise(self, rank):
        p = self.preconditioner(rank)
        a = self.covariance if p is None else _whiten(p, self.covariance)
        bound = self.noise if p is None else 1.0
        values, vectors = jnp.linalg.eigh(a)
        offset = 0.0 if p is None else float(p.logdet())
        return Whitened(jnp.maximum(values, bound), vectors, offset, bound)


def _kernel(n, lengthscale, seed):
    x = np.random.default_rng(seed).uniform(size=(n, 2))
    r = np.sqrt(3 * np.sum((x[:, None] - x[None]) ** 2, axis=-1)) / lengthscale
    return (1 + r) * np.exp(-r)


@jax.jit
def _whiten(p: LowRankPlusDiagonal, a):
    a = p.whiten(p.whiten(a).T)
    return 0.5 * (a + a.T)


@partial(jax.jit, static_argnames="rank")
def _preconditioner(k, noise, rank):
    factor = pivoted_cholesky(lambda i: k[:, i], jnp.diag(k), rank=rank).factor
    return low_rank_plus_diagonal(factor, noise)
