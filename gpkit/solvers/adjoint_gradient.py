r"""The derivative of a preconditioned quadrature itself, Krylov space included."""

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, PyTree
from gpkit.linalg.logdet import slq_trace
from gpkit.operators.covariance import Covariance
from gpkit.solvers.preconditioning import Preconditioner


def adjoint_gradient(
    H: Covariance,
    P: Preconditioner,
    Z: Float[Array, "n m"],
    *,
    depth: int,
    memory: int,
) -> PyTree:
    r"""Gradient of the mean over the columns z of Z of the K-point rule for $z^\top \log(B) z$,

    $B = W H W^\top$ with $W P W^\top = I$, by the adjoint of the Lanczos iteration: exact for every
    depth K, also where the quadrature itself is not. P is data.

    **Cost:** K products with m columns and as many again for the adjoint, with tiles evaluated anew
    in the precision of X, and passes for the parameters.

    **Source:** Kraemer, Moreno-Munoz, Roy and Hauberg 2024.
    """
    arrays, static = eqx.partition(H, eqx.is_inexact_array)

    def quadrature(arrays: PyTree) -> Array:
        def whitened(v: Array, arrays: PyTree) -> Array:
            H = eqx.combine(arrays, static)
            product = H.matmul(P.matrix.whiten_transpose(v), operator=H.operator(memory=memory))
            return P.matrix.whiten(product)

        found = slq_trace(
            whitened, Z[:, 0], arrays, function=jnp.log, key=jax.random.key(0),
            num_probes=Z.shape[1], depth=depth, probes=lambda *_: Z.T,
        )  # fmt: skip
        return jnp.mean(found.samples)

    return jax.grad(quadrature)(arrays)
