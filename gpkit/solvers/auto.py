r"""The choice between the dense solver and the kinds of the iterative one."""

from typing import Any, Literal, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp

from gpkit._types import Array, Float
from gpkit.kernels.base import AbstractKernel, Constant
from gpkit.operators.covariance import Covariance
from gpkit.operators.memory import parse_memory
from gpkit.operators.memory import size as written
from gpkit.results import Estimate
from gpkit.solvers.base import AbstractFactor, AbstractSolver
from gpkit.solvers.costs import (
    STORED_SHARE,
    Costs,
    Run,
    Size,
    costs_of,
    dense_bytes,
    dense_seconds,
    iterative_bytes,
    iterative_seconds,
    tile_bytes,
    whole_bytes,
    whole_seconds,
)
from gpkit.solvers.dense import Dense
from gpkit.solvers.iterative import Iterative
from gpkit.solvers.krylov_density import VECTORS
from gpkit.solvers.preconditioning import FULL, default_rank

Task = Literal["value", "gradient", "posterior"]
MEMORY = "4GB"

# Steps of a run depend on the noise and on the spectrum, which shapes do not tell: 10 to 20 are
# seen where the noise is a tenth of the variance of y, 20 to 60 at a hundredth to a thousandth.
_STEPS = 24
# With a whole factor in single precision as preconditioner.
_FULL_STEPS = 4
# Arrays of n x n, and the share of the work of value and gradient, of a dense evaluation.
_ARRAYS = {"value": 3, "gradient": 4, "posterior": 3}
_SHARES = {"value": 1 / 3.6, "gradient": 1.0, "posterior": 1 / 3.6}
# What the seconds of a solver count for: a dense factor is exact, and that of a posterior answers
# everything that comes after; a whole factor mostly leaves standard errors far below those of low
# rank, which are 1 to 17 nats at 4000 rows; not where single precision does not resolve the noise.
_WEIGHTS = {"value": {"dense": 0.5, "whole": 0.5}, "posterior": {"dense": 0.25}}
# Rows that a posterior is asked for at the least.
_ROWS = 1024


class Option(NamedTuple):
    """A solver that was looked at: seconds and bytes expected, and whether it fits memory."""

    name: str
    seconds: float
    bytes: int
    eligible: bool


class Choice(NamedTuple):
    """The solver chosen, why, and what was expected of it and of the others.

    - `name`: "dense"; "whole", the iterative solver with a whole factor in single precision; with a
      preconditioner of low rank "stored" or "recomputed", how tiles are kept.
    - `reason`: one line for people.
    - `seconds`: expected for one evaluation on two cores, compilation apart; those of the iterative
      solver for a nominal number of steps.
    - `bytes`: expected at the peak.
    - `alternatives`: every solver that was looked at, the chosen one first.
    """

    solver: AbstractSolver
    name: str
    reason: str
    seconds: float
    bytes: int
    alternatives: tuple[Option, ...]


def choose(
    n: int,
    d: int,
    dtype: Any = "float64",
    *,
    kernels: int = 1,
    targets: int = 1,
    device: str | None = None,
    memory: str | int | None = None,
    task: Task = "gradient",
) -> Choice:
    """The solver with the fewest expected seconds of those that fit memory.

    Seconds of the dense solver and of a whole factor in single precision count for half, for their
    errors are far smaller; those of a dense posterior for a quarter.

    A pure function of sizes and of a stored table of rates (`gpkit.solvers.costs`): nothing is
    timed, and the same call gives the same choice everywhere.

    **Arguments:**

    - `n`, `d`, `dtype`: rows, columns and precision of X.
    - `kernels`: elementary kernels in the kernel; `targets`: columns of y.
    - `device`: "cpu" or "gpu"; that of JAX by default. Where no rates were measured for it, those
      of the CPU stand in.
    - `memory`: bytes, or a size such as "4GB" (the default).
    - `task`: "value" or "gradient" (with the value) of a log evidence, or "posterior": a
      factor and the variances of some thousand rows.

    **Raises:** ValueError for counts below one, a task that is none of these, and where not
    even recomputed tiles fit memory.
    """
    for name, count in {"n": n, "d": d, "kernels": kernels, "targets": targets}.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    if task not in _ARRAYS:
        raise ValueError(f"task must be one of {', '.join(_ARRAYS)}; got {task!r}")
    limit = parse_memory(MEMORY if memory is None else memory)
    problem = Size(n, d, _precision(dtype), kernels, targets)
    solvers = [Dense(), *_iterative_ones(limit, task)]
    options = [expected(problem, one, limit, task=task, device=device) for one in solvers]
    eligible = [option for option in options if option.eligible]
    if not eligible:
        needed = min(option.bytes for option in options)
        raise ValueError(
            f"memory of {written(limit)} is too small for {n} rows, which need {written(needed)}: "
            "raise memory or take fewer rows"
        )
    best = _best(eligible, task)
    others = tuple(option for option in options if option is not best)
    solver = solvers[options.index(best)]
    reason = _reason(best, others, limit)
    return Choice(solver, best.name, reason, best.seconds, best.bytes, (best, *others))


def iterative_for(size: Size, memory: int, *, device: str | None = None) -> Iterative:
    """The iterative solver for evidences of this size: low rank, or a whole factor."""
    solvers = _iterative_ones(memory, "gradient")
    options = [expected(size, one, memory, task="gradient", device=device) for one in solvers]
    eligible = [option for option in options if option.eligible]
    return solvers[options.index(_best(eligible, "gradient"))] if eligible else solvers[0]


def _iterative_ones(memory: int, task: Task) -> list[Iterative]:
    low = Iterative(memory=memory)
    # A whole factor makes solves few steps, but no stochastic diagonal of an inverse.
    return [low] if task == "posterior" else [low, Iterative(memory=memory, rank=FULL)]


def _best(options: list[Option], task: Task) -> Option:
    weights = _WEIGHTS["posterior" if task == "posterior" else "value"]
    return min(options, key=lambda option: option.seconds * weights.get(option.name, 1.0))


@final
class Auto(AbstractSolver):
    r"""Dense or iterative, by the sizes of the problem and a stored table of costs.

    Decides from n, d, precision, kind of device and `memory` (bytes or a size, "4GB" by
    default) alone, never from values and never by timing, so that it works under jit and chooses
    alike everywhere; `gpkit.solvers.choose` tells what it takes and why. A key is needed where the
    iterative solver may be taken.
    """

    memory: int = eqx.field(static=True)

    def __init__(self, *, memory: str | int | None = None):
        self.memory = parse_memory(MEMORY if memory is None else memory)

    def factorise(self, H: Covariance, *, key: Array | None = None) -> AbstractFactor:
        return self.choice(H, 1, task="posterior").solver.factorise(H, key=key)

    def log_density(
        self, H: Covariance, residual: Float[Array, "n ..."], *, key: Array | None = None
    ) -> Estimate:
        targets = residual.size // residual.shape[0]
        solver = self.choice(H, targets, task="gradient").solver
        return solver.log_density(H, residual, key=key)

    def choice(self, H: Covariance, targets: int = 1, *, task: Task = "gradient") -> Choice:
        """What is chosen for this covariance; reads shapes only."""
        n, d = H.X.shape
        kernels = count_kernels(H.kernel)
        return choose(
            n, d, H.X.dtype, kernels=kernels, targets=targets, memory=self.memory, task=task
        )


def count_kernels(kernel: AbstractKernel) -> int:
    """Kernels in a tree that are evaluated: neither sums and products nor constants."""
    return max(1, _count(kernel))


def _count(kernel: AbstractKernel) -> int:
    def inside(node: Any) -> bool:
        return node is not kernel and isinstance(node, AbstractKernel)

    parts = [p for p in jax.tree.leaves(kernel, is_leaf=inside) if isinstance(p, AbstractKernel)]
    return sum(map(_count, parts)) if parts else int(not isinstance(kernel, Constant))


def size_of(kernel: AbstractKernel, X: Array, y: Array) -> Size:
    """The sizes of a problem."""
    n, d = X.shape
    return Size(n, d, _precision(X.dtype), count_kernels(kernel), max(1, y.size // n))


def expected(
    size: Size, solver: Dense | Iterative, memory: int, *, task: Task, device: str | None = None
) -> Option:
    """What this solver is expected to take for one evaluation."""
    costs = costs_of(device or jax.default_backend())
    if isinstance(solver, Dense):
        needed = dense_bytes(size, arrays=_ARRAYS[task])
        seconds = dense_seconds(size, costs, share=_SHARES[task])
        if task == "posterior":
            seconds += 1.2 * size.n**2 * _ROWS * costs.dense_flop[size.dtype]
        return Option("dense", seconds, needed, needed <= memory)
    name, seconds, needed = _iterative(size, solver, costs, task)
    return Option(name, seconds, needed, needed <= memory)


def _iterative(size: Size, solver: Iterative, costs: Costs, task: Task) -> tuple[str, float, int]:
    """Name, seconds and bytes of an iterative evaluation."""
    run = _run(size, solver, task)
    stored = tile_bytes(size.n, run.tile_dtype) <= STORED_SHARE * solver.memory
    name = "whole" if solver.rank == FULL else "stored" if stored else "recomputed"
    if task == "posterior" and whole_bytes(size.n) <= solver.memory:
        return name, whole_seconds(size, costs, columns=_ROWS), whole_bytes(size.n)
    gradient = 1 + VECTORS * run.probes if task == "gradient" else 0
    seconds = iterative_seconds(size, costs, run, stored=stored, gradient_columns=gradient)
    needed = iterative_bytes(size, run, stored=stored)
    if solver.rank == FULL:
        # Whitening and its transpose in every step.
        columns = 2 * run.steps * (run.probes + size.targets)
        seconds += whole_seconds(size, costs, columns=columns)
        needed += whole_bytes(size.n)
    return name, seconds, needed


def _run(size: Size, solver: Iterative, task: Task) -> Run:
    full = solver.rank == FULL
    # The deflated columns are all that a whole factor has of low rank.
    rank = 64 if full else default_rank(size.n) if solver.rank is None else int(solver.rank)
    rank, steps = min(size.n, rank), _FULL_STEPS if full else _STEPS
    tiles = "float32" if "float32" in (size.dtype, solver.dtype) else "float64"
    if task == "posterior":
        return Run(rank, _ROWS, steps, 4, tiles)
    width = jnp.dtype(size.dtype).itemsize * size.n * (solver.num_probes + size.targets)
    depth = max(8, min(solver.depth, int((1 - STORED_SHARE) * solver.memory) // width))
    return Run(rank, solver.num_probes, min(steps, depth), depth, tiles)


def _reason(best: Option, others: tuple[Option, ...], limit: int) -> str:
    text = f"about {_seconds(best.seconds)} an evaluation"
    for other in others:
        if not other.eligible:
            text += f"; {other.name} needs {written(other.bytes)} of the {written(limit)} given"
        else:
            text += f"; {other.name} {_seconds(other.seconds)}"
    if best.name == "whole":
        text += "; a whole factor in single precision leaves few steps and small errors"
    if best.name == "recomputed":
        text += "; tiles are evaluated anew in every product, stored they do not fit memory"
    return text


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 60 else f"{seconds / 60:.2g} min"


def _precision(dtype: Any) -> str:
    return "float32" if jnp.finfo(dtype).bits <= 32 else "float64"
