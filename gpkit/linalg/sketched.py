"""Randomised Nystroem approximation from products with the matrix."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, MatVec, PRNGKeyArray, PyTree
from gpkit.linalg.implicit import freeze


class Nystroem(NamedTuple):
    """`basis @ diag(eigenvalues) @ basis.T`, an approximation of K from below."""

    basis: Float[Array, "n rank"]
    eigenvalues: Float[Array, " rank"]

    @property
    def factor(self) -> Float[Array, "n rank"]:
        """L with L L^T the approximation."""
        return self.basis * jnp.sqrt(self.eigenvalues)


def nystroem(
    matvec: MatVec,
    template: Float[Array, " n"] | jax.ShapeDtypeStruct,
    *params: PyTree,
    rank: int,
    key: PRNGKeyArray,
) -> Nystroem:
    r"""Nystroem approximation K O (O^T K O)^+ O^T K with a random n x rank block O.

    A shift \nu of the size of rounding errors keeps O^T K O definite and is taken off the
    eigenvalues again, which makes the result positive semidefinite and stable for matrices
    of low numerical rank. Data: no derivative runs through it.

    Args:
        matvec: `matvec(block, *params)`, K times a block n x rank; K symmetric positive
            semidefinite (without the noise, which is added by `low_rank_plus_diagonal`).
        template: an array (or its shape and dtype) of length n.
        rank: columns of O, 1 to n.
        key: draws O, orthonormalised Gaussian.

    Cost: one product with a block of `rank` columns and about 10 n rank^2 flops.

    Raises:
        ValueError: rank outside of 1..n.

    Source: Tropp, Yurtsever, Udell and Cevher 2017, algorithm 3; as preconditioner: Frangella,
    Tropp and Udell 2023.
    """
    n = template.shape[0]
    if not 1 <= rank <= n:
        raise ValueError(f"rank must lie in 1..n = {n}, got {rank}")
    test, _ = jnp.linalg.qr(jax.random.normal(key, (n, rank), template.dtype))
    params = jax.lax.stop_gradient(params)
    sketch = freeze(lambda block: matvec(block, *params), test)(test)
    eps = jnp.finfo(template.dtype).eps
    shift = eps * jnp.linalg.norm(sketch)
    sketch = sketch + shift * test
    core = test.T @ sketch
    values, vectors = jnp.linalg.eigh(0.5 * (core + core.T))
    # Directions below the shift are rounding errors: leaving them out keeps K - result >= 0.
    keep = values > 0.5 * shift
    scale = jnp.where(keep, 1 / jnp.sqrt(jnp.where(keep, values, 1)), 0)
    basis, roots, _ = jnp.linalg.svd(sketch @ (vectors * scale), full_matrices=False)
    return Nystroem(basis, jnp.maximum(roots**2 - shift, 0))
