"""f(A) v in bounded memory: the numbers of the stored basis, fewer vectors, known products."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg import funm_lanczos, funm_lanczos_checkpointed
from gpkit.results import Status
from tests.linalg import krylov_cases as cases


def _loss(function, options):
    def loss(p, v, power):
        """f is closed over a variable as well."""
        value = function(lambda x: x**power, cases.symmetrised, v, p, **options).value
        return jnp.sum(jnp.sin(value.real)) + jnp.sum(jnp.abs(value) ** 3)

    return loss


@pytest.mark.parametrize(
    ("depth", "segment", "complex_"),
    [
        (9, 20, False),
        pytest.param(1, None, False, marks=pytest.mark.slow),
        pytest.param(10, 3, True, marks=pytest.mark.slow),
    ],
)
def test_agrees_with_the_stored_basis(depth, segment, complex_):
    """Value, both modes and both second derivatives, for whole and broken segments."""
    matrix = cases.hermitian(jnp.linspace(1.0, 5.0, 16), complex_=complex_)
    v, dv = (cases.random((16,), seed, complex_=complex_) for seed in (1, 2))
    dp = cases.random((16, 16), 3, complex_=complex_)
    point, direction = (matrix, v, jnp.asarray(0.7)), (dp, dv, jnp.asarray(0.3))
    options = {"depth": depth, "segment": segment}
    plain = {"depth": depth, "reortho": "none"}
    pair = _loss(funm_lanczos_checkpointed, options), _loss(funm_lanczos, plain)

    @jax.jit
    def everything(point, direction):
        def of(f):
            gradient = jax.grad(f, (0, 1, 2))
            return (
                jax.value_and_grad(f, (0, 1, 2))(*point),
                jax.jvp(f, point, direction),
                jax.jvp(gradient, point, direction),
                jax.grad(lambda v: jnp.vdot(dv, gradient(point[0], v, point[2])[1]).real)(v),
            )

        return of(pair[0]), of(pair[1])

    got, want = everything(point, direction)
    assert cases.relative(got, want) < 1e-11


def test_breakdown_keeps_the_value_exact():
    matrix = cases.hermitian(np.repeat([1.0, 2.0, 5.0], 4))
    v = cases.random((12,), 1)
    out = funm_lanczos_checkpointed(jnp.log, cases.dense, v, matrix, depth=8, segment=2)
    np.testing.assert_allclose(out.value, cases.spectral(jnp.log, matrix) @ v, atol=1e-12)
    assert (int(out.num_steps), int(out.status)) == (3, Status.EARLY_BREAKDOWN)


def test_memory_of_value_and_gradient_at_depth_250():
    n, depth, segment = 4000, 250, 23  # ceil(sqrt(500)) = 23

    def value(d, v):
        return funm_lanczos_checkpointed(jnp.log, lambda v, d: d * v, v, d, depth=depth).value

    def vectors(f):
        compiled = jax.jit(f).lower(jnp.ones(n), jnp.ones(n)).compile()
        small = 30 * depth**2  # of the eigendecomposition of T and its derivative
        return (compiled.memory_analysis().temp_size_in_bytes / 8 - small) / n

    kept = 2 * ((depth - 1) // segment + 1) + segment + 1
    assert vectors(lambda d, v: jnp.sum(jnp.sin(value(d, v)))) < 12
    assert vectors(jax.grad(lambda d, v: jnp.sum(jnp.sin(value(d, v))))) < kept + 12


def test_number_of_products():
    calls = []

    @jax.custom_jvp
    def counted(x):
        """The identity; it counts how often a product is really evaluated."""
        return jax.pure_callback(lambda x: (calls.append(None), x)[1], x, x)

    counted.defjvp(lambda x, dx: (counted(*x), dx[0]))
    n, depth, segment = 60, 40, 9
    diagonal = jnp.linspace(1.0, 2.0, n)

    def loss(v):
        return jnp.sum(
            funm_lanczos_checkpointed(
                jnp.log, lambda v: counted(diagonal * v), v, depth=depth, segment=segment
            ).value
        )

    v = cases.random((n,), 1)
    jax.block_until_ready(jax.jit(loss)(v))
    assert len(calls) == 2 * depth
    calls.clear()
    jax.block_until_ready(jax.jit(jax.grad(loss))(v))
    full, rest = (depth - 1) // segment, (depth - 1) % segment + 1
    again = full * (segment - 1) + rest - 1
    # the value itself is not asked for, so that its second run is dropped
    assert len(calls) in (2 * depth + again, 3 * depth + again)


def test_wrong_segment_is_named():
    with pytest.raises(ValueError, match="segment must be at least 1"):
        funm_lanczos_checkpointed(jnp.log, cases.dense, jnp.ones(4), jnp.eye(4), depth=2, segment=0)
