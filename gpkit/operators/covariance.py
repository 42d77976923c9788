r"""The covariance of the observations as one object: $K(X, X) + \mathrm{diag}(\sigma^2)$."""

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp

from gpkit._types import Array, Bool, Float, Inputs, Int
from gpkit.kernels.base import AbstractKernel
from gpkit.model import GP
from gpkit.operators.base import AbstractKernelOperator
from gpkit.operators.recomputed import KernelOperator
from gpkit.operators.tiles import gram, gram_lower
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
        return self._with_noise(gram(self.kernel, self.X, self.X))

    def lower(self) -> Float[Array, "n n"]:
        """H as an array of which only the lower triangle counts: half the work for large n."""
        return self._with_noise(gram_lower(self.kernel, self.X))

    def operator(self, *, dtype: Any = None, memory: str | int | None = None) -> KernelOperator:
        """The matrix of the kernel alone, with tiles of that precision and in that memory."""
        return KernelOperator(self.kernel, self.X, dtype=dtype, memory=memory)

    def matmul(
        self, V: Float[Array, "n ..."], *, operator: AbstractKernelOperator | None = None
    ) -> Float[Array, "n ..."]:
        """H V for one vector or many columns; H is never formed.

        `operator` is how the kernel's part is multiplied: one with float32 tiles, or a
        `StoredOperator`; by default ``self.operator()``.
        """
        V = jnp.asarray(V)
        operator = self.operator() if operator is None else operator
        product = self._inside(operator.matmul(self._inside(V)))
        return product + jnp.expand_dims(self.row_noise(), range(1, V.ndim)) * V

    def diagonal(self) -> Float[Array, " n"]:
        """Diagonal of H."""
        return self.kernel_diagonal() + self.row_noise()

    def row_noise(self) -> Float[Array, " n"]:
        """The noise variances, one at neutral rows."""
        return self.noise if self.mask is None else jnp.where(self.mask, self.noise, 1.0)

    def columns(self, indices: Int[Array, " k"]) -> Float[Array, "n k"]:
        """The columns of H at these positions."""
        noise = self.row_noise()
        places = jnp.arange(indices.shape[0])
        return self.kernel_columns(indices).at[indices, places].add(noise[indices])

    def kernel_diagonal(self) -> Float[Array, " n"]:
        """Diagonal of H without the noise: zero at neutral rows."""
        return self._inside(self.kernel.diagonal(self.X))

    def kernel_columns(self, indices: Int[Array, " k"]) -> Float[Array, "n k"]:
        """Columns of H without the noise: zero in and at neutral rows."""
        K = self._inside(self.kernel.gram(self.X, self.X[indices]))
        return K if self.mask is None else jnp.where(self.mask[indices], K, 0.0)

    def _inside(self, V: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        """V with zeros at the neutral rows."""
        if self.mask is None:
            return V
        return jnp.where(jnp.expand_dims(self.mask, range(1, V.ndim)), V, 0.0)

    def _with_noise(self, K: Array) -> Array:
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
