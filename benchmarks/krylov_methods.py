"""Methods of the suite ``krylov``: functions (v, params) -> scalar, by operator and loss."""

from functools import partial

import jax
import jax.numpy as jnp

from gpkit.linalg import (
    expm_multiply,
    funm_lanczos,
    funm_lanczos_checkpointed,
    funm_quadratic,
    hermitian_function,
    lanczos_checkpointed,
)
from gpkit.linalg.funm import filled
from gpkit.linalg.hessenberg import maps as arnoldi_maps
from gpkit.linalg.tridiagonal import maps as lanczos_maps

try:
    from matfree import decomp as matfree_decomp
    from matfree import funm as matfree_funm
except ImportError:  # its rows are then missing, and the file says so
    matfree_decomp = matfree_funm = None

# algorithm -> (decomposition, reorthogonalisation)
ALGORITHMS = {
    "lanczos full": ("lanczos", "full"),
    "lanczos none": ("lanczos", "none"),
    "arnoldi full": ("arnoldi", "full"),
}


def losses(algorithm):
    """The losses that are measured with an algorithm."""
    return ("vector",) if "arnoldi" in algorithm else ("form", "vector")


def methods(matvec, algorithm, depth, loss, weights):
    """The methods that can compute this loss, by name."""
    kind, reortho = ALGORITHMS[algorithm]
    case = (matvec, depth, reortho, weights)
    if kind == "arnoldi":
        found = {"gpkit": _gpkit_exponential, "backprop": _backprop_exponential}
        found["matfree"] = _matfree_exponential
    elif loss == "vector":
        found = {"gpkit": _gpkit_vector, "backprop": _backprop_vector, "matfree": _matfree_vector}
        if reortho == "none":
            found["gpkit checkpointed"] = _gpkit_checkpointed_vector
    else:
        found = {
            "gpkit": partial(_gpkit_form, "adjoint"),
            "gpkit frozen": partial(_gpkit_form, "frozen"),
            "backprop": _backprop_form,
            "matfree": _matfree_form,
        }
        if reortho == "none":
            found["gpkit checkpointed"] = _gpkit_checkpointed
    if matfree_decomp is None:
        del found["matfree"]
    return {name: partial(function, *case) for name, function in found.items()}


def _gpkit_form(gradient, matvec, depth, reortho, weights, v, p):
    options = {"depth": depth, "reortho": reortho, "gradient": gradient}
    return funm_quadratic(jnp.log, matvec, v, p, **options).value


def _gpkit_checkpointed(matvec, depth, reortho, weights, v, p):
    return _small_form(lanczos_checkpointed(matvec, v, p, depth=depth))


def _gpkit_vector(matvec, depth, reortho, weights, v, p):
    return weights @ funm_lanczos(jnp.log, matvec, v, p, depth=depth, reortho=reortho).value


def _gpkit_checkpointed_vector(matvec, depth, reortho, weights, v, p):
    return weights @ funm_lanczos_checkpointed(jnp.log, matvec, v, p, depth=depth).value


def _gpkit_exponential(matvec, depth, reortho, weights, v, p):
    return weights @ expm_multiply(matvec, v, p, depth=depth, reortho=reortho).value


def _small_form(steps):
    return steps.norm**2 * hermitian_function(jnp.log, filled(steps))[0, 0]


def _backprop_form(matvec, depth, reortho, weights, v, p):
    forward = lanczos_maps(lambda p, v: matvec(v, p), depth, reortho == "full").forward
    return _small_form(forward(p, v))


def _backprop_vector(matvec, depth, reortho, weights, v, p):
    steps = lanczos_maps(lambda p, v: matvec(v, p), depth, reortho == "full").forward(p, v)
    return weights @ (steps.norm * hermitian_function(jnp.log, filled(steps))[0] @ steps.basis)


def _backprop_exponential(matvec, depth, reortho, weights, v, p):
    steps = arnoldi_maps(lambda p, v: matvec(v, p), depth, reortho == "full").forward(p, v)
    return weights @ (steps.norm * jax.scipy.linalg.expm(steps.hessenberg)[:, 0] @ steps.basis)


def _matfree_form(matvec, depth, reortho, weights, v, p):
    steps = matfree_decomp.tridiag_sym(depth, reortho=reortho)(matvec, v, p)
    small = matfree_funm.dense_funm_sym_eigh(jnp.log)(steps.J_small)
    return small[0, 0] / steps.init_length_inv**2


def _matfree_vector(matvec, depth, reortho, weights, v, p):
    algorithm = matfree_decomp.tridiag_sym(depth, reortho=reortho)
    dense = matfree_funm.dense_funm_sym_eigh(jnp.log)
    return weights @ matfree_funm.funm_lanczos_sym(dense, algorithm)(matvec, v, p)


def _matfree_exponential(matvec, depth, reortho, weights, v, p):
    # Both switches: in this release each acts on the other's half.
    algorithm = matfree_decomp.hessenberg(depth, reortho=reortho, reortho_vjp=reortho)
    dense = matfree_funm.dense_funm_pade_exp()
    return weights @ matfree_funm.funm_arnoldi(dense, algorithm)(matvec, v, p)
