"""Rows of the suite ``logdet``: errors, coverage and seconds of one method on one matrix."""

import json
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gpkit.linalg import slq, xnystrace
from gpkit.linalg.probes import rademacher

try:
    from matfree import decomp, funm, stochtrace
except ImportError:
    decomp = None

_NEGLIGIBLE = 0.1  # truncation bound in standard errors


# Many keys, in the eigenbasis


@partial(jax.jit, static_argnames=("depth", "num_probes"))
def _spectral(values, vectors, lower_bound, keys, *, depth, num_probes):
    def rotated(key, count, n, dtype):
        return rademacher(key, count, n, dtype) @ vectors

    def one(key):
        estimate = slq(
            lambda v, d: d * v, values, values, key=key, num_probes=num_probes, depth=depth,
            lower_bound=lower_bound, probes=rotated, reortho="none",
        ).estimate()  # fmt: skip
        return _figures(estimate)

    return jax.lax.map(one, keys)


def _keys(matrix, rank, settings, count):
    """Keys of their own for every cell, so that pooled cells are independent."""
    key = jax.random.key(settings["seed"])
    for name, value in (("lengthscales", matrix.lengthscale), ("noises", matrix.noise)):
        key = jax.random.fold_in(key, settings[name].index(value))
    return jax.random.split(jax.random.fold_in(key, rank), count)


def _figures(estimate):
    low, high = estimate.interval(0.95)
    return {
        "value": estimate.value, "low": low, "high": high, "stderr": estimate.stderr,
        "bound": estimate.error_bound, "status": estimate.status,
    }  # fmt: skip


def spectral_row(matrix, rank, settings):
    """Coverage at the depth where truncation is negligible."""
    spectrum = matrix.whitened(rank)
    keys = _keys(matrix, rank, settings, settings["keys"] + 1)
    run = partial(_spectral, *spectrum[:2], spectrum.lower_bound)
    options = {"num_probes": settings["num_probes"]}
    for depth in settings["depths"]:
        pilot = run(keys[:1], depth=depth, **options)
        if float(pilot["bound"][0]) <= _NEGLIGIBLE * float(pilot["stderr"][0]):
            break
    else:
        keys = keys[: settings["truncated_keys"] + 1]
    found = run(keys[1:], depth=depth, **options)
    row = _summary(found, matrix.truth - spectrum.offset)
    negligible = row["error_bound"] <= 2 * _NEGLIGIBLE * row["stderr"]
    return row | {"chosen_depth": depth, "truncation_negligible": negligible}


@partial(jax.jit, static_argnames="num_matvecs")
def _trace(values, vectors, keys, *, num_matvecs):
    logs = jnp.log(values)[:, None]

    def one(key):
        block = lambda v: vectors @ (logs * (vectors.T @ v))  # noqa: E731
        return _figures(xnystrace(block, values, key=key, num_matvecs=num_matvecs))

    return jax.lax.map(one, keys)


def trace_row(matrix, rank, settings):
    """XNysTrace of the logarithm itself, which is positive semidefinite for rank > 0."""
    spectrum = matrix.whitened(rank)
    keys = _keys(matrix, rank, settings, settings["rival_keys"])
    found = _trace(*spectrum[:2], keys, num_matvecs=settings["num_probes"])
    return _summary(found, matrix.truth - spectrum.offset)


def _summary(found, truth):
    found = {name: np.asarray(x) for name, x in found.items()}
    inside = (found["low"] <= truth) & (truth <= found["high"])
    return _errors(found["value"], truth) | {
        "stderr": float(np.sqrt(np.mean(found["stderr"] ** 2))),
        "error_bound": float(np.mean(found["bound"])),
        "covered": int(inside.sum()),
        "keys": len(inside),
        "worst_status": int(found["status"].max()),
    }


def _errors(values, truth):
    values = np.asarray(values)
    return {
        "bias": float(np.mean(values) - truth),
        "sd": float(np.std(values, ddof=1)),
        "rmse": float(np.sqrt(np.mean((values - truth) ** 2))),
    }


# Few keys on the dense operator, with seconds


def dense_rows(matrix, rank, depth, settings):
    """gpkit on the dense matrix, preconditioner applied in every product."""
    began = time.perf_counter()
    p = jax.block_until_ready(matrix.preconditioner(rank))
    build = time.perf_counter() - began
    run = partial(_dense, depth=depth, num_probes=settings["num_probes"])
    bound = 1.0 if rank else matrix.noise
    keys = jax.random.split(jax.random.key(settings["seed"]), settings["timed_keys"])
    values, seconds = _timed(lambda key: run(matrix.covariance, p, bound, key), keys)
    return _errors(values, matrix.truth) | {"seconds": seconds, "build_seconds": build}


@partial(jax.jit, static_argnames=("depth", "num_probes"))
def _dense(a, p, lower_bound, key, *, depth, num_probes):
    options = {"key": key, "num_probes": num_probes, "depth": depth, "preconditioner": p}
    return slq(lambda v, a: a @ v, a[0], a, lower_bound=lower_bound, **options).value


def _timed(run, keys):
    """Values, and median seconds after a first run."""
    jax.block_until_ready(run(keys[0]))
    values, seconds = [], []
    for key in keys:
        began = time.perf_counter()
        values.append(float(run(key)))
        seconds.append(time.perf_counter() - began)
    return values, float(np.median(seconds))


def _matfree_row(matrix, depth, settings):
    """matfree's estimator: plain quadrature, no preconditioner, no error bound."""
    a = matrix.covariance
    integrand = funm.monte_carlo_funm_sym_logdet(decomp.tridiag_sym(depth))
    sampler = stochtrace.sampler_signs(a[0], num=settings["num_probes"])
    estimator = stochtrace.estimator_monte_carlo(integrand, sampler)
    run = jax.jit(partial(estimator, lambda v, a: a @ v))
    keys = jax.random.split(jax.random.key(settings["seed"]), settings["rival_keys"])
    values, seconds = _timed(lambda key: run(key, a), keys)
    return _errors(values, matrix.truth) | {"seconds": seconds}


matfree_rows = None if decomp is None else _matfree_row


def foreign_rows(name, python, matrix, rank, depth, settings):
    """A rival in an environment of its own: `logdet_gpytorch.py` or `logdet_cola.py`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matrix.npy"
        np.save(path, np.asarray(matrix.covariance))
        request = {"matrix": str(path), "rank": rank, "depth": depth, "noise": matrix.noise}
        request |= {key: settings[key] for key in ("num_probes", "seed")}
        request["keys"] = settings["foreign_keys"]
        script = Path(__file__).with_name(f"logdet_{name}.py")
        out = subprocess.run(
            [python, str(script), json.dumps(request)], capture_output=True, text=True, check=False
        )
    if out.returncode:
        return {"failure": (out.stderr.strip().splitlines() or ["no message"])[-1][:200]}
    reply = json.loads(out.stdout.splitlines()[-1])
    figures = _errors(reply["values"], matrix.truth)
    return figures | {
        "seconds": float(np.median(reply["seconds"])), "versions": reply["versions"]
    }  # fmt: skip
