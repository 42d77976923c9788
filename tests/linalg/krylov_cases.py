"""Matrices, losses and comparisons for the tests of Krylov methods."""

import jax
import jax.numpy as jnp
import numpy as np


def random(shape, seed, *, complex_=False):
    """Standard normal numbers, the same ones for a seed."""
    rng = np.random.default_rng(seed)
    real = rng.standard_normal(shape)
    return jnp.asarray(real + 1j * rng.standard_normal(shape) if complex_ else real)


def unitary(n, seed, *, complex_=False):
    return jnp.linalg.qr(random((n, n), seed, complex_=complex_))[0]


def hermitian(eigenvalues, seed=0, *, complex_=False):
    """A Hermitian matrix with the given eigenvalues."""
    eigenvalues = jnp.asarray(eigenvalues)
    vectors = unitary(eigenvalues.size, seed, complex_=complex_)
    matrix = (vectors * eigenvalues) @ vectors.conj().T
    return 0.5 * (matrix + matrix.conj().T)


def symmetrised(v, p):
    """Product with the Hermitian part of p: every derivative in p is a Hermitian one."""
    return 0.5 * (p + p.conj().T) @ v


def dense(v, p):
    return p @ v


def smooth(out):
    """The outputs that carry a derivative."""
    return [x for x in out if jnp.issubdtype(x.dtype, jnp.inexact)]


def weights_like(outputs):
    """A random cotangent for every output."""
    return [random(x.shape, 50 + i, complex_=jnp.iscomplexobj(x)) for i, x in enumerate(outputs)]


def both_modes(function, args, dargs):
    """Outputs, their tangents and the gradients of `function` for one random cotangent."""

    @jax.jit
    def run(args, dargs):
        out, tangents = jax.jvp(function, args, dargs)
        _, transposed = jax.vjp(function, *args)
        return out, tangents, transposed(weights_like(out))

    return run(args, dargs)


def relative(got, want):
    """Largest relative error over a list of arrays, each in its Euclidean norm."""
    errors = []
    for x, y in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        size = float(jnp.linalg.norm(y.ravel()))
        errors.append(float(jnp.linalg.norm((x - y).ravel())) / (size if size > 1e-12 else 1.0))
    return max(errors)


def pairing_gap(out, tangents, gradients, dargs):
    """Relative difference of <cotangent, J d> and <J^T cotangent, d>."""
    forward = sum(jnp.sum(w * t).real for w, t in zip(weights_like(out), tangents, strict=True))
    reverse = sum(jnp.sum(g * d).real for g, d in zip(gradients, dargs, strict=True))
    scale = max(float(jnp.linalg.norm(t.ravel())) for t in tangents)
    return abs(float(forward - reverse)) / max(scale, abs(float(forward)))


def spectral(f, matrix):
    """f of a Hermitian matrix with distinct eigenvalues, by JAX's own eigh."""
    values, vectors = jnp.linalg.eigh(matrix)
    return (vectors * f(values)) @ vectors.conj().T
