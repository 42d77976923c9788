r"""The covariance of the observations as one object: $K(X, X) + \mathrm{diag}(\sigma^2)$."""

from typing import final

import equinox as eqx
import jax.numpy as jnp

from gpkit._types import Array, Bool, Float, Inputs, Int
from gpkit.kernels.base import AbstractKernel
from gpkit.model import GP
from gpkit.operators.tiles import gram
from gpkit.results import Status


@final
class Covariance(eqx.Module):
    r"""$H = K(X, X) + \mathrm{diag}(\mathrm{noise})$ over the rows where `mask` is True.

    A row whose mask is False is exactly neutral: its row of H is that of the identity, so
    it adds nothing to a log-determinant, a solve or a gradient. This is how rows are
    padded to a common size. `mask` None means all rows.
    """

    kernel: AbstractKernel
    X: Inputs
    noise: Float[Array, " n"]
    mask: Bool[Array, " n"] | None
    status: Int[Array, ""]

    def dense(self) -> Float[Array, "n n"]:
        """H as an array."""
        K = gram(self.kernel, self.X, self.X)
        noise = self.noise
        if self.mask is not None:
            K = jnp.where(self.mask[:, None] & self.mask[None, :], K, 0.0)
            noise = jnp.where(self.mask, noise, 1.0)
        return K.at[jnp.diag_indices(K.shape[0])].add(noise)

    def num_rows(self) -> Int[Array, ""] | int:
        """Number of rows that count."""
        return self.X.shape[0] if self.mask is None else jnp.sum(self.mask)


def covariance(
    model: GP,
    X: Inputs,
    *,
    noise_variance: Float[Array, " n"] | None = None,
    mask: Bool[Array, " n"] | None = None,
) -> Covariance:
    """The covariance of observations at X under a model.

    `noise_variance` are known variances of the rows; they are added to the model's noise.
    """
    noise = model.noise.diagonal(X)
    if noise_variance is not None:
        noise = noise + jnp.asarray(noise_variance, X.dtype)
    floor = jnp.where(model.noise.at_floor(X), Status.NOISE_AT_FLOOR, Status.SUCCESS)
    return Covariance(model.kernel, X, noise, mask, floor.astype(jnp.int32))
