"""Suite ``gradients``: estimators of the gradient of the log-determinant against the dense one.

Rows of elevators, ARD Matern-3/2 fitted to them by the dense solver, the noise then set to each of
several variances. The targets are zero, so that the trace is all there is of the gradient.
"""

import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import gpkit as gp
from benchmarks import machine, store
from benchmarks.data import load_split, smooth_rows
from gpkit.solvers import Dense, Iterative

ESTIMATORS = ("forward", "pathwise", "solves", "adjoint")
NOISES = (1e-1, 1e-2, 1e-3, 1e-4)
N, KEYS, PROBES, DEPTH = 2000, 20, 10, 64
# The adjoint runs all its steps: few keys are enough for what it costs.
ADJOINT_KEYS, ADJOINT_DEPTH = 4, 24


def run(options):
    """One job per noise variance."""
    n = 150 if options.quick else (options.sizes or [N])[0]
    settings = {
        "n": n, "noises": NOISES, "keys": KEYS, "adjoint_keys": ADJOINT_KEYS, "probes": PROBES,
        "depth": DEPTH, "adjoint_depth": ADJOINT_DEPTH, "dtype": "float64",
        "threads": options.threads,
        "kernel": "variance * Matern32(lengthscale, one per column) + noise, zero mean and targets",
        "data": "smooth rows" if options.quick else "elevators, split 0, first rows",
    }  # fmt: skip
    document = store.new("gradients", settings) | {"versions": machine.versions()}
    with jax.enable_x64(True):
        model, X = _fitted(n, options)
        for noise in NOISES:
            document["jobs"].append(_job(model, X, noise, quick=options.quick))
            store.save(options.out, document)
            print(noise, {k: v["seconds"] for k, v in document["jobs"][-1]["rows"].items()})
    return document


def _fitted(n, options):
    if options.quick:
        X, y = smooth_rows(n, 3, 0)
    else:
        split = load_split("uci/elevators", 0, options.data_dir)
        X, y = split.X[:n], split.y[:n]
    X, y = (X - X.mean(0)) / np.where(X.std(0) > 0, X.std(0), 1.0), (y - y.mean()) / y.std()
    kernel = 1.0 * gp.kernels.Matern32(np.full(X.shape[1], X.shape[1] ** 0.5))
    found = gp.fit(gp.GP(kernel), X, y, max_steps=5 if options.quick else 60)
    return found.model, jnp.asarray(X)


def _job(model, X, noise, *, quick):
    model = gp.replace(model, "noise.variance", noise)
    exact = _gradient(model, X, Dense(), jax.random.key(0))[0]
    rows = {}
    for name in ESTIMATORS:
        depth = ADJOINT_DEPTH if name == "adjoint" else DEPTH
        keys = 2 if quick else ADJOINT_KEYS if name == "adjoint" else KEYS
        solver = Iterative(gradient=name, num_probes=PROBES, depth=depth, dtype="float64")
        found, seconds = [], []
        for key in range(keys + 1):
            clock = time.perf_counter()
            gradient, bound = _gradient(model, X, solver, jax.random.key(key))
            seconds.append(time.perf_counter() - clock)
            found.append(gradient)
        found = np.array(found[1:])
        # Parameters without influence have an exact zero here: their rows become NaN.
        scale = np.where(exact == 0, np.nan, np.abs(exact))
        rows[name] = {
            "keys": keys,
            "bias": (np.abs(found.mean(0) - exact) / scale).tolist(),
            "sd": (found.std(0, ddof=1) / scale).tolist(),
            "error_bound": bound,
            "seconds": float(np.median(seconds[1:])),
            "first_seconds": seconds[0],
        }
    return {"noise": noise, "exact": exact.tolist(), "rows": rows}


def _gradient(model, X, solver, key):
    gradient, bound = _compiled(model, X, solver, key)
    leaves = [np.ravel(a) for a in jax.tree.leaves(gradient)]
    return np.concatenate(leaves).astype(float), float(bound)


@eqx.filter_jit
def _compiled(model, X, solver, key):
    def value(model):
        estimate = gp.log_evidence(model, X, jnp.zeros(X.shape[0]), solver=solver, key=key)
        return estimate.value, estimate.error_bound

    (_, bound), gradient = eqx.filter_value_and_grad(value, has_aux=True)(model)
    return gradient, bound
