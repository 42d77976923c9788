"""Blocks of the adjoints: which steps share a pull-back, and that none is lost or counted twice."""

import jax
import jax.numpy as jnp
import pytest

from gpkit.linalg import arnoldi, bidiagonalise, krylov, lanczos
from gpkit.linalg import hessenberg as arnoldi_module
from gpkit.linalg import tridiagonal as lanczos_module
from tests.linalg import krylov_cases as cases

N, DEPTH = 40, 19  # blocks of ten: the last one holds a step that does nothing


def scaled(v, d):
    """Few parameters, so that blocks are short; symmetric."""
    return d[0] * v + d[1:] * v + jnp.exp(d[0]) * (jnp.roll(v, 1) + jnp.roll(v, -1))


@pytest.mark.parametrize(
    "name",
    [
        "lanczos full",
        "arnoldi full",
        pytest.param("lanczos none", marks=pytest.mark.slow),
        pytest.param("arnoldi none", marks=pytest.mark.slow),
    ],
)
def test_gradient_over_several_blocks_is_that_of_the_plain_loop(name):
    kind, reortho = name.split()
    run, module = {"lanczos": (lanczos, lanczos_module), "arnoldi": (arnoldi, arnoldi_module)}[kind]
    forward = module.maps(lambda d, v: scaled(v, d), DEPTH, reortho == "full").forward
    args = cases.random((N,), 0), 0.3 * cases.random((N + 1,), 1)
    directions = cases.random((N,), 2), cases.random((N + 1,), 3)
    out, tangents, gradients = cases.both_modes(
        lambda v, d: cases.smooth(run(scaled, v, d, depth=DEPTH, reortho=reortho)),
        args,
        directions,
    )
    _, _, plain = cases.both_modes(lambda v, d: cases.smooth(forward(d, v)), args, directions)
    assert cases.relative(gradients, plain) < 1e-10
    assert cases.pairing_gap(out, tangents, gradients, directions) < 1e-10


def test_gradient_of_both_products_of_a_bidiagonalisation_over_several_blocks():
    args = cases.random((N,), 0), 0.3 * cases.random((N + 1,), 1)
    directions = cases.random((N,), 2), cases.random((N + 1,), 3)
    tall = lambda v, d: jnp.concatenate([scaled(v, d), d[3:8] * v[:5]])  # noqa: E731
    found = cases.both_modes(
        lambda v, d: cases.smooth(bidiagonalise(tall, v, d, depth=DEPTH)), args, directions
    )
    assert cases.pairing_gap(*found, directions) < 1e-10


def test_a_dense_matrix_gets_its_gradient_by_one_product_of_matrices():
    p, xs, ys = cases.random((7, 9), 0), cases.random((5, 9), 1), cases.random((5, 7), 2)
    pull = lambda p: krylov.products_gradient(lambda p, v: p @ v, p, xs, ys)  # noqa: E731
    assert cases.relative([pull(p)], [ys.T @ xs]) < 1e-14
    shapes = [e.outvars[0].aval.shape for e in jax.make_jaxpr(pull)(p).eqns]
    assert sorted(shapes, key=len)[-1] == (7, 9)
    products = [e for e in jax.make_jaxpr(pull)(p).eqns if e.primitive.name == "dot_general"]
    assert [e.outvars[0].aval.shape for e in products].count((7, 9)) == 1


@pytest.mark.parametrize(
    ("num_parameters", "depth", "length"),
    [(1, 10, 10), (1, 16, 16), (1, 19, 10), (1, 250, 10), (1, 53, 9), (100, 50, 50)],
)
def test_blocks_are_sixteen_steps_or_the_memory_of_the_parameters(num_parameters, depth, length):
    operands = {"d": jnp.ones(num_parameters * N)}
    assert krylov._block_length(operands, depth, N) == length
