"""`fit`: the best of several runs, kept whatever happens."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from gpkit._types import Array
from gpkit.checks import check_data
from gpkit.fitting.journal import (
    Journal,
    Section,
    SectionOf,
    data_fingerprint,
    fit_fingerprint,
)
from gpkit.fitting.large import fit_large
from gpkit.fitting.loop import History, Run, run
from gpkit.fitting.problem import Problem, make_problem
from gpkit.fitting.start import alike, data_start, random_start
from gpkit.model import GP
from gpkit.objectives.evidence import log_evidence
from gpkit.padding import Rows, pad_rows
from gpkit.params import log_prior, num_parameters
from gpkit.results import Estimate, Progress, Status, silent
from gpkit.solvers.auto import Auto, Choice, choose, count_kernels
from gpkit.solvers.base import AbstractSolver
from gpkit.solvers.dense import Dense
from gpkit.solvers.iterative import Iterative


class FitResult(NamedTuple):
    """The best model of a fit.

    - `model`: with the best parameters found.
    - `log_density`: log evidence plus log prior of that model, in nats.
    - `log_prior`: the part of it that is the prior.
    - `error_bound`: deterministic bound on the error of that value, in nats.
    - `status`: `Status` of the best run, or of its evaluation where that is worse.
    - `history`: arrays of the best run, one entry per step.
    - `runs`: every run in order; the first starts at the model as given. Of an iterative fit,
      the segments on all rows.
    - `evidence`: the log evidence of that model with the errors of its estimate, where the
      iterative solver computed it; None where `log_density`, exact to `error_bound`, says it.
    - `choice`: what `gpkit.solvers.Auto` chose, and why; None for a solver that was given.
    """

    model: GP
    log_density: float
    log_prior: float
    error_bound: float
    status: Status
    history: History
    runs: tuple[Run, ...]
    evidence: Estimate | None = None
    choice: Choice | None = None


def fit(
    model: GP,
    X: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Any = "lbfgs",
    solver: AbstractSolver | None = None,
    noise_variance: ArrayLike | None = None,
    n_restarts: int = 0,
    max_steps: int = 200,
    tol: float = 1e-3,
    key: Array | None = None,
    checkpoint: str | os.PathLike[str] | SectionOf | None = None,
    progress: Progress = silent,
) -> FitResult:
    """Maximise the log evidence plus the log prior over the trainable parameters.

    Without priors in the model this is type-II maximum likelihood, with priors the maximum a
    posteriori. A host loop: not traceable.

    **Arguments:**

    - `solver`: `Dense()` by default, `Iterative()` for many rows, or `Auto()`, which takes one of
      them.
    - `optimizer`: "lbfgs" (limited-memory BFGS with a Wolfe line search), any Optax gradient
      transformation, or None to keep the parameters as they are.
    - `n_restarts`: runs after the one that starts at the model's own values: the first of
      them starts at values read off the data (unless those are the model's own), the others
      at random. They run one after another, and the best of all is kept.
    - `max_steps`, `tol`: a run stops after `max_steps`, or when five steps together change
      the value by less than `tol` nats.
    - `key`: needed for two or more restarts, and by solvers with random probes.
    - `checkpoint`: a file in which every evaluation is kept, written about once a second. The
      same call with the same file goes on where a killed one ended, to the same optimum to
      the last bit; see `gpkit.fitting.journal`. (An Optax transformation that searches
      along lines by itself repeats those evaluations.)
    - `progress`: called with an `Event` after every step.

    With `solvers.Iterative` and "lbfgs" the recipe is that of `gpkit.fitting.large`: subsets first,
    then segments of L-BFGS on all rows. It needs a key; restarts and a checkpoint are refused.

    Ctrl-C ends the fit with the best state so far and status INTERRUPTED.

    **Raises:** ValueError where shapes do not fit, a needed key is missing, a count is
    negative, or the optimizer is not known; CheckpointError (a ValueError) for a checkpoint
    of other data, another model or other settings; OSError, with path and remedy, where it
    can't be written: the file then is as it was last.
    """
    X, y = check_data(X, y, noise_variance=noise_variance)
    if isinstance(optimizer, str) and optimizer != "lbfgs":
        raise ValueError(
            f"optimizer must be 'lbfgs', an Optax transformation such as optax.adam(0.1), or "
            f"None; got {optimizer!r}"
        )
    if n_restarts < 0 or max_steps < 0:
        raise ValueError(f"counts are zero or above, got {n_restarts=} and {max_steps=}")
    if n_restarts > 1 and key is None:
        raise ValueError("n_restarts > 1 draws random starts: pass key=jax.random.key(0)")
    solver, choice = _chosen(solver or Dense(), model, X, y)
    rows = pad_rows(X, y, noise_variance)
    if isinstance(solver, Iterative):
        # What Auto has chosen takes the place of restarts; who names the solver is told.
        restarts = n_restarts > 0 and choice is None
        _refuse(key, {"n_restarts": restarts, "checkpoint": checkpoint is not None})
        # No padding, which costs more there than another compilation.
        known = None if noise_variance is None else jnp.asarray(noise_variance, X.dtype)
        rows = Rows(X, y, known, jnp.ones(X.shape[:1], bool))
    problem = make_problem(model, rows, solver, key)
    if optimizer is None or num_parameters(model) == 0:
        iterative = isinstance(solver, Iterative)
        found = _estimated(model, rows, solver, key) if iterative else _as_given(model, problem)
        return found._replace(choice=choice)
    if isinstance(solver, Iterative) and isinstance(optimizer, str):
        steps = {"max_steps": max_steps, "tol": tol, "progress": progress}
        return _on_all_rows(model, rows, solver, key, steps)._replace(choice=choice)
    settings = {"n_restarts": n_restarts, "max_steps": max_steps, "tol": tol, "solver": solver}
    with ExitStack() as stack:
        if checkpoint is not None:
            print_of = fit_fingerprint(model, rows, optimizer, key, **settings)
            problem = _section(stack, checkpoint, rows, print_of).watch(problem)
        starts = (
            make_problem(start, rows, solver, key).start
            for start in _starts(model, rows, n_restarts, key)
        )
        loop = {"optimizer": optimizer, "max_steps": max_steps, "tol": tol, "progress": progress}
        return _run_all(problem, starts, n_restarts + 1, loop)._replace(choice=choice)


def _chosen(
    solver: AbstractSolver, model: GP, X: Array, y: Array
) -> tuple[AbstractSolver, Choice | None]:
    if not isinstance(solver, Auto):
        return solver, None
    n, d = X.shape
    kernels, targets = count_kernels(model.kernel), max(1, y.size // n)
    choice = choose(n, d, X.dtype, kernels=kernels, targets=targets, memory=solver.memory)
    return choice.solver, choice


def _refuse(key: Array | None, given: dict[str, bool]) -> None:
    """ValueError for what an iterative fit needs or does not take."""
    if key is None:
        raise ValueError("solvers.Iterative draws random probes: pass key=jax.random.key(0)")
    for name in (name for name, is_given in given.items() if is_given):
        raise ValueError(
            f"{name} is for dense fits: leave it out, or pass solver=gpkit.solvers.Dense()"
        )


def _on_all_rows(model: GP, rows: Rows, solver: Iterative, key: Any, steps: Any) -> FitResult:
    found = fit_large(model, rows, solver=solver, key=key, **steps)
    return FitResult(
        model=found.model,
        log_density=float(found.evidence.value) + found.log_prior,
        log_prior=found.log_prior,
        error_bound=float(found.evidence.error_bound),
        status=Status(found.status),
        history=found.history,
        runs=found.runs,
        evidence=found.evidence,
    )


def _estimated(model: GP, rows: Rows, solver: Iterative, key: Any) -> FitResult:
    """The model as given, with its evidence; no gradient is taken."""
    found = _evidence(model, rows, solver, key)
    value, prior = float(found.value), _log_prior_of(model)
    only = History(np.array([-value - prior]), np.array([np.nan]), np.array([1]), np.zeros(1))
    status = Status(int(found.status)) if np.isfinite(value) else Status.NON_FINITE
    bound = float(found.error_bound)
    return FitResult(model, value + prior, prior, bound, status, only, (), found)


@eqx.filter_jit
def _evidence(model: GP, rows: Rows, solver: Iterative, key: Array) -> Estimate:
    return log_evidence(
        model, rows.X, rows.y, solver=solver, noise_variance=rows.noise_variance,
        mask=rows.mask, key=key,
    )  # fmt: skip


def _section(stack: ExitStack, checkpoint: Any, rows: Rows, fingerprint: dict[str, str]) -> Section:
    if isinstance(checkpoint, SectionOf):
        return checkpoint.journal.section(checkpoint.name, fingerprint)
    data = data_fingerprint(rows.X, rows.y, rows.mask, rows.noise_variance)
    journal = stack.enter_context(Journal(checkpoint, "fit", data))
    return journal.section("", fingerprint)


def _run_all(problem: Problem, starts: Iterator[np.ndarray], num: int, loop: Any) -> FitResult:
    runs: list[Run] = []
    interrupted = False
    try:
        for number, start in enumerate(starts):
            rival = min((r.value for r in runs if np.isfinite(r.value)), default=np.inf)
            runs.append(
                run(problem, start, rival=rival, stage=f"run {number + 1} of {num}", **loop)
            )
            interrupted = runs[-1].status == Status.INTERRUPTED
            if interrupted:
                break
    except KeyboardInterrupt:
        # Between two runs, or before the first value of one: earlier runs still count.
        if not runs:
            raise
        interrupted = True
    return _best(problem, tuple(runs), interrupted)


def _starts(model: GP, rows: Rows, n_restarts: int, key: Array | None) -> Iterator[GP]:
    """As given, then read off the data, then random: made one by one, when needed.

    A start read off the data that is (nearly) the one given would only repeat its run: a
    random one takes its place, where there is a key.
    """
    yield model
    if n_restarts == 0:
        return
    other = data_start(model, rows)
    repeats = alike(model, other)
    if not repeats:
        yield other
    if key is not None:
        for number in range(0 if repeats else 1, n_restarts):
            yield random_start(model, rows, key, number)


@eqx.filter_jit
def _log_prior(model: GP) -> Array:
    return log_prior(model)


def _log_prior_of(model: GP) -> float:
    return float(_log_prior(model))


def _as_given(model: GP, problem: Problem) -> FitResult:
    at = problem.evaluate(problem.start)
    status = Status(at.status) if at.finite else Status.NON_FINITE
    only = History(
        np.array([at.value]), np.array([np.linalg.norm(at.gradient)]), np.array([1]), np.zeros(1)
    )
    return FitResult(model, -at.value, _log_prior_of(model), at.error_bound, status, only, ())


def _best(problem: Problem, runs: tuple[Run, ...], interrupted: bool) -> FitResult:
    best = min(runs, key=lambda r: r.value if np.isfinite(r.value) else np.inf)
    status = Status.INTERRUPTED if interrupted else best.status
    status = max(status, Status(best.evaluation_status))
    model = problem.model_at(best.x)
    return FitResult(
        model,
        -best.value,
        _log_prior_of(model),
        best.error_bound,
        Status(status),
        best.history,
        runs,
    )
