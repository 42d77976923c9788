"""Dense operators: derivatives against 50 digits, up to condition 0.1 / eps and at repeats.

The bar is LAPACK's own: an error below 30 times what one rounding unit in the inputs does.
"""

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gpkit import linalg
from tests.linalg import precise
from tests.linalg.precise import Case, full, lower, symmetric

N, COLUMNS, BAR = 4, 2, 30
DTYPES = {"float32": np.float32, "float64": np.float64}


def _rounded(x, dtype):
    return np.asarray(x, dtype).astype(float)


def _with_singular_values(shape, condition, seed):
    rng = np.random.default_rng(seed)
    m = min(shape)
    left = np.linalg.qr(rng.normal(size=(m, m)))[0]
    right = np.linalg.qr(rng.normal(size=shape[::-1]))[0]
    return (left * np.geomspace(1, 1 / condition, m)) @ right.T


def _spd(condition, dtype, seed):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(N, N)))[0]
    a = _rounded((q * np.geomspace(1, 1 / condition, N)) @ q.T, dtype)
    return np.tril(a) + np.tril(a, -1).T


def _normal(shape, dtype, seed):
    return _rounded(np.random.default_rng(100 + seed).normal(size=shape), dtype)


def _direction(shape, dtype, seed):
    x = _normal((N, N), dtype, 50 + seed)
    return _rounded(shape(x), dtype)


def _of_spd(run, exact, *, with_b=False):
    """An operator of a positive definite matrix, and of a right-hand side if asked."""

    def case(condition, dtype, seed):
        inputs, direction = [_spd(condition, dtype, seed)], [_direction(symmetric, dtype, seed)]
        if with_b:
            inputs.append(_normal((N, COLUMNS), dtype, seed))
            direction.append(_normal((N, COLUMNS), dtype, 10 + seed))
        perturb = (symmetric, full)[: len(inputs)]
        return Case(run, exact, tuple(inputs), tuple(direction), perturb)

    return case


def _of_triangle(run, exact, *, with_b=True):
    """An operator of a triangle of the given condition."""

    def case(condition, dtype, seed):
        a = _with_singular_values((N, N), condition, seed)
        r = np.linalg.qr(a.T)[1].T
        inputs = [_rounded(r * np.sign(np.diagonal(r)), dtype)]
        direction = [_direction(lower, dtype, seed)]
        if with_b:
            inputs.append(_normal((N, COLUMNS), dtype, seed))
            direction.append(_normal((N, COLUMNS), dtype, 10 + seed))
        perturb = (lower, full)[: len(inputs)]
        return Case(run, exact, tuple(inputs), tuple(direction), perturb)

    return case


def _lq(condition, dtype, seed):
    shape = (N - 1, N + 1)

    def exact(a):
        factor = mpmath.cholesky(a * a.T)
        return [factor, mpmath.inverse(factor) * a]

    a = _rounded(_with_singular_values(shape, condition, seed), dtype)
    da = _normal(shape, dtype, 10 + seed)
    return Case(lambda a: linalg.lq(a)[:2], exact, (a,), (da,), (full,))


def _rank_one(run, sign):
    """A factor of a matrix of given condition, and a vector with ||L^-1 v|| = 0.9."""

    def exact(factor, v):
        factor = precise.tril(factor)
        return [mpmath.cholesky(factor * factor.T + sign * v * v.T)]

    def case(condition, dtype, seed):
        factor = _rounded(np.linalg.cholesky(_spd(condition, dtype, seed)), dtype)
        p = _normal(N, np.float64, seed)
        v = _rounded(factor @ (0.9 * p / np.linalg.norm(p)), dtype)
        # Directions as small as rows and columns of the factor are.
        direction = _rounded(factor @ _direction(lower, dtype, seed), dtype)
        dv = _rounded(factor @ _normal(N, dtype, 20 + seed), dtype)
        return Case(run, exact, (factor, v), (direction, dv), (lower, full))

    return case


def _inverse(a):
    return mpmath.inverse(a)


def _half_logdet(factor):
    return mpmath.fsum(mpmath.log(factor[i, i]) for i in range(N))


def _column(values):
    return mpmath.matrix([[x] for x in values])


def _inv_quad(a, b):
    x = b.T * _inverse(a) * b
    return [_column([x[i, i] for i in range(COLUMNS)])]


def _method(name):
    def run(a, *b):
        return (getattr(linalg.spd_factor(a), name)(*b),)

    return run


def _spectral(f, exact):
    return _of_spd(
        lambda a: (linalg.spectral_function(a, f),), lambda a: [precise.spectral(exact, a)]
    )


def _exact_eigh(a):
    values, vectors = precise.eigh(a)
    return [_column(values), vectors]


OPERATORS = {
    "cholesky": _of_spd(lambda a: (linalg.cholesky(a).factor,), lambda a: [mpmath.cholesky(a)]),
    "spd solve": _of_spd(_method("solve"), lambda a, b: [_inverse(a) * b], with_b=True),
    "spd inverse": _of_spd(_method("inverse"), lambda a: [_inverse(a)]),
    "spd logdet": _of_spd(
        _method("logdet"), lambda a: [_column([2 * _half_logdet(mpmath.cholesky(a))])]
    ),
    "spd inv_quad": _of_spd(_method("inv_quad"), _inv_quad, with_b=True),
    "lq": _lq,
    "eigh": _of_spd(lambda a: tuple(linalg.eigh(a)), _exact_eigh),
    "spectral log": _spectral(jnp.log, mpmath.log),
    "spectral sqrt": _spectral(jnp.sqrt, mpmath.sqrt),
    "spectral exp": _spectral(jnp.exp, mpmath.exp),
    "update": _rank_one(lambda f, v: (linalg.cholesky_update(f, v).factor,), 1),
    "downdate": _rank_one(lambda f, v: (linalg.cholesky_downdate(f, v).factor,), -1),
    "trmm": _of_triangle(lambda f, b: (linalg.trmm(f, b),), lambda f, b: [precise.tril(f) * b]),
    "trsm": _of_triangle(
        lambda f, b: (linalg.trsm(f, b),), lambda f, b: [_inverse(precise.tril(f)) * b]
    ),
    "syrk": _of_triangle(lambda f: (linalg.syrk(f),), lambda f: [f * f.T], with_b=False),
    "sum_log_diagonal": _of_triangle(
        lambda f: (linalg.sum_log_diagonal(f),),
        lambda f: [_column([_half_logdet(f)])],
        with_b=False,
    ),
}


@pytest.fixture(scope="module")
def modes():
    """Compiled derivatives, one for each operator; dtypes compile on their own."""
    known = {}

    def get(name, case):
        return known.setdefault(name, precise.both_modes(case.run))

    return get


def _conditions():
    for name in OPERATORS:
        for dtype in DTYPES:
            marks = () if dtype == "float64" else pytest.mark.slow
            yield pytest.param(name, dtype, None, id=f"{name}-{dtype}-limit", marks=marks)
            for condition in (1e1, 1e3, 1e5, 1e9, 1e13):
                if condition < 0.1 / np.finfo(dtype).eps:
                    yield pytest.param(name, dtype, condition, marks=pytest.mark.slow)


@pytest.mark.parametrize(("name", "dtype", "condition"), list(_conditions()))
def test_derivatives_against_50_digits(name, dtype, condition, modes):
    """Condition ``None`` is 0.1 / eps of the dtype."""
    if condition is None:
        condition = 0.1 / np.finfo(dtype).eps
    case = OPERATORS[name](condition, DTYPES[dtype], 0)
    found = precise.measure(case, modes(name, case), DTYPES[dtype])
    assert found.forward < BAR
    assert found.reverse < BAR
