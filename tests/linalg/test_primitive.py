"""A hand-written pair of maps behaves like JAX's own derivative under every transformation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpkit.linalg.primitive import densify, hoist, pullback, pushforward, with_adjoint
from tests.linalg import calculus

SLOPE = jnp.array([0.3, -0.7, 1.1])


def _forward(x, scale, exponent):
    """Two outputs, one of them an integer; `exponent` is an integer argument."""
    return {"power": jnp.sum(scale * x**exponent), "decay": jnp.exp(-scale * x), "count": exponent}


def _tangent(args, out, dargs):
    x, scale, exponent = args
    dx, dscale, _ = densify(dargs, args)
    slope = exponent * x ** (exponent - 1)
    return {
        "power": jnp.sum(dscale * x**exponent + scale * slope * dx),
        "decay": -out["decay"] * (dscale * x + scale * dx),
        "count": None,
    }


def _adjoint(args, out, cotangent):
    x, scale, exponent = args
    cotangent = densify(cotangent, out)
    weight = -out["decay"] * cotangent["decay"]
    slope = exponent * x ** (exponent - 1)
    dx = cotangent["power"] * scale * slope + weight * scale
    dscale = cotangent["power"] * jnp.sum(x**exponent) + jnp.sum(weight * x)
    return dx, dscale, None


OPERATOR = with_adjoint(_forward, _tangent, _adjoint)


def _loss(function):
    def of_t(t):
        x = jnp.array([0.4, 0.9, 1.3]) + t * SLOPE
        out = function(x, 0.5 + t * t, 3)
        return out["power"] * jnp.sum(jnp.sin(out["decay"]))

    return of_t


@pytest.mark.parametrize("name", calculus.TRANSFORMATIONS)
def test_every_transformation(name):
    transform, _ = calculus.TRANSFORMATIONS[name]
    t = jnp.asarray(0.2)
    ours, plain = transform(_loss(OPERATOR))(t), transform(_loss(_forward))(t)
    np.testing.assert_allclose(ours, plain, rtol=1e-12)


def test_third_order():
    thrice = jax.grad(jax.jacfwd(jax.grad(_loss(OPERATOR))))
    plain = jax.grad(jax.jacfwd(jax.grad(_loss(_forward))))
    np.testing.assert_allclose(thrice(0.2), plain(0.2), rtol=1e-12)


def test_linear_transpose_of_linearize():
    """The transpose of the linearised map, taken from outside, is the gradient."""
    x = jnp.array([0.4, 0.9, 1.3])
    _, linear = jax.linearize(lambda x: OPERATOR(x, 0.5, 3)["decay"], x)
    weights = jnp.array([1.0, -2.0, 0.5])
    (got,) = jax.linear_transpose(linear, x)(weights)
    np.testing.assert_allclose(got, -0.5 * jnp.exp(-0.5 * x) * weights, rtol=1e-14)


def test_vmap_of_grad_sums_over_a_shared_argument():
    xs = jnp.array([[0.4, 0.9, 1.3], [0.2, 0.1, 0.7]])

    def total(scale, function):
        return jnp.sum(jax.vmap(lambda x: function(x, scale, 3)["decay"])(xs))

    got, want = (jax.grad(total)(0.5, f) for f in (OPERATOR, _forward))
    np.testing.assert_allclose(got, want, rtol=1e-14)


def test_known_zeros_arrive_as_none():
    """Neither an output that nobody uses nor an argument that is constant costs anything."""
    seen = {}

    def tangent(args, out, dargs):
        seen["dargs"] = [d is None for d in dargs]
        return _tangent(args, out, dargs)

    def adjoint(args, out, cotangent):
        seen["cotangent"] = {k: v is None for k, v in cotangent.items()}
        return _adjoint(args, out, cotangent)

    operator = with_adjoint(_forward, tangent, adjoint)
    jax.grad(lambda x: operator(x, 0.5, 3)["power"])(jnp.ones(3))
    assert seen["dargs"] == [False, True, True]
    assert seen["cotangent"] == {"power": False, "decay": True, "count": True}


def test_wrong_structure_is_named():
    broken = with_adjoint(_forward, _tangent, lambda args, out, ct: (args[0],))
    with pytest.raises(ValueError, match="returned the wrong structure"):
        jax.grad(lambda x: broken(x, 0.5, 3)["power"])(jnp.ones(3))


def test_hoist_finds_traced_and_constant_arrays():
    constant = jnp.arange(3.0)

    def value(traced, x):
        index = (traced > 0).astype(int)  # an integer tracer must be found as well
        pure, captured = hoist(lambda y: {"a": y * constant[index] + traced}, x)
        assert len(captured) >= 2
        return jnp.sum(pure(captured, x)["a"])

    got = jax.jit(jax.grad(value, argnums=(0, 1)))(2.0, jnp.ones(3))
    np.testing.assert_allclose(got[0], 3.0)
    np.testing.assert_allclose(got[1], jnp.ones(3))


def test_pushforward_and_pullback_skip_what_does_not_vary():
    def function(x, scale, exponent):
        return scale * x**exponent

    args = (jnp.array([1.0, 2.0]), jnp.asarray(3.0), 2)
    moved = pushforward(function, args, (jnp.ones(2), None, None))
    np.testing.assert_allclose(moved, [6.0, 12.0])
    dx, dscale, dexponent = pullback(function, args, jnp.ones(2))
    np.testing.assert_allclose(dx, [6.0, 12.0])
    np.testing.assert_allclose(dscale, 5.0)
    assert dexponent is None
    np.testing.assert_allclose(pushforward(function, args, (None, None, None)), [0.0, 0.0])
