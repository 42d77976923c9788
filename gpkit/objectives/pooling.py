"""Estimates from independent keys as one."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gpkit.results import Estimate, Status, worst
from gpkit.solvers.iterative import Iterative

# One probe tells nothing of the spread of the others: so many more are drawn.
_FEW = 15


class Pool(NamedTuple):
    """Estimates of one setting, from independent keys."""

    solver: Iterative
    rounds: tuple[Estimate, ...]

    @property
    def samples(self) -> np.ndarray:
        return np.concatenate([np.asarray(e.samples) for e in self.rounds])

    @property
    def bound(self) -> float:
        # The mean of the rounds is off by the mean of their errors, weighted as they are.
        counts = [e.samples.shape[0] for e in self.rounds]
        return float(np.average([float(e.error_bound) for e in self.rounds], weights=counts))

    @property
    def spread(self) -> float:
        """Standard deviation of a probe."""
        return float(np.std(self.samples, ddof=1)) if len(self.samples) > 1 else math.inf

    @property
    def stderr(self) -> float:
        return self.spread / math.sqrt(len(self.samples))

    @property
    def status(self) -> Status:
        return Status(max(int(e.status) for e in self.rounds))

    def needed(self, target: float) -> float:
        """Probes that bring standard error plus bound to the target."""
        if len(self.samples) < 2:
            return float(_FEW)
        room = target - self.bound
        return (self.spread / room) ** 2 if room > 0 else math.inf

    def met(self, target: float) -> bool:
        return self.stderr + self.bound <= target

    def estimate(self, target: float, reason: str) -> Estimate:
        first = self.rounds[0]
        samples = jnp.asarray(self.samples, first.value.dtype)
        missed = Status.SUCCESS if self.met(target) else Status.TARGET_MISSED
        return Estimate(
            value=jnp.mean(samples),
            samples=samples,
            error_bound=jnp.asarray(self.bound, first.value.dtype),
            status=worst(int(missed), *(e.status for e in self.rounds)),
            key_id=first.key_id if len(self.rounds) == 1 else jnp.zeros((0,), jnp.uint32),
            message=reason,
        )
