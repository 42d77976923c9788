r"""The log density of a Gaussian by Krylov methods: value, errors and gradient in one run.

With a preconditioner P, $W P W^\top = I$ and $B = W H W^\top$,

$$\log\det H = \log\det P + \operatorname{tr} \log B, \qquad
  H^{-1} r = W^\top B^{-1} W r .$$

One Lanczos run in lockstep, started at W r and at random probes z, holds all of it: the solution
for r, Gauss quadrature of $z^\top \log(B) z$ with its bracket, and the vectors of the
gradient. P is data and may belong to other parameters than H: both formulas hold for any P.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp

from gpkit._types import Array, Float, Int, Scalar
from gpkit.linalg.conjugate_gradients import cg
from gpkit.linalg.lockstep import Lockstep, Ritz, lockstep_lanczos, radau, ritz
from gpkit.linalg.preconditioners import LowRankPlusDiagonal
from gpkit.linalg.tiled import TiledCholesky
from gpkit.operators.base import AbstractKernelOperator
from gpkit.operators.covariance import Covariance
from gpkit.results import Status, worst

# Vectors kept per probe of the gradient of log B: the share of its trace that is left out is
# 1e-9 where the condition number of B is 100, 1e-6 where it is 10,000.
VECTORS = 8
# Steps without a smaller residual after which the weights have met the limit of the tiles.
_PATIENCE = 100
# Nats that the error of the weights may cost where no tolerance is given, and what the residual
# must prove of it: the proof divides by the noise variance, far below the spectrum of H.
_NATS, _PROVEN = 1e-3, 0.1


class Budget(NamedTuple):
    r"""What a run may cost: sizes are static, the number of steps may be data.

    The run makes `steps` steps if these are fewer than `depth`; otherwise it ends at its tolerances
    for the weights and for the probes. `max_steps` are those of conjugate gradients that may
    follow for the weights. Where `rtol` is None the weights may be wrong by what costs a
    thousandth of a nat, and, unless `steps` are given, provably a tenth: the quadratic form lacks
    the square of the energy norm of their error, which the whitened residual is near to, and at
    most $|r|^2 / \sigma^2$.
    """

    depth: int
    steps: Int[Array, ""] | int | None
    rtol: float | None
    probe_rtol: float
    max_steps: int


class Krylov(NamedTuple):
    r"""What one run knows of H and r: `weights` is $H^{-1} r$ to `residual_norm`.

    `quadratic` is $\operatorname{tr} r^\top H^{-1} r$ from below, in error by the square of the
    energy norm of the error of the weights. `samples` are per-probe values of $\log\det H$,
    each the Gauss rule; their exact values lie between `lower` and `upper`. The run made
    `num_steps` steps, conjugate gradients after it `extra_steps`.
    """

    weights: Float[Array, "n t"]
    residual_norm: Float[Array, " t"]
    quadratic: Scalar
    samples: Float[Array, " m"]
    lower: Float[Array, " m"]
    upper: Float[Array, " m"]
    num_steps: Int[Array, ""]
    extra_steps: Int[Array, ""]
    status: Int[Array, ""]
    probes: Float[Array, "n m"]
    run: Lockstep
    spectra: Ritz


def krylov(
    H: Covariance,
    operator: AbstractKernelOperator,
    P: LowRankPlusDiagonal | TiledCholesky,
    r: Float[Array, "n t"],
    Z: Float[Array, "n m"],
    budget: Budget,
    *,
    start: Float[Array, "n t"] | None = None,
) -> Krylov:
    """The run itself, undifferentiated; rows outside of the mask must be zero in r and Z.

    `start` is a guess for the weights. Where the run ends before the weights reach their
    tolerance, conjugate gradients go on with them alone.
    """
    t = r.shape[1]

    def product(V: Array) -> Array:
        return H.matmul(V, operator=operator)

    def whitened(V: Array) -> Array:
        return P.whiten(product(P.whiten_transpose(V)))

    x = jnp.zeros_like(r) if start is None else start
    first = P.whiten(r if start is None else r - product(start))
    noise = H.row_noise()
    limits, rtol = _tolerances(P, r, first, noise, budget)
    limits = jnp.append(limits, jnp.full(Z.shape[1:], budget.probe_rtol, r.dtype))
    steps = jnp.asarray(budget.depth if budget.steps is None else budget.steps)
    run = lockstep_lanczos(
        whitened,
        jnp.concatenate([first, Z], axis=1),
        depth=budget.depth,
        rtol=jnp.where(steps < budget.depth, 0.0, limits),
        max_steps=steps,
    )
    # Far below the spectrum, which costs a quadrature that converges geometrically some steps;
    # but it holds for every P.
    floor = P.floor(noise)
    spectra = ritz(run, floor)
    solution = run.combine(spectra.apply(jnp.reciprocal))[:, :t]
    if budget.rtol is None and budget.steps is not None:
        rtol = jnp.where(run.solve_residual[:t] <= limits[:t], 1.0, rtol)
    solved = cg(
        product, r, x0=x + P.whiten_transpose(solution), preconditioner=P.solve,
        rtol=rtol, max_steps=budget.max_steps, patience=_PATIENCE,
    )  # fmt: skip
    square = run.norm[t:] ** 2
    gauss = (square * spectra.quadrature(jnp.log)[t:], square * radau(run, jnp.log, floor)[t:])
    bad = jnp.where(run.status == Status.MAX_STEPS, Status.SUCCESS, run.status)
    return Krylov(
        weights=solved.solution,
        residual_norm=solved.residual_norm,
        # 2 r'x - x'Hx.
        quadratic=jnp.sum((r + solved.residual) * solved.solution),
        samples=P.logdet() + gauss[0],
        lower=P.logdet() + jnp.minimum(*gauss),
        upper=P.logdet() + jnp.maximum(*gauss),
        num_steps=run.num_steps,
        extra_steps=jnp.max(solved.num_steps),
        status=worst(bad, solved.status),
        probes=Z,
        run=run,
        spectra=spectra,
    )


def _tolerances(
    P: LowRankPlusDiagonal | TiledCholesky, r: Array, first: Array, noise: Array, budget: Budget
) -> tuple[Array, Array]:
    """Of the weights: relative to `first` in the run, and to r for conjugate gradients.

    Both are meant relative to r, not to what a good start has left of it.
    """
    t, tiny = r.shape[1], jnp.finfo(r.dtype).tiny
    if budget.rtol is None:
        target = jnp.full(t, math.sqrt(2 * _NATS / t), r.dtype)
        proven = jnp.sqrt(2 * _PROVEN / t * jnp.min(noise))
        rtol = proven / jnp.maximum(jnp.linalg.norm(r, axis=0), tiny)
    else:
        target = budget.rtol * jnp.linalg.norm(P.whiten(r), axis=0)
        rtol = jnp.full(t, budget.rtol, r.dtype)
    return target / jnp.maximum(jnp.linalg.norm(first, axis=0), tiny), rtol


class TraceTerms(NamedTuple):
    r"""Vectors U, their images B U and coefficients c, all in the whitened space:

    the derivative of $\operatorname{tr} \log B$, or an estimate of it, is
    $\sum_k c_k u_k^\top dB\, u_k$.
    """

    vectors: Float[Array, "n k"]
    images: Float[Array, "n k"]
    coefficients: Float[Array, " k"]


def trace_terms(found: Krylov, gradient: str) -> TraceTerms:
    r"""The derivative of $\operatorname{tr} \log B$ by the probes of a run:

    - "forward": $z^\top D\log(B)[dB] z$, the derivative of the value that the same probes give,
      up to truncation;
    - "pathwise": $z^\top B^{-1/2} dB B^{-1/2} z$, where $W^\top B^{-1/2} z$ has the law of
      $H^{-1} u$ for a draw u from $\mathcal N(0, H)$;
    - "solves": $z^\top B^{-1} dB z$.

    In the eigenvectors of B the entry (i, k) of dB is multiplied by the reciprocal of the
    logarithmic, the geometric and the harmonic mean of $\lambda_i$ and $\lambda_k$: with Gaussian
    probes variances are ordered pathwise <= forward <= solves.
    """
    t, m = found.weights.shape[1], found.probes.shape[1]
    spectra = found.spectra
    if gradient == "forward":
        weights = spectra.derivative(jnp.log, rank=min(VECTORS, spectra.values.shape[1]))
        signs = jnp.ones(weights.shape[2], weights.dtype)
    elif gradient == "pathwise":
        weights, signs = spectra.apply(lambda x: 1 / jnp.sqrt(x)), jnp.ones(1)
    else:
        # u z' + z u' as a difference of squares.
        u, z = spectra.apply(jnp.reciprocal), spectra.apply(jnp.ones_like)
        weights, signs = jnp.concatenate([u + z, u - z], axis=2), jnp.asarray([0.25, -0.25])
    first = t * weights.shape[2]
    return TraceTerms(
        found.run.combine(weights)[:, first:],
        found.run.combine_images(weights)[:, first:],
        jnp.tile(signs.astype(weights.dtype), m) / m,
    )
