"""gpkit's iterative solver: evidence at fixed parameters, training, prediction.

Settings: ``solver`` are arguments of `gpkit.solvers.Iterative`, ``seed`` makes the keys.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np

import gpkit as gp
from benchmarks.methods.large_dense import model
from gpkit.fitting import large, subsets
from gpkit.fitting.loop import run
from gpkit.fitting.segments import Segment
from gpkit.params import val

_ORDER = ["variance", "noise", "lengthscale"]


def _double(*arrays):
    """Arrays in float64: what the estimators compute in; the solver chooses that of its tiles."""
    jax.config.update("jax_enable_x64", True)
    return tuple(jnp.asarray(array) for array in arrays)


def evidence_at(X, y, theta, settings):
    """Estimate and gradient at fixed parameters, zero mean; the number makes the key."""
    X, y = _double(X, y)
    solver = gp.solvers.Iterative(**settings["solver"])
    # The parameters are an input of the compiled program, as in a fit.
    logs = {k: jnp.log(jnp.asarray(theta[k])) for k in _ORDER}

    @jax.jit
    def function(logs, X, y, key):
        def value(logs):
            natural = {"mean": 0.0, **{k: jnp.exp(v) for k, v in logs.items()}}
            found = gp.log_evidence(model(natural, X.dtype), X, y, solver=solver, key=key)
            return found.value, found

        return jax.grad(value, has_aux=True)(logs)

    def evaluate(number):
        slopes, found = jax.block_until_ready(function(logs, X, y, jax.random.key(number)))
        gradient = np.concatenate([np.ravel(slopes[k]) for k in _ORDER])
        return {**_plain(found), "gradient": gradient.tolist(), "solver": repr(solver)}

    return evaluate


def many_values(X, y, theta, settings, numbers):
    """Estimates alone, of many keys, by one compiled program."""
    X, y = _double(X, y)
    solver = gp.solvers.Iterative(**settings["solver"])
    one = model({**theta, "mean": 0.0}, X.dtype)
    function = jax.jit(lambda X, y, key: gp.log_evidence(one, X, y, solver=solver, key=key))
    return [_plain(function(X, y, jax.random.key(number))) for number in numbers]


def _plain(estimate):
    return {
        "value": float(estimate.value), "stderr": float(estimate.stderr),
        "error_bound": float(estimate.error_bound), "status": int(estimate.status),
        "interval": [float(end) for end in estimate.interval(0.95)],
    }  # fmt: skip


class Watch:
    """Keeps parameters on the way of a fit, each with the seconds at which they were known:

    where the fits to subsets end, and those of every evaluation on all rows. A fit that is
    interrupted there would return them or better ones. A fit tells its progress, not its
    parameters: as long as the context lasts, subsets and segments tell what they are asked.
    """

    def __init__(self):
        self._began, self._seen = time.perf_counter(), []

    def __enter__(self):
        large.Segment, subsets.run = self._watched, self._ended
        return self

    def __exit__(self, *_):
        large.Segment, subsets.run = Segment, run

    def _ended(self, problem, start, **options):
        found = run(problem, start, **options)
        self._keep(-found.value, problem.model_at(found.x))
        return found

    def _keep(self, value, model, seconds=None):
        now = time.perf_counter() - self._began
        self._seen.append((now if seconds is None else seconds, value, parameters(model)))

    def _watched(self, *arguments):
        segment = Segment(*arguments)
        evaluate, model_at = segment.evaluate, segment.problem().model_at

        def kept(x):
            at = time.perf_counter() - self._began
            found = evaluate(x)
            self._keep(-found.value, model_at(x), at)
            return found

        segment.evaluate = kept
        return segment

    def points(self):
        """Seconds, value (of the rows that were used) and parameters in turn."""
        return [
            {"step": i + 1, "seconds": seconds, "value": value, "parameters": theta}
            for i, (seconds, value, theta) in enumerate(self._seen)
        ]


def parameters(fitted):
    """Plain numbers of a model made by `model`."""
    scaled = fitted.kernel
    return {
        "mean": float(val(fitted.mean.value)),
        "variance": float(val(scaled.variance)),
        "noise": float(val(fitted.noise.variance)),
        "lengthscale": np.asarray(val(scaled.kernel.lengthscale)).tolist(),
    }


class Trainer:
    """One call of `advance` is the whole fit, by the recipe that `gpkit.fit` takes itself."""

    def __init__(self, X, y, settings):
        self._X, self._y = _double(X, y)
        self._solver = gp.solvers.Iterative(**settings["solver"])
        self._key, self._steps = jax.random.key(settings["seed"]), settings.get("max_steps")
        d = X.shape[1]
        theta = {"mean": 0.0, "variance": 1.0, "noise": 0.1, "lengthscale": np.full(d, d**0.5)}
        self._start = model(theta, self._X.dtype)

    def advance(self):
        limit = {} if self._steps is None else {"max_steps": self._steps}
        began = time.perf_counter()
        with Watch() as watch:
            found = gp.fit(
                self._start, self._X, self._y, solver=self._solver, key=self._key, **limit
            )
        self._model = found.model
        last = {"seconds": time.perf_counter() - began, "parameters": parameters(found.model)}
        points = watch.points()
        last |= {"step": len(points), "value": float(found.log_density), "final": True}
        return {"done": True, "points": [*points, last], "fit_status": found.status.name}

    def predict(self, X_new):
        posterior = gp.condition(self._model, self._X, self._y, solver=self._solver, key=self._key)
        mean, variance = posterior.predict(jnp.asarray(X_new))
        return np.asarray(mean), np.sqrt(np.asarray(variance))


class RegressorTrainer:
    """`gpkit.GPRegressor` with its defaults but the kernel: no argument for the size."""

    def __init__(self, X, y, settings):
        self._X, self._y = X, y
        self._model = gp.GPRegressor(kernel="matern32(ard)", random_state=settings["seed"])

    def advance(self):
        self._model.fit(self._X, self._y)
        return {"done": True, "points": [{"step": 1, "kernel": str(self._model.kernel_)}]}

    def predict(self, X_new):
        return self._model.predict(X_new, return_std=True)


def trainer(X, y, settings):
    kinds = {"fit": Trainer, "regressor": RegressorTrainer}
    return kinds[settings["face"]](X, y, settings)
