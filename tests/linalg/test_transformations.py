"""Every transformation on every operator; second order against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit import linalg
from tests.linalg import calculus
from tests.linalg import krylov_cases as cases

N = 6
T = 0.3
_START = {False: cases.random((N,), 1), True: cases.random((N,), 1, complex_=True)}
_MOVE = {False: cases.random((N,), 2), True: cases.random((N,), 2, complex_=True)}
_MATRIX = {c: cases.hermitian(jnp.linspace(1.0, 3.0, N), complex_=c) for c in (False, True)}
_CHANGE = {c: cases.hermitian(jnp.linspace(-0.5, 0.5, N), 7, complex_=c) for c in (False, True)}
_SKEW = cases.random((N, N), 8)


def _inputs(t, *, complex_):
    """Start vector and Hermitian matrix that move with t."""
    c = complex_
    return _START[c] + jnp.sin(t) * _MOVE[c], _MATRIX[c] + t * _CHANGE[c]


def _weighted(outputs):
    return sum(jnp.sum((w * x).real) for w, x in zip(cases.weights_like(outputs), outputs))  # noqa: B905


def _lanczos(reortho, complex_):
    def loss(t):
        v, p = _inputs(t, complex_=complex_)
        return _weighted(cases.smooth(linalg.lanczos(cases.dense, v, p, depth=4, reortho=reortho)))

    return loss


def _arnoldi(reortho, complex_):
    def loss(t):
        v, p = _inputs(t, complex_=complex_)
        p = p + jnp.cos(t) * 0.3 * _SKEW
        return _weighted(cases.smooth(linalg.arnoldi(cases.dense, v, p, depth=4, reortho=reortho)))

    return loss


def _bidiagonalise(complex_):
    def loss(t):
        v, p = _inputs(t, complex_=complex_)
        p = jnp.concatenate([p, jnp.cos(t) * _SKEW[:2]])
        return _weighted(cases.smooth(linalg.bidiagonalise(cases.dense, v, p, depth=3)))

    return loss


def _checkpointed(t):
    v, p = _inputs(t, complex_=False)
    steps = linalg.lanczos_checkpointed(cases.dense, v, p, depth=5, segment=2)
    return jnp.sum(jnp.sin(steps.diagonal)) + jnp.sum(steps.offdiagonal**2) * steps.norm


def _quadratic(gradient):
    def loss(t):
        """A shifted logarithm: f is closed over the variable as well. Full depth."""
        v, p = _inputs(t, complex_=False)
        return linalg.funm_quadratic(
            lambda x: jnp.log(x + t * t), cases.dense, v, p, depth=N, gradient=gradient
        ).value

    return loss


def _action(t):
    v, p = _inputs(t, complex_=True)
    got = linalg.funm_lanczos(lambda x: jnp.exp(-x * (1 + t)), cases.dense, v, p, depth=4).value
    return _weighted([got])


def _general_action(t):
    v, p = _inputs(t, complex_=False)
    p = p + 0.2 * jnp.cos(t) * _SKEW
    return _weighted([linalg.funm_arnoldi(jnp.sqrt, cases.dense, v, p, depth=4).value])


def _exponential(t):
    v, p = _inputs(t, complex_=False)
    p = p + 0.2 * jnp.cos(t) * _SKEW
    return _weighted([linalg.expm_multiply(cases.dense, v, p, depth=4, num_substeps=2).value])


_FACTOR = jnp.linalg.cholesky(_MATRIX[False])
_COLUMNS = cases.random((N, 2), 9)


def _spd(method):
    def loss(t):
        v, p = _inputs(t, complex_=False)
        function = getattr(linalg.spd_factor(p), method)
        return _weighted([jnp.sin(function(v) if method in ("solve", "inv_quad") else function())])

    return loss


def _lq(t):
    return _weighted(list(linalg.lq((_MATRIX[False] + t * _SKEW)[:4])[:2]))


def _eigh(t):
    values, vectors = linalg.eigh(_MATRIX[False] + t * _CHANGE[False])
    return _weighted([jnp.sin(values), vectors])


def _spectral(eigenvalues):
    matrix = cases.hermitian(jnp.asarray(eigenvalues))

    def loss(t):
        """f is closed over the variable as well."""
        moved = matrix + t * (t - T) * _CHANGE[False]
        return _weighted([linalg.spectral_function(moved, lambda x: jnp.log(x + t * t))])

    return loss


def _rank_one(change):
    def loss(t):
        v, _ = _inputs(t, complex_=False)
        return _weighted([change(_FACTOR + t * 0.1 * _SKEW, 0.3 * v).factor])

    return loss


def _triangular(operator, side, trans):
    def loss(t):
        b = _COLUMNS + t * _COLUMNS**2
        b = b if side == "left" else b.T
        return _weighted([jnp.sin(operator(_FACTOR + t * _SKEW, b, side=side, trans=trans))])

    return loss


def _outer(t):
    return _weighted([jnp.sin(linalg.syrk(_COLUMNS + t * _COLUMNS**2))])


def _log_diagonal(t):
    return linalg.sum_log_diagonal(_FACTOR + t * 0.1 * _SKEW)


OPERATORS = {
    "lanczos": _lanczos("full", False),
    "lanczos complex": _lanczos("full", True),
    "lanczos without reorthogonalisation": _lanczos("none", True),
    "lanczos checkpointed": _checkpointed,
    "arnoldi": _arnoldi("full", True),
    "arnoldi without reorthogonalisation": _arnoldi("none", False),
    "bidiagonalise": _bidiagonalise(True),
    "funm_quadratic": _quadratic("adjoint"),
    "funm_quadratic frozen": _quadratic("frozen"),
    "funm_lanczos": _action,
    "funm_arnoldi": _general_action,
    "expm_multiply": _exponential,
    "spd solve": _spd("solve"),
    "spd inverse": _spd("inverse"),
    "spd logdet": _spd("logdet"),
    "spd inv_quad": _spd("inv_quad"),
    "lq": _lq,
    "eigh": _eigh,
    "spectral_function": _spectral([1.0, 1.5, 2.0, 2.5, 3.0, 3.5]),
    "spectral_function at repeats": _spectral([1.0, 1.0, 1.0, 2.0, 2.0, 3.0]),
    "cholesky_update": _rank_one(linalg.cholesky_update),
    "cholesky_downdate": _rank_one(linalg.cholesky_downdate),
    "trmm": _triangular(linalg.trmm, "left", "T"),
    "trsm": _triangular(linalg.trsm, "left", "N"),
    "trsm from the right": _triangular(linalg.trsm, "right", "N"),
    "syrk": _outer,
    "sum_log_diagonal": _log_diagonal,
}
STEP = 1e-3


@pytest.fixture(scope="module")
def reference():
    """Value, first and second derivative from values alone, by central differences."""
    known = {}

    def get(name, order):
        if name not in known:
            f = jax.jit(jax.vmap(OPERATORS[name]))
            step = STEP * jnp.arange(-4, 5)
            values = np.asarray(f(T + step))
            first = np.array(
                [1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280]
            )
            second = np.array(
                [-1 / 560, 8 / 315, -1 / 5, 8 / 5, -205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560]
            )
            known[name] = values[4], first @ values / STEP, second @ values / STEP**2
        return known[name][order]

    return get


TOLERANCE = (1e-12, 1e-8, 1e-6)  # for values, first and second derivatives


@pytest.mark.parametrize("name", OPERATORS)
def test_both_modes_and_their_compositions(name, reference):
    f = OPERATORS[name]
    orders = {"grad": 1, "jvp": 1, "forward over reverse": 2, "reverse over reverse": 2}
    run = jax.jit(lambda t: [calculus.TRANSFORMATIONS[key][0](f)(t) for key in orders])
    for got, order in zip(run(T), orders.values(), strict=True):
        tolerance = TOLERANCE[order]
        assert float(got) == pytest.approx(reference(name, order), rel=tolerance, abs=tolerance)


def _every_pair():
    """All transformations: of the first operator always, of the others when there is time."""
    for name in OPERATORS:
        marks = () if name == "lanczos" else pytest.mark.slow
        for transformation in calculus.TRANSFORMATIONS:
            yield pytest.param(name, transformation, marks=marks)


@pytest.mark.parametrize(("name", "transformation"), list(_every_pair()))
def test_every_transformation(name, transformation, reference):
    transform, order = calculus.TRANSFORMATIONS[transformation]
    got, tolerance = float(jax.jit(transform(OPERATORS[name]))(T)), TOLERANCE[order]
    assert got == pytest.approx(reference(name, order), rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("name", ["lanczos", "arnoldi", "bidiagonalise", "funm_lanczos"])
def test_linear_transpose_of_linearize(name, reference):
    @jax.jit
    def slope(t):
        _, linear = jax.linearize(OPERATORS[name], t)
        return jax.linear_transpose(linear, t)(1.0)[0]

    assert float(slope(T)) == pytest.approx(reference(name, 1), rel=1e-8, abs=1e-8)
