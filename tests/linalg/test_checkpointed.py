"""Lanczos in bounded memory: the same numbers, fewer vectors, a known number of products."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import lanczos, lanczos_checkpointed
from gpkit.results import Status
from tests.linalg import krylov_cases as cases


def _loss(function, options):
    def loss(p, v):
        steps = function(cases.symmetrised, v, p, **options)
        total = jnp.sum(jnp.sin(steps.diagonal)) + steps.norm * jnp.sum(steps.offdiagonal**2)
        return total + jnp.sum(jnp.abs(steps.residual) ** 3)

    return loss


@pytest.mark.parametrize(
    ("depth", "segment", "complex_"),
    [(1, None, False), (9, 3, False), (10, 3, True), (10, 20, False), (10, 1, False)],
)
def test_agrees_with_the_stored_basis(depth, segment, complex_):
    """Value, both modes and both second derivatives, for whole and broken segments."""
    matrix = cases.hermitian(jnp.linspace(1.0, 5.0, 16), complex_=complex_)
    v, dv = (cases.random((16,), seed, complex_=complex_) for seed in (1, 2))
    dp = cases.random((16, 16), 3, complex_=complex_)
    options = {"depth": depth, "segment": segment}
    pair = _loss(lanczos_checkpointed, options), _loss(lanczos, {"depth": depth, "reortho": "none"})

    @jax.jit
    def everything(p, v):
        def of(f):
            gradient = jax.grad(f, (0, 1))
            return (
                jax.value_and_grad(f, (0, 1))(p, v),
                jax.jvp(f, (p, v), (dp, dv)),
                jax.jvp(gradient, (p, v), (dp, dv)),
                jax.grad(lambda v: jnp.vdot(dv, gradient(p, v)[1]).real)(v),
            )

        return of(pair[0]), of(pair[1])

    got, want = everything(matrix, v)
    assert cases.relative(got, want) < 1e-12


def test_breakdown_and_status():
    matrix = jnp.diag(jnp.repeat(jnp.array([1.0, 2.0, 5.0]), 4))
    steps = lanczos_checkpointed(cases.dense, jnp.ones(12), matrix, depth=8, segment=2)
    assert (int(steps.num_steps), int(steps.status)) == (3, Status.EARLY_BREAKDOWN)
    assert steps.basis is None
    gradient = jax.grad(_loss(lanczos_checkpointed, {"depth": 8, "segment": 2}))
    assert np.all(np.isfinite(jax.jit(gradient)(matrix, jnp.ones(12))))


@pytest.mark.parametrize("segment", [None, 10, 50])
def test_memory_follows_the_formula_at_depth_250(segment):
    n, depth = 4000, 250
    length = 23 if segment is None else segment  # ceil(sqrt(500)) = 23

    def loss(d, v):
        steps = lanczos_checkpointed(lambda v, d: d * v, v, d, depth=depth, segment=segment)
        return jnp.sum(jnp.sin(steps.diagonal))

    compiled = jax.jit(jax.grad(loss)).lower(jnp.ones(n), jnp.ones(n)).compile()
    vectors = compiled.memory_analysis().temp_size_in_bytes / (8 * n)
    kept = 2 * ((depth - 1) // length + 1) + length + 1
    working = 10  # the recurrence itself, and K-sized arrays
    assert kept - 1 < vectors < kept + working
    assert vectors < 0.35 * depth


def test_number_of_products_follows_the_formula_at_depth_250():
    calls = []

    @jax.custom_jvp
    def counted(x):
        """The identity; it counts how often a product is really evaluated."""
        return jax.pure_callback(lambda x: (calls.append(None), x)[1], x, x)

    counted.defjvp(lambda x, dx: (counted(*x), dx[0]))
    n, depth = 300, 250
    diagonal = jnp.linspace(1.0, 2.0, n)

    def loss(v, segment):
        steps = lanczos_checkpointed(
            lambda v: counted(diagonal * v), v, depth=depth, segment=segment
        )
        return jnp.sum(steps.diagonal)

    v = cases.random((n,), 1)
    for segment in (23, 100):
        calls.clear()
        jax.block_until_ready(jax.jit(jax.grad(loss), static_argnums=1)(v, segment))
        full, rest = (depth - 1) // segment, (depth - 1) % segment + 1
        assert len(calls) == depth + full * (segment - 1) + rest - 1


def test_wrong_segment_is_named():
    with pytest.raises(ValueError, match="segment must be at least 1"):
        lanczos_checkpointed(cases.dense, jnp.ones(4), jnp.eye(4), depth=2, segment=0)
