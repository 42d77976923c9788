"""What a computation says about itself: status codes, estimates with errors, progress events."""

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from gpkit._types import Array, Float, Int, Tracer
from gpkit.quantiles import student_t_quantile


class Status(enum.IntEnum):
    """Outcome of a computation; larger is worse, so `worst` is a maximum.

    Codes are integers, so that they pass through ``jit`` and ``vmap``. Codes below
    `MAX_STEPS` are usable results, possibly with a remark; `advice` tells what to do.
    """

    SUCCESS = 0
    EARLY_BREAKDOWN = 1
    RITZ_CLIPPED = 2
    NOISE_AT_FLOOR = 3
    JITTER_ADDED = 4
    INTERRUPTED = 5
    ABANDONED = 6
    TARGET_MISSED = 7
    RANK_DEFICIENT = 8
    MAX_STEPS = 10
    LINE_SEARCH_FAILED = 11
    STAGNATED = 12
    INDEFINITE = 13
    BREAKDOWN = 14
    NOT_POSITIVE_DEFINITE = 15
    NON_FINITE = 16

    @property
    def advice(self) -> str:
        """One sentence: the likely cause and what to change."""
        return _ADVICE[self]

    @property
    def usable(self) -> bool:
        """Whether the numbers that came with this status may be used."""
        return self < Status.STAGNATED


_ADVICE = {
    Status.SUCCESS: "The computation met its tolerance.",
    Status.EARLY_BREAKDOWN: (
        "The Krylov space became invariant before the requested depth, so the result is "
        "exact; a smaller depth is enough. Gradients are exact for quadratic forms, but for "
        "f(A) v only within the invariant space."
    ),
    Status.RITZ_CLIPPED: (
        "Ritz values below the known lower bound were clipped; raise the noise variance "
        "or compute in float64."
    ),
    Status.NOISE_AT_FLOOR: (
        "The noise variance reached its floor: the data look noise-free at this precision. "
        "Compute in float64, or fix the noise at a value you trust."
    ),
    Status.JITTER_ADDED: (
        "The covariance was not positive definite in floating point and jitter was added "
        "to its diagonal; raise the noise variance, remove duplicate rows, or use float64."
    ),
    Status.INTERRUPTED: "The run was interrupted; the best state so far is returned.",
    Status.ABANDONED: "The run was given up: another one was far better already.",
    Status.TARGET_MISSED: (
        "The error asked for was not met; the value and the errors that it states hold. The "
        "message of the estimate says what stood in the way."
    ),
    Status.RANK_DEFICIENT: (
        "Rows of the matrix are linearly dependent to rounding: the factors multiply to the "
        "matrix but are not determined by it, and their derivatives are NaN. Leave out the "
        "dependent rows, or compute in float64."
    ),
    Status.MAX_STEPS: "The step limit was reached before the tolerance; raise max_steps.",
    Status.LINE_SEARCH_FAILED: (
        "The line search found no lower value: the optimum is met to rounding, or the "
        "objective is not smooth here. Rescale the data or try another start."
    ),
    Status.STAGNATED: (
        "The residual stopped falling above the tolerance; use a stronger preconditioner, "
        "a looser tolerance, or float64."
    ),
    Status.INDEFINITE: (
        "A negative curvature was met, so the operator is not positive definite; check its "
        "symmetry or raise the noise variance."
    ),
    Status.BREAKDOWN: (
        "The iteration broke down (division by nearly zero); scale the operator or use float64."
    ),
    Status.NOT_POSITIVE_DEFINITE: (
        "No jitter up to the limit made the covariance positive definite; raise the noise "
        "variance, remove duplicate rows, or check the kernel."
    ),
    Status.NON_FINITE: (
        "NaN or infinity was met; check the inputs for overflow and the parameters for "
        "extreme values."
    ),
}


def worst(*statuses: Int[Array, "..."] | int) -> Int[Array, ""]:
    """The most serious of several statuses, each a scalar or an array of codes."""
    return jnp.max(jnp.stack([jnp.max(jnp.asarray(s, jnp.int32)) for s in statuses]))


class Estimate(eqx.Module):
    r"""A number with the size of its error.

    `value` is the estimate; only it carries a gradient. `samples` are per-probe
    contributions whose mean is the random part of the value (empty for a deterministic
    computation). `error_bound` is a deterministic bound on everything that is not
    sampling: solve residuals, truncation, rounding, jitter. `key_id` identifies the random
    probes, so that two estimates made from the same probes are compared pair by pair. `message`
    is a remark for people, empty but where `gpkit.certify` missed its target.

    Units are those of `value`; for a log evidence that is nats.
    """

    value: Float[Array, ""]
    samples: Float[Array, " m"]
    error_bound: Float[Array, ""]
    status: Int[Array, ""]
    key_id: Int[Array, " k"]
    message: str = eqx.field(static=True, default="")

    @classmethod
    def exact(cls, value: Any, *, error_bound: Any = 0.0, status: Any = 0) -> "Estimate":
        """A deterministic value: no samples, standard error zero."""
        value = jnp.asarray(value)
        return cls(
            value=value,
            samples=jnp.zeros((0,), value.dtype),
            error_bound=jax.lax.stop_gradient(jnp.asarray(error_bound, value.dtype)),
            status=jnp.asarray(status, jnp.int32),
            key_id=jnp.zeros((0,), jnp.uint32),
        )

    @property
    def stderr(self) -> Float[Array, ""]:
        """Standard error of the mean over samples: 0 without samples, infinite with one."""
        m = self.samples.shape[0]
        if m == 0:
            return jnp.zeros_like(self.value)
        if m == 1:
            return jnp.full_like(self.value, jnp.inf)
        return jax.lax.stop_gradient(jnp.std(self.samples, ddof=1) / np.sqrt(m))

    def interval(self, level: float = 0.95) -> tuple[Float[Array, ""], Float[Array, ""]]:
        r"""Interval that holds the true value with a probability of about `level`.

        Student-t quantiles times the standard error, corrected for the skewness g of the
        samples (from three on) by Hall's transformation of the t statistic, and widened by
        `error_bound`:

        .. math:: T = \frac{3 \sqrt m}{g} \left[ \left( 1 + \frac{g}{\sqrt m}
            \left( t - \frac{g}{6 \sqrt m} \right) \right)^{1/3} - 1 \right].

        A quadratic form of few effective directions is as skewed as a chi-square variable with
        as many degrees of freedom: with one or two directions and 10 samples, t alone covers
        86 or 90% at level 0.95 and this interval 94% (95% for normal samples). With fewer than
        10 samples and at levels beyond 0.99 it can cover less than t does for normal samples.

        Source: Hall 1992 (On the removal of skewness by transformation), equation 2.4.
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
        below = above = self.error_bound
        m = self.samples.shape[0]
        if m > 0:
            t = student_t_quantile(0.5 * (1 + level), float(m - 1))
            below = below + _unskewed(t, self.samples) * self.stderr
            above = above - _unskewed(-t, self.samples) * self.stderr
        return self.value - below, self.value + above

    def __sub__(self, other: "Estimate") -> "Estimate":
        """Difference: paired sample by sample when both used the same probes."""
        return _combine(self, other, -1.0)

    def __add__(self, other: "Estimate") -> "Estimate":
        """Sum: paired sample by sample when both used the same probes."""
        return _combine(self, other, 1.0)

    def _repr_html_(self) -> str | None:
        # None lets a notebook fall back on `repr`.
        return None if isinstance(self.value, Tracer) else _estimate_html(self)

    def __repr__(self) -> str:
        if isinstance(self.value, Tracer):
            return f"Estimate({self.value!r})"
        text = f"{float(self.value):.6g}"
        if self.samples.shape[0]:
            text += f" +- {float(self.stderr):.2g}"
        status = Status(int(self.status)).name
        remark = f": {self.message}" if self.message else ""
        return f"Estimate({text}, bound {float(self.error_bound):.1g}, {status}{remark})"


def _estimate_html(estimate: Estimate) -> str:
    low, high = (float(end) for end in estimate.interval())
    status = Status(int(estimate.status))
    rows = {
        "value": f"{float(estimate.value):.6g}",
        "standard error": f"{float(estimate.stderr):.2g} ({estimate.samples.shape[0]} samples)",
        "error bound": f"{float(estimate.error_bound):.2g}",
        "95% interval": f"{low:.8g} to {high:.8g}",
        "status": status.name.lower().replace("_", " "),
        "advice": estimate.message or status.advice,
    }
    body = "".join(
        f"<tr><th style='text-align:left'>{name}</th><td style='text-align:left'>{text}</td></tr>"
        for name, text in rows.items()
    )
    return f"<table><tbody>{body}</tbody></table>"


def _combine(a: Estimate, b: Estimate, sign: float) -> Estimate:
    paired = _same_probes(a, b)
    if paired or a.samples.shape[0] == 0 or b.samples.shape[0] == 0:
        samples = _add_samples(a.samples, b.samples, sign)
        key_id = a.key_id if a.samples.shape[0] else b.key_id
    else:
        samples, key_id = _independent(a, b, sign), jnp.zeros((0,), jnp.uint32)
    return Estimate(
        value=a.value + sign * b.value,
        samples=samples,
        error_bound=a.error_bound + b.error_bound,
        status=worst(a.status, b.status),
        key_id=key_id,
    )


def _same_probes(a: Estimate, b: Estimate) -> bool:
    if a.samples.shape != b.samples.shape or a.key_id.shape != b.key_id.shape:
        return False
    if a.key_id.shape[0] == 0 or isinstance(a.key_id, Tracer):
        return False
    return bool(np.array_equal(np.asarray(a.key_id), np.asarray(b.key_id)))


def _add_samples(a: Array, b: Array, sign: float) -> Array:
    if a.shape[0] == 0:
        return sign * b
    return a if b.shape[0] == 0 else a + sign * b


def _independent(a: Estimate, b: Estimate, sign: float) -> Array:
    """Samples whose mean and standard error are those of independent a and sign * b.

    The smaller degrees of freedom are kept: few samples, wide interval.
    """
    few = a if a.samples.shape[0] <= b.samples.shape[0] else b
    m = few.samples.shape[0]
    mean = jnp.mean(a.samples) + sign * jnp.mean(b.samples)
    centred = few.samples - jnp.mean(few.samples)
    spread = jnp.sqrt(a.stderr**2 + b.stderr**2)
    scale = jnp.where(few.stderr > 0, spread / jnp.where(few.stderr > 0, few.stderr, 1.0), 0.0)
    return jax.lax.stop_gradient(mean + centred * scale) if m > 1 else jnp.full((1,), mean)


def _unskewed(t: Array, samples: Float[Array, " m"]) -> Array:
    """Quantile of the t statistic of skewed samples, from that of symmetric ones."""
    m = samples.shape[0]
    if m < 3:
        return t
    centred = samples - jnp.mean(samples)
    spread = jnp.sqrt(jnp.mean(centred**2))
    third = jnp.mean((centred / jnp.where(spread > 0, spread, 1.0)) ** 3)
    slope = jax.lax.stop_gradient(third) * np.sqrt(m - 1) / (m - 2)  # skewness / sqrt(m)
    # (1 + x)^(1/3) - 1 without cancellation, and its limit at slope zero
    x = slope * (t - slope / 6)
    root = jnp.cbrt(1 + x)
    return 3 * (t - slope / 6) / (root * root + root + 1)


class Event(NamedTuple):
    """One step of a long computation, handed to a progress callback.

    Step 0 says that a slow stage begins; its value is the last one known, or NaN.
    """

    stage: str
    step: int
    total: int | None
    value: float
    message: str = ""


Progress = Callable[[Event], None]


def silent(event: Event) -> None:
    """The progress callback that ignores every event."""
    del event
