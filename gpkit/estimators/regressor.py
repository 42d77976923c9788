"""`GPRegressor`: one Gaussian process as a scikit-learn estimator."""

from typing import Any, final

import jax
import numpy as np

from gpkit.estimators.base import (
    AbstractGPEstimator,
    announce,
    fit_seed,
    make_predictor,
    make_solver,
    original_evidence,
    plan_rows,
    warn_of,
    written_kernel,
)
from gpkit.estimators.summary import parameter_summary
from gpkit.estimators.task import Task, make_dataset, make_model
from gpkit.estimators.threads import lapack_threads
from gpkit.fitting import FitResult, fit
from gpkit.fitting.budget import Plan, subset
from gpkit.predictor import on_host
from gpkit.results import Progress, silent
from gpkit.solvers.auto import count_kernels


@final
class GPRegressor(AbstractGPEstimator):
    """Gaussian process regression.

    Columns and target are standardised by the training rows; everything that comes back is
    in original units. Lengthscales, periods and change points in an expression are in the
    units of their columns.

    Parameters
    ----------
    kernel : str or kernel, default="matern52(ard)"
        An expression, or a module of `gpkit.kernels` (on the standardised columns).
    mean : {"constant", "zero", "linear"} or mean
    noise : {"gaussian", "none", "group(COLUMN)"} or noise
        Learned noise; variances known per row are passed to `fit` and added to it.
    prior : {"default"} or None
        Weak priors scaled with the number of columns (maximum a posteriori), or none
        (maximum likelihood); see `gpkit.defaults`.
    solver : {"auto", "dense", "iterative"} or solver, default="auto"
        "auto" is dense as long as all rows fit `memory` and `budget`; beyond, the iterative
        solver on all rows, or where that too would take too long, a dense fit of a seeded subset.
        `plan_` says which and why. A solver of `gpkit.solvers` is taken as it is.
    optimizer : "lbfgs", Optax gradient transformation, or None
        None keeps the parameters as given.
    n_restarts : int, default=4
        Runs after the first: one from values read off the data, the others random. An
        iterative fit starts from fits to subsets instead.
    max_steps : int, default=200
    standardize : bool, default=True
    target_transform : str or None, default=None
        "log", "log1p" or "yeo-johnson": fit the transformed target; every density, mean and
        quantile still is of y. See `gpkit.data.transforms`.
    missing : {"error", "drop"}, default="error"
        "error" names column and row of a missing entry; "drop" leaves incomplete rows out of
        the fit, and predicts NaN for them with a warning that counts them.
    memory : str or int, default="4GB"
        Ceiling for covariance or stored tiles.
    budget : float, default=300, 3600 for an iterative fit
        Ceiling of predicted seconds of the fit, at nominal rates.
    random_state : int, RandomState or None
    verbose : int
        1 prints the plan and the result.

    Attributes
    ----------
    kernel_ : str
        The fitted kernel, in original units.
    model_ : GP
        The fitted model, in standardised units.
    log_evidence_ : Estimate
        Log evidence of the rows that were fitted, in original units, in nats; after an iterative
        fit with a standard error.
    predictor_ : Predictor
    result_ : FitResult
    plan_ : Plan
    summary_ : DataFrame
        Every parameter, in standardised and in original units.
    notes_ : tuple of str
        Columns and rows that were left out, and why.
    n_features_in_, feature_names_in_ : as in scikit-learn

    Examples
    --------
    >>> import numpy as np
    >>> from gpkit import GPRegressor
    >>> X = np.linspace(0, 6, 30)[:, None]
    >>> y = np.sin(X[:, 0]) + 0.1 * np.cos(20 * X[:, 0])
    >>> reg = GPRegressor("rbf", random_state=0).fit(X, y)
    >>> mean, std = reg.predict([[1.5]], return_std=True)
    >>> print(mean.round(1), std.round(1))
    [1.] [0.1]
    """

    def __init__(
        self,
        kernel: Any = "matern52(ard)",
        *,
        mean: Any = "constant",
        noise: Any = "gaussian",
        prior: Any = "default",
        solver: Any = "auto",
        optimizer: Any = "lbfgs",
        n_restarts: int = 4,
        max_steps: int = 200,
        standardize: bool = True,
        target_transform: Any = None,
        missing: str = "error",
        memory: Any = None,
        budget: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.kernel = kernel
        self.mean = mean
        self.noise = noise
        self.prior = prior
        self.solver = solver
        self.optimizer = optimizer
        self.n_restarts = n_restarts
        self.max_steps = max_steps
        self.standardize = standardize
        self.target_transform = target_transform
        self.missing = missing
        self.memory = memory
        self.budget = budget
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        noise_variance: Any = None,
        checkpoint: Any = None,
        progress: Progress = silent,
    ) -> "GPRegressor":
        """Fit to rows X, shape (n, d) or a DataFrame, and targets y, shape (n,) or (n, t).

        `noise_variance` are known variances of the rows, in squared units of y. `progress`
        is called with an `Event` after every step. `checkpoint` is a file from which a killed
        fit goes on when it is called again with the same arguments, an integer
        `random_state` among them; see `gpkit.fit`.
        """
        dataset = make_dataset(self, X, y, noise_variance)
        seed = fit_seed(self.random_state, checkpoint)
        # Scales come from all rows, also where parameters are fitted on a subset.
        task = Task.of(dataset, standardize=self.standardize, transform=self.target_transform)
        fits = 1 + self.n_restarts if self.optimizer is not None else 1
        with jax.enable_x64(True):
            model = make_model(task, self.kernel, self.mean, self.noise, self.prior)
        plan = plan_rows(self, task, count_kernels(model.kernel), fits, checkpoint)
        announce(self, plan, progress, seconds=plan.seconds)
        keep = subset(dataset.n, plan.rows, seed)
        known = task.noise_variance
        with jax.enable_x64(True), lapack_threads(len(keep)):
            result = fit(
                model,
                task.X[keep],
                task.y[keep],
                solver=make_solver(self, plan),
                optimizer=self.optimizer,
                noise_variance=None if known is None else known[keep],
                n_restarts=self.n_restarts if plan.solver == "dense" else 0,
                max_steps=self.max_steps,
                key=jax.random.key(seed),
                checkpoint=checkpoint,
                progress=progress,
            )
        self._store(dataset, task, result, plan, keep, seed)
        return self

    def _store(
        self, dataset: Any, task: Task, result: FitResult, plan: Plan, keep: np.ndarray, seed: int
    ) -> None:
        self.plan_ = plan
        self.predictor_ = make_predictor(self, task, result.model, plan, seed)
        self.kernel_ = written_kernel(result.model.kernel, task.columns)
        self.model_ = on_host(result.model)
        self.log_evidence_ = original_evidence(result, task, keep)
        self.result_ = result._replace(model=self.model_, evidence=on_host(result.evidence))
        self.summary_ = parameter_summary(self.model_, task)
        self.notes_ = (*dataset.notes, *task.encoder.notes, *task.scaler.notes)
        self.n_iter_ = max(1, len(result.history.value) - 1)
        warn_of(result.status, "GPRegressor")
