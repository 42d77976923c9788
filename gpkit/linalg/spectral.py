r"""Symmetric eigendecomposition, and functions of a symmetric matrix.

For $A = V \operatorname{diag}(\lambda) V^\top$ and $P = V^\top dA\, V$,

$$d\lambda_i = P_{ii}, \qquad dV = V \Omega, \qquad
\Omega_{ij} = \frac{P_{ij}}{\lambda_j - \lambda_i} \ (i \ne j), \quad \Omega_{ii} = 0.$$

At $\lambda_i = \lambda_j$ the eigenvectors have no derivative unless $P_{ij} = 0$. What is
invariant there still has one: sums of f over eigenvalues, from $d\lambda$ alone, and $f(A)$,
from divided differences (`spectral_function`). The chain rule through `vectors` cannot
give the latter: within a repeated eigenvalue the derivative of f(A) is $f'(\lambda) P$,
and $f'$ is known neither to $\bar\lambda$ nor to $\bar V$. Putting zero for $\Omega_{ij}$, or
broadening the quotient, is finite and wrong.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gpkit._types import Array, Float
from gpkit.linalg import serial
from gpkit.linalg.divided import hermitian_function
from gpkit.linalg.primitive import densify, with_adjoint

# An entry decides the sign of its eigenvector if no entry is more than 1 / this larger. Away
# from 1 and from simple fractions, so that entries equal by symmetry do not tie.
_LARGE_ENTRY = 0.618
# What rounding makes of a repeated eigenvalue, in units of sqrt(n) eps |A|.
_UNITS = 10


class Eigh(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors in columns."""

    values: Float[Array, " n"]
    vectors: Float[Array, "n n"]


def eigh(a: Float[Array, "n n"]) -> Eigh:
    r"""Eigendecomposition of a real symmetric matrix, with deterministic signs.

    **Arguments:** `a`, of which the symmetric part is taken.

    **Signs:** in every eigenvector the first entry of more than 0.618 times the largest
    magnitude is positive. A rounding error does not flip it, also where entries are equal in
    magnitude by symmetry. Within a repeated eigenvalue the basis is arbitrary.

    **Scale:** A is divided by a power of two first, so that eigenvalues near the limits of the
    dtype neither overflow nor vanish on the way.

    **Derivatives**, in both modes. Eigenvalues closer than $10 \sqrt{n} \varepsilon \|A\|_2$
    count as repeated. For functions of `values` that are symmetric in the repeated ones, they are
    exact and finite. They are NaN where they depend on how `vectors` turn within a repeated
    eigenvalue: that derivative does not exist.

    **Not for f(A):** $V f(\lambda) V^\top$ has a derivative at repeated eigenvalues, but it is
    not the sum of those through $\lambda$ and V. Taken so, it is NaN, or wrong without notice
    if $f(\lambda) = 0$ there (log at the identity), where no rule could tell it from a
    sum of f over eigenvalues. Use `spectral_function`, and its trace for second derivatives
    of such sums.

    **Accuracy:** the relative error of derivatives of `vectors` grows like
    $\varepsilon \|A\| / |\lambda_i - \lambda_j|$.

    **Cost:** about 9 n^3 flops; 6 n^3 for a derivative. Batches by ``vmap``, one matrix after
    another.

    **Raises:** `ValueError` if `a` is not square, `TypeError` if it is complex.

    **Source:** Seeger et al. (2017), syevd; Magnus (1985), "On differentiating eigenvalues and
    eigenvectors".
    """
    _check("eigh", a)
    if jnp.iscomplexobj(a):
        raise TypeError("eigh takes real matrices; spectral_function takes Hermitian ones")
    return _eigh(a)


def spectral_function(a: Float[Array, "n n"], f: Callable[[Array], Array]) -> Float[Array, "n n"]:
    r"""$f(A) = V f(\operatorname{diag} \lambda) V^\top$ of a symmetric or Hermitian matrix.

    **Arguments:** `a`, of which the Hermitian part is taken; `f` an elementwise function of
    real arrays, differentiable by JAX (``jnp.log``, ``jnp.sqrt``, ...). It may close over
    traced arrays, and is differentiated with respect to them.

    **Derivative:** by the divided differences of f (Daleckii and Krein), never by those of the
    eigenvectors: exact at and near repeated eigenvalues, in both modes, to second order. From
    the third order on eigenvalues must be distinct.

    **Cost:** 9 n^3 flops for the eigendecomposition and 2 n^3; 6 n^3 and some ten n^2
    evaluations of f' for a derivative; of the order of n^3 evaluations of f'' for a second one.

    **Failure:** NaN where f or its derivative is not defined at an eigenvalue. Eigenvalues carry
    rounding errors of $\varepsilon \|A\|$: that of a singular matrix may be negative, so
    clip inside of f. f must be smooth between neighbouring eigenvalues; a step function has the
    wrong derivative.

    **Raises:** `ValueError` if `a` is not square.

    **Source:** Higham, Functions of Matrices (2008), theorem 3.11.
    """
    _check("spectral_function", a)
    return hermitian_function(f, _symmetric(a))


def _check(name: str, a: Array) -> None:
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(f"{name} needs a square matrix, got shape {a.shape}; use vmap for a batch")


def _symmetric(a: Array) -> Array:
    # Halves first: the sum of two large entries could overflow.
    return 0.5 * a + 0.5 * a.conj().T


def _forward(a: Array) -> Eigh:
    scale = _power_of_two(a)
    values, vectors = serial.eigh(_symmetric(a / scale))
    size = jnp.abs(vectors)
    first = jnp.argmax(size >= _LARGE_ENTRY * jnp.max(size, axis=0), axis=0)
    leading = jnp.take_along_axis(vectors, first[None], axis=0)
    return Eigh(scale * values, vectors * jnp.where(leading < 0, -1, 1).astype(a.dtype))


def _power_of_two(a: Array) -> Array:
    """The largest power of two below all entries, kept clear of both ends of the dtype."""
    limit = jnp.finfo(a.dtype).maxexp - 4
    largest = jnp.max(jnp.abs(jax.lax.stop_gradient(a)), initial=0)
    exponent = jnp.clip(jnp.frexp(largest)[1] - 1, -limit, limit)
    return jnp.ldexp(jnp.ones((), a.dtype), exponent)


def _tangent(args: tuple[Array], out: Eigh, dargs: tuple[Array]) -> Eigh:
    scale = _power_of_two(out.values)
    p = out.vectors.T @ _symmetric(dargs[0] / scale) @ out.vectors
    gaps, repeated = _gaps(out.values / scale)
    return Eigh(scale * jnp.diagonal(p), out.vectors @ (_without(repeated, p) / gaps))


def _adjoint(args: tuple[Array], out: Eigh, cotangent: Eigh) -> tuple[Array]:
    g_values, g_vectors = densify(cotangent, out)
    scale = _power_of_two(out.values)
    p = out.vectors.T @ g_vectors
    gaps, repeated = _gaps(out.values / scale)
    turning = _symmetric(out.vectors @ (_without(repeated, p) / gaps) @ out.vectors.T) / scale
    return ((out.vectors * g_values) @ out.vectors.T + turning,)


_eigh = with_adjoint(_forward, _tangent, _adjoint)


def _gaps(values: Array) -> tuple[Array, Array]:
    """lambda_j - lambda_i, one where that is zero to rounding; and the pairs where it is."""
    gaps = values[None] - values[:, None]
    repeated = jnp.abs(gaps) <= _rounding(values) * jnp.max(jnp.abs(values), initial=0)
    return jnp.where(repeated, 1, gaps), repeated


def _rounding(x: Array) -> float:
    return _UNITS * len(x) ** 0.5 * float(jnp.finfo(x.dtype).eps)


# Linear on its domain, the matrices whose entries at repeated pairs vanish to rounding, and its
# own transpose. Outside of the domain there is no derivative: NaN, at every order.


def _vanishing(repeated: Array, p: Array) -> Array:
    rounding = _rounding(p) * jnp.linalg.norm(p)
    diagonal = jnp.eye(p.shape[0], dtype=bool)
    at_repeats = jnp.where(diagonal | (jnp.abs(p) <= rounding), 0, jnp.nan).astype(p.dtype)
    return jnp.where(repeated, at_repeats, p)


_without = with_adjoint(
    _vanishing,
    lambda args, _, dargs: _vanishing(args[0], densify(dargs[1], args[1])),
    lambda args, _, cotangent: (None, _vanishing(args[0], cotangent)),
)
