"""Candidates of a selection by name, and the data as the target transform of each sees it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gpkit.data import Dataset, kfold
from gpkit.estimators.base import make_predictor
from gpkit.estimators.task import Task
from gpkit.fitting.budget import Plan
from gpkit.selection.candidates import default_candidates
from gpkit.selection.comparison import Candidate
from gpkit.selection.criteria import View

_NUM_FOLDS = 5


class Choice(NamedTuple):
    """A candidate: a kernel, and what the target goes through before the fit."""

    kernel: Any
    target_transform: str | None = None


class Work(NamedTuple):
    """A data set as each of the target transforms sees it."""

    dataset: Dataset
    choices: dict[str, Choice]
    tasks: dict[str | None, Task]
    seed: int

    @classmethod
    def of(
        cls, dataset: Dataset, choices: dict[str, Choice], seed: int, *, standardize: bool
    ) -> "Work":
        names = dict.fromkeys(c.target_transform for c in choices.values())
        tasks = {t: Task.of(dataset, standardize=standardize, transform=t) for t in names}
        return cls(dataset, choices, tasks, seed)

    @property
    def X(self) -> np.ndarray:
        """Encoded inputs, which no target transform changes."""
        return next(iter(self.tasks.values())).X

    def of_choice(self, choice: Choice) -> Task:
        return self.tasks[choice.target_transform]

    def predictor(self, estimator: Any, candidate: Candidate, plan: Plan) -> Any:
        task = self.of_choice(self.choices[candidate.name])
        return make_predictor(estimator, task, candidate.model, plan, self.seed)

    def views(self, keep: np.ndarray, criterion: str, *, standardize: bool) -> dict[str, View]:
        """What `compare` needs of every candidate's target."""
        splits = ()
        if criterion == "kfold":
            splits = kfold(len(keep), min(_NUM_FOLDS, len(keep)), seed=self.seed)
        found = {}
        for name, task in self.tasks.items():
            folds = [
                task.fold(
                    keep[s.train], keep[s.test], standardize=standardize, transform=name
                )._replace(rows=np.asarray(s.test))
                for s in splits
            ]
            count = task.transform.num_parameters
            found[name] = View(task.y[keep], task.log_scale[keep], folds, count)
        return {name: found[c.target_transform] for name, c in self.choices.items()}


def make_choices(candidates: Any, transforms: Any, num_columns: int) -> dict[str, Choice]:
    """Candidates by name, with every transform of a list.

    Raises ValueError as `name_candidates`, and for an empty list of transforms.
    """
    listed = transforms if isinstance(transforms, (list, tuple)) else (transforms,)
    if not listed:
        raise ValueError("target_transform is empty: list at least one, or pass None")
    choices: dict[str, Choice] = {}
    for name, candidate in name_candidates(candidates, num_columns).items():
        if isinstance(candidate, Mapping):
            if not {"kernel"} <= set(candidate) <= {"kernel", "target_transform"}:
                raise ValueError(
                    f"candidate {name!r} must be a kernel, or a dict of 'kernel' and "
                    f"'target_transform'; got {sorted(map(str, candidate))}"
                )
            choices[name] = Choice(**candidate)
            continue
        for transform in listed:
            label = name if len(listed) == 1 or transform is None else f"{name} of {transform}(y)"
            choices[label] = Choice(candidate, transform)
    return choices


def name_candidates(candidates: Any, num_columns: int) -> dict[str, Any]:
    """Candidates by name: of a list, the names are the expressions.

    Raises ValueError for an empty list or a name used twice.
    """
    if candidates is None:
        candidates = default_candidates(num_columns)
    if isinstance(candidates, str):
        raise ValueError(
            f"candidates must be a list of kernels, got the text {candidates!r}; write "
            f"[{candidates!r}], or use GPRegressor for a single kernel"
        )
    named: dict[str, Any] = {}
    if isinstance(candidates, Mapping):
        named.update(candidates)
    else:
        for kernel in candidates:
            name = kernel if isinstance(kernel, str) else repr(kernel)
            if name in named:
                raise ValueError(f"candidate {name!r} is listed twice")
            named[name] = kernel
    if not named:
        raise ValueError("candidates is empty: list at least one kernel, or pass None")
    return named
