"""LQ: the factors multiply to A, are unique, and say where they are not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import lq
from gpkit.results import Status
from tests.linalg.lowered import batched_triangular_solves

SHAPE = (3, 5)
A = np.random.default_rng(0).normal(size=SHAPE)
WEIGHTS = np.random.default_rng(1).normal(size=SHAPE)
factorise = jax.jit(lq)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 1), np.float64),
        ((3, 3), np.float64),
        ((3, 5), np.float32),
        ((3, 5), np.float64),
        pytest.param((40, 60), np.float32, marks=pytest.mark.slow),
        pytest.param((40, 60), np.float64, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("condition", [1.0, 1e5])
def test_factors_multiply_to_the_matrix(shape, dtype, condition):
    rng = np.random.default_rng(2)
    a = (np.geomspace(1, 1 / condition, shape[0])[:, None] * rng.normal(size=shape)).astype(dtype)
    lower, q, _, status = factorise(a)
    assert lower.dtype == q.dtype == dtype
    assert int(status) == Status.SUCCESS
    np.testing.assert_array_equal(np.triu(lower, 1), 0)
    assert np.all(np.diagonal(lower) > 0)
    lower, q = np.asarray(lower, float), np.asarray(q, float)
    # LAPACK's scaled residuals.
    unit = shape[1] * np.finfo(dtype).eps
    assert np.linalg.norm(lower @ q - a, 1) < 30 * unit * np.linalg.norm(a, 1)
    assert np.linalg.norm(q @ q.T - np.eye(len(q)), 1) < 30 * unit


def test_qr_of_a_tall_matrix():
    tall = A.T
    lower, q, *_ = factorise(tall.T)
    want_q, want_r = np.linalg.qr(tall)
    signs = np.sign(np.diagonal(want_r))
    np.testing.assert_allclose(q.T, want_q * signs, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(lower.T, signs[:, None] * want_r, rtol=1e-12, atol=1e-14)


def by_cholesky(a):
    """The same factors in a way that is unfit for use: it squares the condition number."""
    lower = jnp.linalg.cholesky(a @ a.T)
    return lower, jnp.linalg.solve(lower, a)


@pytest.mark.parametrize("shape", [(3, 5), pytest.param((3, 3), marks=pytest.mark.slow)])
def test_first_and_second_derivatives(shape):
    a, da = A[:, : shape[1]], WEIGHTS[:, : shape[1]]

    def loss(factors):
        lower, q = factors
        weighted = jnp.sum(WEIGHTS[:, :3] * jnp.sin(lower))
        return weighted + jnp.sum(WEIGHTS[:, : shape[1]] * jnp.cos(q))

    @jax.jit
    def derivatives(a):
        both = (lambda a: loss(lq(a)[:2])), (lambda a: loss(by_cholesky(a)))
        return [
            (
                jax.jacfwd(lambda t: f(a + t * da))(0.0),
                jax.grad(f)(a),
                jax.jvp(jax.grad(f), (a,), (da,))[1],
                jax.grad(lambda a: jnp.sum(da * jax.grad(f)(a)))(a),
            )
            for f in both
        ]

    got, want = derivatives(a)
    for x, y in zip(got, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)


def _deficient():
    twice = np.vstack([A[:2], A[:1] - 2 * A[1:2]])
    zero_row = A.copy()
    zero_row[1] = 0
    return {"dependent": twice, "zero row": zero_row, "zero": np.zeros(SHAPE)}


@jax.jit
def both_modes(a, weights):
    """The factorisation, its tangents, and the gradient of a weighted sum of Q."""
    found, tangents = jax.jvp(lq, (a,), (weights,))
    return found, tangents[:2], jax.grad(lambda a: jnp.sum(weights * lq(a).q))(a)


@pytest.mark.parametrize("name", _deficient())
def test_rank_deficiency_is_said_and_has_no_derivative(name):
    a = _deficient()[name]
    (lower, q, condition, status), tangents, gradient = both_modes(a, WEIGHTS)
    assert int(status) == Status.RANK_DEFICIENT
    assert condition > 1e14
    np.testing.assert_allclose(lower @ q, a, atol=1e-14)
    np.testing.assert_allclose(q @ q.T, np.eye(3), atol=1e-14)
    assert np.all(np.isnan(tangents[1]))
    assert np.all(np.isnan(gradient))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_condition_up_to_the_limit_of_the_dtype(dtype):
    """A tenth of 1 / eps counts as full rank, a hundred times that does not."""
    rng = np.random.default_rng(4)
    left = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    right = np.linalg.qr(rng.normal(size=(5, 3)))[0]
    for condition, status in ((0.1, Status.SUCCESS), (100.0, Status.RANK_DEFICIENT)):
        condition = condition / np.finfo(dtype).eps
        a = ((left * np.array([1, 1, 1 / condition])) @ right.T).astype(dtype)
        found = factorise(a)
        assert int(found.status) == status
        if status == Status.SUCCESS:
            assert 0.3 * condition < float(found.condition) < 10 * condition


@pytest.mark.parametrize(
    "scale", [1e-280, 1e280, np.array([[1e-140], [1.0], [1e140]])], ids=["tiny", "huge", "graded"]
)
def test_scale_of_rows_does_not_matter(scale):
    found, want = factorise(scale * A), factorise(A)
    np.testing.assert_allclose(found.q, want.q, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.lower / scale, want.lower, rtol=1e-12, atol=1e-14)
    assert float(found.condition) == pytest.approx(float(want.condition), rel=1e-10)


def test_nan_is_said():
    a = A.copy()
    a[1, 2] = np.nan
    assert int(factorise(a).status) == Status.NON_FINITE


def test_batches():
    stack = np.stack([A, 2 * A + WEIGHTS, _deficient()["dependent"]])
    batched = jax.jit(jax.vmap(both_modes, in_axes=(0, None)))
    assert batched_triangular_solves(batched, stack, WEIGHTS) == 0
    found, _, gradients = batched(stack, WEIGHTS)
    assert found.status.tolist() == [0, 0, Status.RANK_DEFICIENT]
    for i in range(2):
        single, _, gradient = both_modes(stack[i], WEIGHTS)
        np.testing.assert_allclose(found.lower[i], single.lower, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(found.q[i], single.q, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(gradients[i], gradient, rtol=1e-11, atol=1e-12)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"at least as many columns as rows.*transpose"):
        lq(jnp.ones((3, 2)))
    with pytest.raises(ValueError, match=r"lq needs a matrix, got shape \(3,\)"):
        lq(jnp.ones(3))
