"""Derivatives to 50 digits, and how far rounding of the inputs alone moves them.

A case is an operator of a few arrays in two versions: of JAX arrays, and of mpmath matrices.
The derivative in a direction of a weighted sum of its outputs is taken by JAX in both modes
and by central differences in 120 digits. Its error is given in units of what conditioning
allows: the largest change of the exact derivative when the inputs and the direction are
perturbed at random by one rounding unit of their norms.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
from mpmath import mp

DIGITS = 120
STEP = mpmath.mpf(10) ** -35  # the error of a difference is of the order of STEP squared


class Case(NamedTuple):
    """Inputs and direction as float64 arrays that the dtype under test holds exactly."""

    run: Callable  # arrays -> tuple of arrays
    exact: Callable  # mpmath matrices -> list of mpmath matrices
    inputs: tuple[np.ndarray, ...]
    direction: tuple[np.ndarray, ...]
    perturb: tuple[Callable, ...]  # what a perturbation of each input looks like


class Measured(NamedTuple):
    forward: float  # errors in units of what conditioning allows
    reverse: float
    relative: float  # the larger error, relative to the derivative
    allowed: float  # what conditioning allows, relative to the derivative


def full(x):
    return x


def symmetric(x):
    return x + x.T


def lower(x):
    return np.tril(x)


def weights_for(shapes: list, seed: int) -> list[np.ndarray]:
    """Random float32 numbers, so that both dtypes weigh alike."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32).astype(float) for shape in shapes]


def both_modes(run: Callable) -> Callable:
    """``(inputs, direction, weights) -> (tangents, gradients)``, compiled once."""

    @jax.jit
    def modes(inputs, direction, weights):
        _, tangents = jax.jvp(run, inputs, direction)
        _, transposed = jax.vjp(run, *inputs)
        return tangents, transposed(weights)

    return modes


def measure(case: Case, modes: Callable, dtype: Any, *, seed: int = 0, trials: int = 6) -> Measured:
    """Errors of both modes of `modes` (of `case.run`) in `dtype`."""
    inputs = tuple(jnp.asarray(x, dtype) for x in case.inputs)
    direction = tuple(jnp.asarray(x, dtype) for x in case.direction)
    shapes = [x.shape for x in jax.eval_shape(case.run, *inputs)]
    weights = weights_for(shapes, seed)
    tangents, gradients = modes(inputs, direction, tuple(jnp.asarray(w, dtype) for w in weights))
    forward = _contract(weights, tangents)
    reverse = _contract(case.direction, gradients)
    with mp.workdps(DIGITS):
        want = _derivative(case, case.inputs, case.direction, weights)
        allowed = _allowed(case, weights, want, np.finfo(dtype).eps, seed, trials)
        errors = [abs(mpmath.mpf(x) - want) for x in (forward, reverse)]
        if not np.isfinite([forward, reverse]).all():
            errors = [mpmath.inf]
        return Measured(
            float(errors[0] / allowed),
            float(errors[-1] / allowed),
            float(max(errors) / abs(want)),
            float(allowed / abs(want)),
        )


def _contract(a, b) -> float:
    pairs = zip(a, b, strict=True)
    return sum(float(np.sum(np.asarray(x, float) * np.asarray(y, float))) for x, y in pairs)


def _derivative(case: Case, inputs: tuple, direction: tuple, weights: list) -> Any:
    sides = []
    for step in (STEP, -STEP):
        moved = [matrix(x) + step * matrix(d) for x, d in zip(inputs, direction, strict=True)]
        outputs = case.exact(*moved)
        sides.append(sum(_inner(matrix(w), y) for w, y in zip(weights, outputs, strict=True)))
    return (sides[0] - sides[1]) / (2 * STEP)


def _allowed(case: Case, weights: list, want: Any, eps: float, seed: int, trials: int) -> Any:
    rng = np.random.default_rng(1000 + seed)
    largest = eps * abs(want)
    for _ in range(trials):
        moved = [
            [_rounded(x, eps, shape, rng) for x, shape in zip(arrays, case.perturb, strict=True)]
            for arrays in (case.inputs, case.direction)
        ]
        largest = max(largest, abs(_derivative(case, *moved, weights) - want))
    return largest


def _rounded(x: np.ndarray, eps: float, shape: Callable, rng: np.random.Generator) -> Any:
    noise = shape(rng.normal(size=x.shape))
    scale = mpmath.mpf(float(eps * np.linalg.norm(x) / np.linalg.norm(noise)))
    return matrix(x) + scale * matrix(noise)


# ------------------------------------------------------------------- mpmath by hand


def matrix(x: Any) -> Any:
    """An mpmath matrix; vectors become columns, scalars 1 x 1."""
    if isinstance(x, mpmath.matrix):
        return x
    x = np.atleast_1d(np.asarray(x, float))
    return mpmath.matrix((x if x.ndim == 2 else x[:, None]).tolist())


def _inner(a: Any, b: Any) -> Any:
    return mpmath.fsum(x * y for x, y in zip(a, b, strict=True))


def tril(a: Any) -> Any:
    return mpmath.matrix([[a[i, j] if j <= i else 0 for j in range(a.cols)] for i in range(a.rows)])


def eigh(a: Any) -> tuple[list, Any]:
    """Eigenvalues and eigenvectors, signs by the rule of `gpkit.linalg.eigh`."""
    values, vectors = mpmath.eigsy(a)
    for j in range(a.rows):
        column = [vectors[i, j] for i in range(a.rows)]
        size = max(abs(x) for x in column)
        if next(x for x in column if abs(x) >= mpmath.mpf("0.618") * size) < 0:
            for i in range(a.rows):
                vectors[i, j] = -vectors[i, j]
    return list(values), vectors


def spectral(f: Callable, a: Any) -> Any:
    values, vectors = mpmath.eigsy(a)
    return vectors * mpmath.diag([f(x) for x in values]) * vectors.T
