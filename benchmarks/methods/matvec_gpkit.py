"""Products with kernel matrices by gpkit, and the rates of this machine that bound them."""

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from gpkit import kernels as gk  # noqa: E402
from gpkit.operators import KernelOperator, StoredOperator, stored_bytes  # noqa: E402


def _weave(x, z, params):
    """A user's function of two points: a wave in the first column under a Gaussian."""
    wave = jnp.cos(params["rate"] * (x[0] - z[0]))
    return wave * jnp.exp(-0.5 * jnp.sum((x - z) ** 2) / params["length"] ** 2)


def kernel(name, d):
    """The kernels of the suite, lengthscales as long as points of d columns are apart."""
    ell = jnp.full(d, float(np.sqrt(d)))
    known = {
        "matern32": lambda: 1.3 * gk.Matern32(ell),
        "matern32 * periodic + linear": lambda: (
            1.3 * gk.Matern32(ell) * gk.Select(gk.Periodic(1.0, 2.0), [0]) + gk.Linear(0.1)
        ),
        "changepoint(matern32, rbf)": lambda: gk.ChangePoint(gk.Matern32(ell), gk.RBF(ell)),
        "categorical * rbf": lambda: (
            gk.Select(gk.Exchangeable(0.4), [0]) * gk.Select(gk.RBF(ell[1:]), range(1, d))
        ),
        "function": lambda: gk.Function(_weave, {"rate": 2.0, "length": float(np.sqrt(d))}),
    }
    return known[name]()


def products(name, n, d, k, seed, memory_gb):
    """Functions by name: the product, the gradient of a bilinear form, the stored product."""
    X, V = points(name, n, d, k, seed)
    X, V = jnp.asarray(X), jnp.asarray(V)
    op = KernelOperator(kernel(name, d), X, dtype=jnp.float32)
    exact = KernelOperator(op.kernel, X)
    functions = {
        "recomputed": lambda: jax.block_until_ready(op.matmul(V)),
        "gradient": lambda: jax.block_until_ready(op.bilinear_gradient(V, V)),
    }
    if n <= 16384:
        functions["float64"] = lambda: jax.block_until_ready(exact.matmul(V))
    if memory_gb is None or stored_bytes(op) < 0.2 * memory_gb * 2**30:
        stored = StoredOperator(op)
        functions["stored"] = lambda: jax.block_until_ready(stored.matmul(V))
    return functions


def points(name, n, d, k, seed):
    """Standard normal points (codes of six categories where the kernel compares) and columns."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    if name.startswith("categorical"):
        X[:, 0] = rng.integers(0, 6, size=n)
    return X, rng.normal(size=(n, k))


def rates():
    """Float32 exponentials and multiply-adds of matrix products in one call of each function."""
    x = jnp.asarray(np.random.default_rng(0).uniform(size=(1024, 1024)), jnp.float32)
    a = jnp.asarray(np.random.default_rng(1).normal(size=(2048, 2048)), jnp.float32)
    # In a loop over one small array, as tiles are: a large one would measure the memory.
    many = jax.jit(lambda x: jax.lax.fori_loop(0, 16, lambda _, y: jnp.exp(-y), x))
    multiply = jax.jit(lambda a: a @ a)
    return {
        "exponentials": (lambda: jax.block_until_ready(many(x)), 16 * x.size),
        "multiply_adds": (lambda: jax.block_until_ready(multiply(a)), a.shape[0] ** 3),
    }
