"""One row of the suite ``krylov``: seconds, compiled memory and accuracy of a gradient."""

import time

import jax
import jax.numpy as jnp
import numpy as np

# Derivatives of order eight and six from values at +-1, .., +-4 steps.
_WEIGHTS = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280]), np.array([3 / 4, -3 / 20, 1 / 60, 0])
_STEP = 2e-4
_ENOUGH_SECONDS = 4.0


def measure(function, v, params, direction, depth, repeats):
    """All figures of one method."""
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
    """Best and median seconds of several runs after a first one; fewer if they are long."""
    jax.block_until_ready(compiled(v, params))
    seconds = []
    while len(seconds) < repeats and sum(seconds) < _ENOUGH_SECONDS:
        began = time.perf_counter()
        jax.block_until_ready(compiled(v, params))
        seconds.append(time.perf_counter() - began)
    return {"best_seconds": min(seconds), "median_seconds": float(np.median(seconds))}


def _temporary(compiled):
    return compiled.memory_analysis().temp_size_in_bytes


def _moved(params, direction, t):
    return jax.tree.map(lambda p, d: p + t * d, params, direction)


def _slope(value):
    """Central differences of order eight, and how far those of order six disagree."""
    odd = np.array([float(value(_STEP * k)) - float(value(-_STEP * k)) for k in range(1, 5)])
    best, rough = (float(weights @ odd) / _STEP for weights in _WEIGHTS)
    return best, abs(best - rough) / abs(best)
