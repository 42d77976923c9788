"""The gradient of a Krylov log density with respect to the covariance, from its one run."""

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, PyTree
from gpkit.linalg.preconditioners import LowRankPlusDiagonal
from gpkit.operators.covariance import Covariance
from gpkit.solvers.adjoint_gradient import adjoint_gradient
from gpkit.solvers.krylov_density import Krylov, trace_terms
from gpkit.solvers.preconditioner_gradient import preconditioner_gradient
from gpkit.solvers.preconditioning import Preconditioner


def log_density_gradient(
    H: Covariance,
    found: Krylov,
    P: Preconditioner,
    *,
    estimator: str,
    memory: int,
    follows: bool,
) -> PyTree:
    r"""Gradient of $-\tfrac12 r^\top H^{-1} r - \tfrac t2 \log\det H$ in the arrays of H.

    $\tfrac12 \alpha \alpha^\top - \tfrac t2 \widehat{H^{-1}}$ as rank-one terms, contracted with
    the derivatives of H in one pass; the trace by the `estimator` of `trace_terms`, or "adjoint".
    `follows` says that P is a low-rank matrix made for H at fixed pivots, whose derivative is to be
    part of it.
    """
    weights, t = found.weights, found.weights.shape[1]
    half = jnp.full((t,), 0.5, weights.dtype)
    if estimator == "adjoint":
        depth = found.spectra.values.shape[1]
        trace = adjoint_gradient(H, P, found.probes, depth=depth, memory=memory)
        return _less(_pull_back(H, weights, half, memory), 0.5 * t, trace)
    terms = trace_terms(found, estimator)
    columns = jnp.concatenate([weights, P.matrix.whiten_transpose(terms.vectors)], axis=1)
    coefficients = jnp.append(half, -0.5 * t * terms.coefficients)
    rest = _pull_back(H, columns, coefficients, memory)
    if not follows:
        return rest
    assert isinstance(P.matrix, LowRankPlusDiagonal)
    return _less(rest, 0.5 * t, preconditioner_gradient(H, P.matrix, P.pivots, terms))


def _less(a: PyTree, factor: float, b: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: a - factor * b, a, b)


def _pull_back(H: Covariance, S: Array, c: Array, memory: int) -> PyTree:
    r"""Gradient of $\sum_k c_k s_k^\top H s_k$ with respect to the arrays of H.

    Tiles in the precision of X: the entries of the sum cancel, far more than those of a product,
    and a pass in float64 takes only a third longer than one in float32.
    """
    if H.mask is not None:
        S = jnp.where(H.mask[:, None], S, 0.0)
    found = H.operator(memory=memory).quadratic_gradient(S, c)
    noise = (S * S) @ c
    H = eqx.tree_at(lambda H: (H.kernel, H.X, H.noise), H, (found.kernel, found.X, noise))
    return eqx.filter(H, eqx.is_inexact_array)
