"""Stochastic Lanczos quadrature: traces of matrix functions and log-determinants."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, Int, MatVec, PRNGKeyArray, PyTree
from gpkit.linalg.preconditioners import LowRankPlusDiagonal
from gpkit.linalg.probes import Probes, rademacher
from gpkit.linalg.quadrature import Rule, gauss, gauss_radau
from gpkit.linalg.tridiagonal import Lanczos, lanczos
from gpkit.results import Estimate, Status, worst

Template = int | Float[Array, " n"] | jax.ShapeDtypeStruct


class SLQ(NamedTuple):
    """Stochastic Lanczos quadrature, probe by probe.

    The result is `offset + mean(samples)`. The exact quadratic form of probe i lies between
    `lower[i]` and `upper[i]` (infinite without a lower bound of the spectrum), up to
    `rounding`. `num_clipped` counts the Ritz values found below the lower bound and raised
    to it. Only `samples` carry a gradient.
    """

    samples: Float[Array, " m"]
    lower: Float[Array, " m"]
    upper: Float[Array, " m"]
    offset: Float[Array, ""]
    rounding: Float[Array, ""]
    num_clipped: Int[Array, ""]
    status: Int[Array, ""]
    key_id: Int[Array, " k"]

    @property
    def value(self) -> Float[Array, ""]:
        """The estimate itself."""
        return self.offset + jnp.mean(self.samples)

    def estimate(self) -> Estimate:
        """With its errors: sampling as spread of the samples, truncation and rounding as a bound.

        Its `interval` corrects for skewness, so that it holds its level even where few
        directions matter, (tr F)^2 / |F|_F^2 below 5 for F = log of the whitened matrix. It
        covers more than its level where the bound exceeds a tenth or so of the standard
        error, since the truth may lie anywhere in the brackets: raise `depth` there.
        """
        truncation = 0.5 * jnp.mean(self.upper - self.lower)
        return Estimate(
            value=self.value,
            samples=self.offset + self.samples,
            error_bound=jax.lax.stop_gradient(truncation + self.rounding),
            status=self.status,
            key_id=self.key_id,
        )


def slq(
    matvec: MatVec,
    template: Template,
    *params: PyTree,
    key: PRNGKeyArray,
    num_probes: int = 10,
    depth: int = 50,
    preconditioner: LowRankPlusDiagonal | None = None,
    lower_bound: float | Float[Array, ""] | None = None,
    probes: Probes = rademacher,
    reortho: str = "full",
) -> SLQ:
    r"""log det A by stochastic Lanczos quadrature, A symmetric positive definite.

    Plain: the mean over probes of z^T log(A) z. With a preconditioner P, W P W^T = I,

        log det A = log det P + tr log(W A W^T),

    the first term exact and the second by quadrature: variance and truncation error
    shrink with the distance of W A W^T from the identity. P is data; the gradient is that of
    log det A all the same, since its dependence on P is zero.

    Arguments as in `slq_trace`. `lower_bound` belongs to the operator under the quadrature: the
        noise variance for a kernel matrix, 1 for one whitened by a partial Cholesky or
        Nystroem factor (see `LowRankPlusDiagonal`).

    Cost: that of `slq_trace`, and two whitenings, 8 n r flops, per product.

    Raises: as `slq_trace`.

    Source: Ubaru, Chen and Saad 2017; Wenger, Pleiss, Hennig, Cunningham and Gardner 2022.
    """
    options = {"key": key, "num_probes": num_probes, "depth": depth, "probes": probes}
    options |= {"lower_bound": lower_bound, "reortho": reortho, "function": jnp.log}
    if preconditioner is None:
        return slq_trace(matvec, template, *params, **options)
    frozen = jax.lax.stop_gradient(preconditioner)

    def whitened(v: Array, *params: PyTree) -> Array:
        return frozen.whiten(matvec(frozen.whiten_transpose(v), *params))

    rest = slq_trace(whitened, frozen.root, *params, **options)
    offset = frozen.logdet()
    rounding = rest.rounding + jnp.finfo(offset.dtype).eps * jnp.abs(offset)
    return rest._replace(offset=offset, rounding=rounding)


def slq_trace(
    matvec: MatVec,
    template: Template,
    *params: PyTree,
    function: Callable[[Array], Array],
    key: PRNGKeyArray,
    num_probes: int = 10,
    depth: int = 50,
    lower_bound: float | Float[Array, ""] | None = None,
    probes: Probes = rademacher,
    reortho: str = "full",
) -> SLQ:
    r"""tr f(A) by stochastic Lanczos quadrature, A symmetric, f on positive numbers.

    For each probe z, depth-K Lanczos turns z^T f(A) z into |z|^2 e_1^T f(T) e_1, a Gauss rule.
    With a lower bound of the spectrum the Gauss-Radau rule with its node there lies on the
    other side of the exact value, for every f whose derivatives alternate in sign (log, sqrt,
    inverse); the sample is then the middle of this bracket. Without it, the truncation error is
    unknown, and so infinite in the estimate.

    Args:
        matvec: `matvec(v, *params)`, A v; may close over arrays.
        template: an array of length n (or its shape and dtype), or n.
        function: elementwise f, of traceable operations.
        key: draws the probes.
        num_probes: a single probe has an infinite standard error.
        depth: Lanczos steps per probe, at most n.
        lower_bound: a number that no eigenvalue of A lies below; data. Ritz values below it are
            raised to it, reported by `RITZ_CLIPPED`; without it, values that are not positive to
            rounding are. Clearly negative ones give `INDEFINITE`.
        probes: see `gpkit.linalg.probes`.
        reortho: see `lanczos`.

    Cost: num_probes depth products with A in blocks of num_probes, as many again for the
    gradient; memory num_probes bases of depth n numbers.

    Raises:
        ValueError: num_probes out of range, or a template that is no vector.

    Source: Bai, Fahey and Golub 1996 (probes with quadrature); Golub and Meurant 2010, section
    7.1; Ubaru, Chen and Saad 2017.
    """
    n, dtype = _size(template, params)
    if num_probes < 1:
        raise ValueError(f"num_probes must be positive, got {num_probes}")
    depth = min(depth, n)

    def one(z: Array) -> tuple:
        steps = lanczos(matvec, z, *params, depth=depth, reortho=reortho)
        return _quadrature(function, steps, lower_bound)

    z = probes(key, num_probes, n, dtype)
    samples, lower, upper, rounding, clipped, status = jax.vmap(one)(z)
    return SLQ(
        samples=samples,
        lower=lower,
        upper=upper,
        offset=jnp.zeros((), dtype),
        rounding=jnp.mean(rounding),
        num_clipped=jnp.sum(clipped),
        status=worst(status),
        key_id=jax.random.key_data(key).ravel() if _typed(key) else key.ravel(),
    )


def _quadrature(function: Callable, steps: Lanczos, lower_bound: float | Array | None) -> tuple:
    """Sample, bracket, rounding, clipped count and status of one probe."""
    diagonal, offdiagonal = steps.diagonal, steps.offdiagonal
    square = steps.norm**2
    eps = jnp.finfo(diagonal.dtype).eps
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(diagonal)))
    floor = eps * largest if lower_bound is None else jnp.asarray(lower_bound, diagonal.dtype)
    floor = jax.lax.stop_gradient(floor)
    rule = gauss(function, diagonal, offdiagonal, floor)
    sample, bracket = square * rule.value, (-jnp.inf, jnp.inf)
    if lower_bound is not None:
        last = _length(steps.residual)
        other = gauss_radau(function, diagonal, offdiagonal, last, floor, floor)
        sides = jax.lax.stop_gradient((sample, square * other.value))
        bracket = (jnp.minimum(*sides), jnp.maximum(*sides))
        sample = 0.5 * (sample + square * other.value)
    present = rule.weights > eps
    clipped = jnp.sum(present & (rule.nodes < floor * (1 - 10 * jnp.sqrt(eps))))
    negative = jnp.any(present & (rule.nodes < -1e3 * eps * largest))
    status = jnp.where(clipped > 0, Status.RITZ_CLIPPED, steps.status)
    status = jnp.where(negative, Status.INDEFINITE, status)
    status = jnp.where(jnp.isfinite(sample), status, Status.NON_FINITE)
    rounding = jax.lax.stop_gradient(square * _rounding(function, rule, floor, 10 * eps * largest))
    lower, upper = (jnp.broadcast_to(side, sample.shape) for side in bracket)
    return sample, lower, upper, rounding, clipped, jnp.maximum(status, steps.status)


def _rounding(function: Callable, rule: Rule, floor: Array, perturbation: Array) -> Array:
    """First-order effect of perturbing A by ten rounding units of its norm, and of summation."""
    nodes = jnp.maximum(rule.nodes, floor)
    values, slopes = jax.jvp(function, (nodes,), (jnp.ones_like(nodes),))
    eps = jnp.finfo(nodes.dtype).eps
    return jnp.sum(rule.weights * (perturbation * jnp.abs(slopes) + 10 * eps * jnp.abs(values)))


def _length(v: Array) -> Array:
    """|v| with a derivative of zero at zero."""
    square = jnp.sum(jnp.abs(v) ** 2)
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0)


def _size(template: Template, params: tuple) -> tuple[int, jnp.dtype]:
    if not isinstance(template, int):
        if len(template.shape) != 1:
            raise ValueError(f"template must be a vector or its length, got {template.shape}")
        return template.shape[0], template.dtype
    leaves = [
        x for x in jax.tree.leaves(params) if jnp.issubdtype(jnp.result_type(x), jnp.floating)
    ]
    return template, jnp.result_type(*leaves) if leaves else jnp.zeros(()).dtype


def _typed(key: PRNGKeyArray) -> bool:
    return jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
