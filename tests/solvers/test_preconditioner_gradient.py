"""The preconditioner as a function of the parameters, and its hand-written derivative."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels as gk
from gpkit.operators import covariance
from gpkit.results import Status
from gpkit.solvers.krylov_density import TraceTerms
from gpkit.solvers.preconditioner_gradient import preconditioner_gradient
from gpkit.solvers.preconditioning import FULL, from_pivots, precondition

N = 90
RNG = np.random.default_rng(4)
X = jnp.asarray(RNG.standard_normal((N, 3)))
MODEL = gp.GP(2.0 * gk.Matern32([1.5, 1.0, 0.7]) + gk.Linear(0.4), noise=gp.noise.Gaussian(0.05))
U, V = (jnp.asarray(RNG.standard_normal((N, 4))) for _ in range(2))
C = jnp.asarray(RNG.standard_normal(4))
KEY = jax.random.key(2)


@pytest.mark.parametrize("masked", [False, True])
def test_gradient_is_that_of_reverse_mode_through_the_construction(masked):
    mask = jnp.arange(N) < 70 if masked else None
    H = covariance(MODEL, X, mask=mask)
    pivots = precondition(H, rank=20, key=KEY).pivots.at[-2:].set(-1)
    P = from_pivots(H, pivots).matrix
    images = P.colour(V) * C
    arrays, static = eqx.partition(H, eqx.is_inexact_array)

    def form(arrays):
        at = from_pivots(eqx.combine(arrays, static), pivots).matrix
        return at.logdet() + 2 * jnp.sum(at.whiten_transpose(U) * images)

    wanted = jax.jit(jax.grad(form))(arrays)
    found = jax.jit(lambda: preconditioner_gradient(H, P, pivots, TraceTerms(U, V, C)))()
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        # Rows that are pivots meet themselves at distance zero: rounding under a root.
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-6)


def test_pivots_make_the_preconditioner_that_they_were_chosen_with():
    H = covariance(MODEL, X)
    P = precondition(H, rank=20, key=KEY)
    K = H.kernel.gram(X, X)
    S = P.pivots
    wanted = K[:, S] @ jnp.linalg.solve(K[jnp.ix_(S, S)], K[S]) + 0.05 * jnp.eye(N)
    np.testing.assert_allclose(P.matrix.apply(jnp.eye(N)), wanted, atol=1e-6)
    assert P.status == Status.SUCCESS


def test_a_whole_factor_exists_where_single_precision_resolves_no_noise():
    H = covariance(gp.replace(MODEL, "noise.variance", 1e-10), X)
    P = precondition(H, rank=FULL, key=KEY)
    assert P.status == Status.SUCCESS
    whitened = P.matrix.whiten(H.matmul(P.matrix.whiten_transpose(jnp.eye(N))))
    values = np.linalg.eigvalsh(whitened)
    # What was added to the noise only pulls eigenvalues below one.
    assert values[0] > 0.0
    assert values[-1] < 1.1
    assert np.mean(values) > 0.9
