r"""Trace estimators: Hutchinson and Hutch++.

The matrix is known by block products, `matvec(V, *params)` for V n x k; lift a product with
vectors by `jax.vmap(f, in_axes=1, out_axes=1)`. For tr f(A) hand in products with f(A); their
errors are not seen here. Everything is differentiable with respect to parameters and
closed-over values. Estimators that build a basis Q from products have two derivatives, chosen by
`basis`:

- `"frozen"`: Q is data. The estimator is unbiased for every Q that does not depend on the
  remaining probes, hence so is this derivative, and it is one product's derivative per product.
  It exists for matrices of any rank.
  Its variance was the smaller one in every case measured, by up to 6 times in the standard
  deviation. Neither profits from the basis as the value does: for log-determinants of kernel
  matrices Hutchinson's gradient was mostly the best of all at equal products.
- `"differentiated"`: the derivative of the computed number itself, through the QR factorisation
  that makes Q; NaN where that has no derivative (numerically dependent products).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float, MatVec, PRNGKeyArray, PyTree
from gpkit.linalg.probes import Probes, rademacher
from gpkit.results import Estimate, Status

Template = Float[Array, " n"] | jax.ShapeDtypeStruct


def hutchinson(
    matvec: MatVec,
    template: Template,
    *params: PyTree,
    key: PRNGKeyArray,
    num_matvecs: int,
    probes: Probes = rademacher,
) -> Estimate:
    """tr A as the mean of z^T A z over `num_matvecs` probes.

    Unbiased; standard error of order |A|_F / sqrt(num_matvecs) for any spectrum.

    Args:
        matvec: block product; see the module.
        template: an array of length n, or its shape and dtype.
        key, probes: see `gpkit.linalg.probes`.

    Cost: one block product with `num_matvecs` columns.

    Raises:
        ValueError: `num_matvecs` below 1.

    Source: Girard 1989; Hutchinson 1990.
    """
    check_budget(num_matvecs, 1, None)
    z = probes(key, num_matvecs, template.shape[0], template.dtype).T
    return estimate(jnp.sum(z * matvec(z, *params), axis=0), key)


def hutch_plus_plus(
    matvec: MatVec,
    template: Template,
    *params: PyTree,
    key: PRNGKeyArray,
    num_matvecs: int,
    basis: str = "frozen",
) -> Estimate:
    r"""tr A = tr(Q^T A Q) + tr((I - Q Q^T) A (I - Q Q^T)), the first term exact.

    Q spans A S for a third of the products; another third gives A Q; the last third is
    Hutchinson's estimate of the second term. Unbiased for any square A; for positive
    semidefinite A the error falls like 1 / num_matvecs, faster with the spectrum.

    Arguments as in `hutchinson`; `num_matvecs` is rounded down to a multiple of 3, at most 3n;
        `basis` is "frozen" or "differentiated", see the module.

    Cost beside the products: O(n num_matvecs^2) flops.

    Raises:
        ValueError: `num_matvecs` out of range, or an unknown `basis`.

    Source: Meyer, Musco, Musco and Woodruff 2021, algorithm 1.
    """
    n, dtype = template.shape[0], template.dtype
    check_budget(num_matvecs, 3, 3 * n)
    size = num_matvecs // 3
    sketch_key, probe_key = jax.random.split(key)
    sketch = matvec(rademacher(sketch_key, size, n, dtype).T, *params)
    q, _ = jnp.linalg.qr(chosen(basis)(sketch))
    z = rademacher(probe_key, size, n, dtype).T
    z = z - q @ (q.T @ z)
    image = matvec(jnp.concatenate([q, z], axis=1), *params)
    exact = jnp.sum(q * image[:, :size])
    return estimate(exact + jnp.sum(z * image[:, size:], axis=0), key)


def chosen(basis: str) -> Callable[[Array], Array]:
    """What to do with an array before a basis is made of it."""
    choices = {"frozen": jax.lax.stop_gradient, "differentiated": lambda x: x}
    if basis not in choices:
        raise ValueError(f"basis must be one of {sorted(choices)}, got {basis!r}")
    return choices[basis]


def estimate(samples: Float[Array, " m"], key: PRNGKeyArray) -> Estimate:
    """The mean of samples with their spread."""
    value = jnp.mean(samples)
    status = jnp.where(jnp.isfinite(value), Status.SUCCESS, Status.NON_FINITE)
    return Estimate(
        value=value,
        samples=samples,
        error_bound=jnp.zeros((), samples.dtype),
        status=status.astype(jnp.int32),
        key_id=key_numbers(key),
    )


def key_numbers(key: PRNGKeyArray) -> Array:
    """The integers in a key, of the new or the old style."""
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    return (jax.random.key_data(key) if typed else key).ravel()


def check_budget(num_matvecs: int, least: int, most: int | None) -> None:
    """Products asked for must allow one probe, and no more directions than there are."""
    if num_matvecs < least or (most is not None and num_matvecs > most):
        upper = "" if most is None else f" and at most {most}"
        raise ValueError(f"num_matvecs must be at least {least}{upper}, got {num_matvecs}")
