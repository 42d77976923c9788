"""Every way JAX transforms a scalar function of one number, against a reference function."""

import jax
import jax.numpy as jnp
import pytest


def _scan(f):
    def summed(t):
        return jax.lax.scan(lambda carry, s: (carry + f(s * t), None), 0.0, jnp.ones((2,)))[0]

    return jax.grad(summed)


# name -> (transformation of f, factor by which it multiplies, order of derivative)
TRANSFORMATIONS = {
    "eager": (lambda f: f, 0),
    "jit": (jax.jit, 0),
    "vmap": (lambda f: lambda t: jax.vmap(f)(jnp.stack([t, t]))[1], 0),
    "grad": (jax.grad, 1),
    "jvp": (lambda f: lambda t: jax.jvp(f, (t,), (jnp.ones_like(t),))[1], 1),
    "jit of grad": (lambda f: jax.jit(jax.grad(f)), 1),
    "vmap of grad": (lambda f: lambda t: jax.vmap(jax.grad(f))(jnp.stack([t, t]))[1], 1),
    "linearize": (lambda f: lambda t: jax.linearize(f, t)[1](jnp.ones_like(t)), 1),
    "checkpoint": (lambda f: jax.grad(jax.checkpoint(f)), 1),
    "scan": (lambda f: lambda t: 0.5 * _scan(f)(t), 1),
    "forward over reverse": (lambda f: jax.jacfwd(jax.grad(f)), 2),
    "reverse over forward": (lambda f: jax.grad(jax.jacfwd(f)), 2),
    "forward over forward": (lambda f: jax.jacfwd(jax.jacfwd(f)), 2),
    "reverse over reverse": (lambda f: jax.grad(jax.grad(f)), 2),
    "hessian": (jax.hessian, 2),
}


def marked(slow):
    """The names of the transformations, as parameters; those of second order `slow` if asked."""
    mark = [pytest.mark.slow] if slow else []
    return [
        pytest.param(name, marks=mark if order == 2 else [])
        for name, (_, order) in TRANSFORMATIONS.items()
    ]


def derivative(f, t, order: int, step: float = 1e-3):
    """The derivative of order 0, 1 or 2 of f at t; the last order by central differences."""
    if order == 0:
        return f(t)
    if order == 1:
        return jax.grad(f)(t)
    slope = jax.grad(f)
    coarse = (slope(t + step) - slope(t - step)) / (2 * step)
    fine = (slope(t + step / 2) - slope(t - step / 2)) / step
    return (4 * fine - coarse) / 3
