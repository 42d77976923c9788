"""``python -m benchmarks.measure_costs``: the table by which `gpkit.solvers.Auto` decides.

Times the parts of the dense and the iterative solver one by one, fits the rates of
`gpkit.solvers.costs.Costs` to them, each not negative, and writes the entry of this kind of
device in ``gpkit/solvers/costs.json``. Takes some minutes on an idle machine.
"""

import argparse
import json
import time
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from scipy.optimize import nnls  # noqa: E402

import gpkit as gp  # noqa: E402
from benchmarks.machine import describe  # noqa: E402
from gpkit.operators import KernelOperator, StoredOperator, covariance  # noqa: E402
from gpkit.solvers.preconditioning import FULL, deflation, precondition  # noqa: E402

FILE = Path(gp.__file__).parent / "solvers" / "costs.json"
DENSE = [(512, 3), (1024, 18), (2048, 3), (2048, 18), (4096, 8), (6144, 8)]
TILED = [(4096, 3, 16), (4096, 18, 64), (8192, 3, 4), (8192, 18, 16), (8192, 18, 64)]
WHOLE = [(1024, 16), (2048, 16), (4096, 16), (8192, 16), (14336, 16)]
PRECISIONS = ["float64", "float32"]


def best(function, *arguments, seconds=1.5, least=3):
    """Seconds of the first call, and the least of those of the others."""
    began = time.perf_counter()
    jax.block_until_ready(function(*arguments))
    first, found, spent = time.perf_counter() - began, [], 0.0
    while len(found) < least or spent < seconds:
        began = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        found.append(time.perf_counter() - began)
        spent += found[-1]
        if spent > 10 * seconds:
            break
    return first, min(found)


def rates(amounts, seconds):
    """Non-negative rates whose relative errors are least."""
    seconds = np.asarray(seconds)
    return nnls(np.asarray(amounts, float) / seconds[:, None], np.ones(len(seconds)))[0].tolist()


def problem(n, d, dtype="float64"):
    """Rows and a model at ordinary parameters."""
    rng = np.random.default_rng(n + d)
    X = jnp.asarray(rng.normal(size=(n, d)), dtype)
    y = jnp.sin(X[:, 0]) + 0.3 * jnp.asarray(rng.normal(size=n), dtype)
    scale = jnp.full(d, 1.5 * d**0.5, dtype)
    kernel = jnp.asarray(1.0, dtype) * gp.kernels.Matern32(lengthscale=scale)
    return X, y, gp.GP(kernel, noise=gp.noise.Gaussian(jnp.asarray(0.1, dtype)))


def evidence(X, y, solver):
    """Value and gradient of a model, compiled."""

    def value(model, key):
        return gp.log_evidence(model, X, y, solver=solver, key=key).value

    return jax.jit(jax.value_and_grad(value))


def dense(dtype, sizes):
    """Rates of an entry and of a flop, and the seconds of the first compilation."""
    amounts, found, compiling = [], [], []
    for n, d in sizes:
        X, y, model = problem(n, d, dtype)
        first, seconds = best(evidence(X, y, gp.solvers.Dense()), model, jax.random.key(0))
        amounts.append([n**2, n**2 * d, 1.2 * n**3])
        found.append(seconds)
        compiling.append(first - seconds)
        print(f"dense {dtype} n {n} d {d}: {seconds:.4f} s", flush=True)
    kernel, column, flop = rates(amounts, found)
    return (kernel, column), flop, float(np.median(compiling))


def tiled(dtype, sizes):
    """Rates of storing, of both kinds of product and of the gradient pass, by tile precision."""
    rows = {"store": [], "product": [], "again": [], "gradient": []}
    for n, d, k in sizes:
        X, _, model = problem(n, d)
        V = jnp.asarray(np.random.default_rng(0).normal(size=(n, k)))
        operator = KernelOperator(model.kernel, X, dtype=dtype)
        H = covariance(model, X)
        factor = deflation(H, precondition(H, rank=64, key=jax.random.key(0)).pivots)
        stored = StoredOperator(operator, deflation=factor)
        store = best(lambda op, L: StoredOperator(op, deflation=L).tiles, operator, factor)[1]
        again = best(lambda op, V: op.matmul(V), operator, V)[1]
        product = best(lambda op, V: op.matmul(V), stored, V)[1]
        c = jnp.ones(k)
        gradient = best(lambda op, V, c: op.quadratic_gradient(V, c).kernel, operator, V, c)[1]
        rows["store"].append(([0.5 * n**2, 0.5 * n**2 * d], store))
        rows["product"].append(([n**2, n**2 * k], product))
        rows["again"].append(([n**2, n**2 * d, n**2 * k], again))
        rows["gradient"].append(([n**2, n**2 * d, n**2 * k], gradient))
        print(
            f"tiles {dtype} n {n} d {d} k {k}: store {store:.4f}, product {product:.4f}, "
            f"again {again:.4f}, gradient {gradient:.4f} s", flush=True,
        )  # fmt: skip
    return {name: rates(*zip(*found, strict=True)) for name, found in rows.items()}


def low_rank(n, rank, k):
    """Seconds a flop of forming the preconditioner, of its application and of vectors."""
    X, _, model = problem(n, 8)
    forming = jax.jit(lambda X, key: precondition(covariance(model, X), rank=rank, key=key))
    P = forming(X, jax.random.key(0))
    V = jnp.asarray(np.random.default_rng(0).normal(size=(n, k)))
    seconds = best(forming, X, jax.random.key(0))[1]
    apply = best(jax.jit(lambda P, V: P.whiten(P.whiten_transpose(V))), P.matrix, V)[1]
    print(f"preconditioner n {n} rank {rank}: {seconds:.4f} s, applied {apply:.5f} s", flush=True)
    return seconds / (n * rank**2), apply / (8 * n * rank * k)


def whole(sizes):
    """Rates of an entry and of a flop of a whole factor, and seconds an entry of a solve."""
    amounts, found, solving = [], [], []
    for n, k in sizes:
        X, _, model = problem(n, 8)
        H = covariance(model, X)
        forming = jax.jit(lambda H, key: precondition(H, rank=FULL, key=key))
        P = forming(H, jax.random.key(0))
        V = jnp.asarray(np.random.default_rng(0).normal(size=(n, k)))
        found.append(best(forming, H, jax.random.key(0))[1])
        amounts.append([n**2, n**3 / 3])
        apply = best(jax.jit(lambda P, V: P.whiten(P.whiten_transpose(V))), P.matrix, V)[1]
        solving.append(apply / (2 * n**2 * k))
        print(f"whole factor n {n}: {found[-1]:.4f} s, applied {apply:.5f} s", flush=True)
    return rates(amounts, found), float(np.median(solving))


def iterative(n):
    """Compilation of an evaluation, and its fixed seconds."""
    X, y, model = problem(n, 8)
    function = evidence(X, y, gp.solvers.Iterative())
    first, seconds = best(function, model, jax.random.key(0))
    print(f"iterative n {n}: first {first:.2f} s, then {seconds:.4f} s", flush=True)
    return first - seconds, seconds


def measure(quick):
    """The entry of this device."""
    dense_sizes = [(128, 3), (256, 8), (512, 3)] if quick else DENSE
    tiled_sizes = [(1024, 3, 16), (1024, 8, 4), (1536, 8, 16)] if quick else TILED
    found = {"device": jax.default_backend(), "machine": describe(), "dense_entry": {}}
    found |= {name: {} for name in ("dense_flop", "store", "product", "again", "gradient")}
    for dtype in PRECISIONS:
        entry, flop, compiling = dense(dtype, dense_sizes)
        found["dense_entry"][dtype], found["dense_flop"][dtype] = entry, flop
        found["compile_dense"] = compiling
        for name, value in tiled(dtype, tiled_sizes).items():
            found[name][dtype] = value
    n, rank = (1024, 128) if quick else (8192, 362)
    found["low_rank"], found["vector"] = low_rank(n, rank, 16)
    found["whole"], found["whole_column"] = whole(WHOLE[:2] if quick else WHOLE)
    found["compile_iterative"], found["call"] = iterative(256)
    found["step"] = 1e-3
    return found


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure_costs", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to try it")
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args()
    entry = measure(options.quick)
    old = json.loads(options.out.read_text()) if options.out.exists() else []
    tables = [t for t in old if t["device"] != entry["device"]] + [entry]
    options.out.write_text(json.dumps(tables, indent=1) + "\n")
    print(options.out)


if __name__ == "__main__":
    main()
