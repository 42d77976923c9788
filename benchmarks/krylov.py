"""``python -m benchmarks.krylov``: gradients of Krylov methods, against matfree and backprop.

For each operator, algorithm, depth and loss: seconds of the value and of value and gradient
(compiled, best and median of several runs), seconds to compile, compiled temporary memory in
units of the basis, and the error of the gradient along one direction against central
differences of the value. Every row is published, failures with their message. One JSON file.

Losses: "form" is v^T log(A) v, which needs the small matrix alone; "vector" is a fixed linear
functional of log(A) v, or of exp(A) v with Arnoldi, which needs the basis. gpkit and matfree
each use their own function of the small matrix; "backprop" is automatic differentiation
through gpkit's forward loop with gpkit's small matrix, so that only the adjoint differs. The
direction keeps A symmetric.
"""

import argparse
import gzip
import importlib.metadata
import sys
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import scipy.io
from jax.experimental import sparse

from benchmarks import machine, store
from gpkit.linalg import (
    expm_multiply,
    funm_lanczos,
    funm_quadratic,
    hermitian_function,
    lanczos_checkpointed,
)
from gpkit.linalg.arnoldi import maps as arnoldi_maps
from gpkit.linalg.funm import filled
from gpkit.linalg.lanczos import maps as lanczos_maps

try:
    from matfree import decomp as matfree_decomp
    from matfree import funm as matfree_funm
except ImportError:  # its rows are then missing, and the file says so
    matfree_decomp = matfree_funm = None

FULL = {
    "depths": [10, 50, 90, 170, 250], "backprop_depths": [10, 50, 90], "repeats": 5,
    "dense_n": 1000, "kernel_n": 2000,
    "matrices": ["1138_bus", "t2dal_e", "bcsstm25", "t3dl_e"], "seed": 1,
}  # fmt: skip
QUICK = FULL | {
    "depths": [10], "backprop_depths": [10], "repeats": 2, "dense_n": 100, "kernel_n": 100,
    "matrices": ["1138_bus"],
}  # fmt: skip
# algorithm -> (decomposition, reorthogonalisation)
ALGORITHMS = {
    "lanczos full": ("lanczos", "full"),
    "lanczos none": ("lanczos", "none"),
    "arnoldi full": ("arnoldi", "full"),
}


def main():
    options = _parse(sys.argv[1:])
    jax.config.update("jax_enable_x64", True)
    settings = QUICK if options.quick else FULL
    document = store.new("krylov", settings)
    document |= {"versions": _versions(), "device": str(jax.devices()[0])}
    for operator in _operators(settings, options.matrices):
        for algorithm in ALGORITHMS:
            for depth in settings["depths"]:
                for loss in ("vector",) if "arnoldi" in algorithm else ("form", "vector"):
                    rows = _compare(operator, algorithm, depth, loss, settings)
                    document["jobs"].extend(rows)
                    store.save(options.out, document)
    print(options.out)


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.krylov", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smallest sizes, to try the harness")
    parser.add_argument("--out", type=Path, help="result file")
    parser.add_argument("--matrices", type=Path, help="folder of SuiteSparse *.mtx.gz files")
    options = parser.parse_args(arguments)
    if options.out is None:
        folder = machine.ROOT / ("results" if options.quick else "benchmarks/results")
        options.out = folder / "krylov.json"
    return options


def _versions():
    found = machine.versions()
    if matfree_decomp is not None:
        found["matfree"] = importlib.metadata.version("matfree")
    return found


# Operators: name, n, matvec(v, params), params, a direction for these that keeps A symmetric


def _operators(settings, folder):
    yield _dense(settings["dense_n"])
    yield _kernel(settings["kernel_n"])
    for name in settings["matrices"] if folder is not None else []:
        yield _sparse(name, folder / f"{name}.mtx.gz")


def _dense(n):
    """Symmetric, eigenvalues spread over four decades; all entries are parameters."""
    rng = np.random.default_rng(2)
    vectors = np.linalg.qr(rng.standard_normal((n, n)))[0]
    matrix = (vectors * np.logspace(-4, 0, n)) @ vectors.T
    matrix, direction = (0.5 * (x + x.T) for x in (matrix, matrix * rng.standard_normal((n, n))))
    return f"dense {n}", n, lambda v, p: p @ v, jnp.asarray(matrix), jnp.asarray(direction)


def _kernel(n):
    """Matern-3/2 plus noise, block of rows by block of rows; three parameters."""
    x = jnp.asarray(np.random.default_rng(3).uniform(size=(n, 3)))
    blocks = x.reshape(-1, n // 10, 3)

    def matvec(v, p):
        @jax.checkpoint
        def rows(block):
            square = jnp.sum((block[:, None] - x[None]) ** 2, axis=-1)
            scaled = jnp.sqrt(3 * square + 1e-30) * jnp.exp(-p["lengthscale"])
            return (1 + scaled) * jnp.exp(-scaled) @ v

        smooth = jnp.exp(p["variance"]) * jax.lax.map(rows, blocks).ravel()
        return smooth + jnp.exp(p["noise"]) * v

    start = {"lengthscale": -1.0, "variance": 0.0, "noise": -4.6}
    direction = {"lengthscale": 0.7, "variance": 1.0, "noise": -0.5}
    return f"kernel {n}", n, matvec, *(jax.tree.map(jnp.asarray, x) for x in (start, direction))


def _sparse(name, path):
    """A SuiteSparse matrix, scaled to norm about one; its nonzeros are the parameters."""
    with gzip.open(path) as file:
        matrix = scipy.io.mmread(file).tocoo()
    indices = jnp.asarray(np.stack([matrix.row, matrix.col], axis=1))
    values = jnp.asarray(matrix.data / np.abs(matrix).sum(axis=1).max())

    def matvec(v, values):
        return sparse.BCOO((values, indices), shape=matrix.shape) @ v

    factors = jnp.asarray(np.random.default_rng(4).standard_normal(matrix.shape[0]))
    direction = values * factors[matrix.row] * factors[matrix.col]
    return name, matrix.shape[0], matvec, values, direction


# Losses: (v, params) -> scalar


def _methods(matvec, algorithm, depth, loss, weights):
    """The methods that can compute this loss, each a function of v and params."""
    kind, reortho = ALGORITHMS[algorithm]
    case = (matvec, depth, reortho, weights)
    if kind == "arnoldi":
        methods = {"gpkit": partial(_gpkit_exponential, *case)}
        methods |= {"backprop": partial(_backprop_exponential, *case)}
        rival = _matfree_exponential
    elif loss == "vector":
        methods = {"gpkit": partial(_gpkit_vector, *case)}
        methods |= {"backprop": partial(_backprop_vector, *case)}
        rival = _matfree_vector
    else:
        methods = {
            "gpkit": partial(_gpkit_form, "adjoint", *case),
            "gpkit frozen": partial(_gpkit_form, "frozen", *case),
            "backprop": partial(_backprop_form, *case),
        }
        if reortho == "none":
            methods["gpkit checkpointed"] = partial(_gpkit_checkpointed, *case)
        rival = _matfree_form
    return methods | ({} if matfree_decomp is None else {"matfree": partial(rival, *case)})


def _gpkit_form(gradient, matvec, depth, reortho, weights, v, p):
    options = {"depth": depth, "reortho": reortho, "gradient": gradient}
    return funm_quadratic(jnp.log, matvec, v, p, **options).value


def _gpkit_checkpointed(matvec, depth, reortho, weights, v, p):
    return _small_form(lanczos_checkpointed(matvec, v, p, depth=depth))


def _gpkit_vector(matvec, depth, reortho, weights, v, p):
    return weights @ funm_lanczos(jnp.log, matvec, v, p, depth=depth, reortho=reortho).value


def _gpkit_exponential(matvec, depth, reortho, weights, v, p):
    return weights @ expm_multiply(matvec, v, p, depth=depth, reortho=reortho).value


def _small_form(steps):
    return steps.norm**2 * hermitian_function(jnp.log, filled(steps))[0, 0]


def _backprop_form(matvec, depth, reortho, weights, v, p):
    forward = lanczos_maps(lambda p, v: matvec(v, p), depth, reortho == "full").forward
    return _small_form(forward(p, v))


def _backprop_vector(matvec, depth, reortho, weights, v, p):
    steps = lanczos_maps(lambda p, v: matvec(v, p), depth, reortho == "full").forward(p, v)
    return weights @ (steps.norm * hermitian_function(jnp.log, filled(steps))[0] @ steps.basis)


def _backprop_exponential(matvec, depth, reortho, weights, v, p):
    steps = arnoldi_maps(lambda p, v: matvec(v, p), depth, reortho == "full").forward(p, v)
    return weights @ (steps.norm * jax.scipy.linalg.expm(steps.hessenberg)[:, 0] @ steps.basis)


def _matfree_form(matvec, depth, reortho, weights, v, p):
    steps = matfree_decomp.tridiag_sym(depth, reortho=reortho)(matvec, v, p)
    small = matfree_funm.dense_funm_sym_eigh(jnp.log)(steps.J_small)
    return small[0, 0] / steps.init_length_inv**2


def _matfree_vector(matvec, depth, reortho, weights, v, p):
    algorithm = matfree_decomp.tridiag_sym(depth, reortho=reortho)
    dense = matfree_funm.dense_funm_sym_eigh(jnp.log)
    return weights @ matfree_funm.funm_lanczos_sym(dense, algorithm)(matvec, v, p)


def _matfree_exponential(matvec, depth, reortho, weights, v, p):
    # Both switches: in this release each acts on the other's half.
    algorithm = matfree_decomp.hessenberg(depth, reortho=reortho, reortho_vjp=reortho)
    dense = matfree_funm.dense_funm_pade_exp()
    return weights @ matfree_funm.funm_arnoldi(dense, algorithm)(matvec, v, p)


# Measurement


def _compare(operator, algorithm, depth, loss, settings):
    """One row per method."""
    name, n, matvec, params, direction = operator
    rng = np.random.default_rng(settings["seed"])
    v, weights = (jnp.asarray(rng.standard_normal(n)) for _ in range(2))
    rows = []
    for method, function in _methods(matvec, algorithm, depth, loss, weights).items():
        if method == "backprop" and depth not in settings["backprop_depths"]:
            continue
        row = {"operator": name, "n": n, "algorithm": algorithm, "depth": depth}
        row |= {"loss": loss, "method": method}
        try:
            row |= _measure(function, v, params, direction, depth, settings["repeats"])
        except Exception as error:
            row["failure"] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
        print({key: row[key] for key in row if key != "seconds"}, flush=True)
        rows.append(row)
    return rows


def _measure(function, v, params, direction, depth, repeats):
    value, value_seconds = _compile(function, v, params)
    both, seconds = _compile(jax.value_and_grad(function, argnums=(0, 1)), v, params)
    _, (_, dparams) = both(v, params)
    products = jax.tree.map(lambda g, d: float(jnp.vdot(g, d)), dparams, direction)
    slope = sum(jax.tree.leaves(products))
    reference, uncertainty = _slope(lambda t: value(v, _moved(params, direction, t)))
    basis = v.dtype.itemsize * v.size * depth
    return {
        "forward": _time(value, v, params, repeats),
        "gradient": _time(both, v, params, repeats),
        "compile_forward_seconds": value_seconds,
        "compile_gradient_seconds": seconds,
        "forward_memory_in_bases": _temporary(value) / basis,
        "gradient_memory_in_bases": _temporary(both) / basis,
        "slope_relative_error": abs(slope - reference) / abs(reference),
        "slope_reference_uncertainty": uncertainty,
        "gradient_is_finite": bool(all(jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(dparams))),
    }


def _compile(function, *args):
    began = time.perf_counter()
    compiled = jax.jit(function).lower(*args).compile()
    return compiled, time.perf_counter() - began


def _time(compiled, v, params, repeats):
    """Best and median seconds of several runs after a first one."""
    jax.block_until_ready(compiled(v, params))
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(compiled(v, params))
        seconds.append(time.perf_counter() - began)
    return {"best_seconds": min(seconds), "median_seconds": float(np.median(seconds))}


def _temporary(compiled):
    return compiled.memory_analysis().temp_size_in_bytes


def _moved(params, direction, t):
    return jax.tree.map(lambda p, d: p + t * d, params, direction)


def _slope(value):
    """Central differences of order eight, and how far two step sizes disagree."""
    weights = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])

    def at(step):
        values = [float(value(step * k)) if weights[k + 4] else 0.0 for k in range(-4, 5)]
        return float(weights @ np.array(values)) / step

    coarse, fine = at(4e-4), at(2e-4)
    return fine, abs(coarse - fine) / abs(fine)


if __name__ == "__main__":
    main()
