"""One linear primitive: a hand-written adjoint that serves every mode and order of derivative.

A function with a ``custom_vjp`` refuses forward mode; one with a ``custom_jvp`` is
differentiated in reverse by transposing its tangent line by line, which stores every
step of a loop. `with_adjoint` takes both maps: the tangent becomes a single linear
primitive whose transpose is the adjoint (and whose transpose's transpose is the tangent
again), whose batching rule is ``vmap`` of both, and whose derivative in its residuals is
the ordinary derivative of whichever of the two is in use. So the result passes ``jit``,
``vmap``, ``jvp``, ``grad``, all orders of both, ``hessian``, ``linearize``, ``checkpoint``
and ``scan``.

In all maps a leaf ``None`` stands for "zero, and known to be zero before anything runs":
derivatives of integers, of inputs that do not vary, of outputs that nobody uses.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray, eval_jaxpr
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gpkit._types import PyTree

# A flat linear map: (residuals, inputs) -> outputs, all lists of arrays. Entries of
# `inputs` may be None (a known zero); outputs may not.
_FlatMap = Callable[[list, list], list]


def with_adjoint(forward: Callable, tangent: Callable, adjoint: Callable) -> Callable:
    r"""The function `forward` with a derivative given as a linear map and its adjoint.

    For $y = f(x)$ with derivative $dy = J(x, y)\, dx$:

    - ``forward(*args) -> out``;
    - ``tangent(args, out, dargs) -> dout``, linear in `dargs`;
    - ``adjoint(args, out, cotangent) -> dargs``, its transpose in JAX's convention (the
      one of ``jax.vjp``: no conjugation).

    `args` is the tuple of arguments; arguments and outputs are pytrees of arrays. Each map
    gets and returns trees of the structure of `args` or `out`. Leaves that are not
    floating point carry no derivative. A leaf ``None`` means a known zero: `tangent` and
    `adjoint` get it for derivatives that are structurally zero (`densify` turns these into
    arrays of zeros) and may return it.

    The three functions must not close over traced arrays: pass these as arguments, where
    needed through `hoist`. For second derivatives `tangent` and `adjoint` are themselves
    differentiated by JAX with respect to `args` and `out`, so they may not contain loops of
    unknown length in reverse mode.
    """
    function = jax.custom_jvp(forward)

    def rule(args: tuple, dargs: tuple) -> tuple[PyTree, PyTree]:
        out = function(*args)
        return out, _tangent_of(tangent, adjoint, args, out, dargs)

    function.defjvp(rule, symbolic_zeros=True)
    return function


def hoist(fun: Callable, *example: PyTree) -> tuple[Callable, list]:
    """``(pure, captured)`` with ``fun(*args) == pure(captured, *args)``.

    `captured` holds every array that `fun` closes over, traced or not, so that a function
    defined inside ``jit``, ``grad`` or ``vmap`` can be handed to `with_adjoint` and be
    differentiated with respect to what it captured. `example` gives shapes and dtypes.
    """
    closed, shape = jax.make_jaxpr(fun, return_shape=True)(*example)
    structure = jax.tree.structure(shape)

    def pure(captured: list, *args: PyTree) -> PyTree:
        leaves = eval_jaxpr(closed.jaxpr, captured, *jax.tree.leaves(args))
        return jax.tree.unflatten(structure, leaves)

    return pure, list(closed.consts)


def densify(derivative: PyTree, like: PyTree) -> PyTree:
    """`derivative` with arrays of zeros where it says ``None`` (``float0`` for integers).

    The result is a valid tangent for ``jax.jvp`` at `like`.
    """
    leaves, structure = jax.tree.flatten(like)
    derivatives = structure.flatten_up_to(derivative)
    filled = [_zeros(x) if d is None else d for d, x in zip(derivatives, leaves, strict=True)]
    return jax.tree.unflatten(structure, filled)


def pushforward(fun: Callable, args: tuple, dargs: tuple) -> PyTree:
    """Derivative of ``fun(*args)`` in the direction `dargs`; ``None`` leaves do not vary.

    Where nothing varies, the result is an array of zeros.
    """
    leaves, structure = jax.tree.flatten(args)
    derivatives = structure.flatten_up_to(dargs)
    moving = [i for i, d in enumerate(derivatives) if d is not None]
    _, out = jax.jvp(
        lambda *values: fun(*jax.tree.unflatten(structure, _place(leaves, moving, values))),
        [leaves[i] for i in moving],
        [derivatives[i] for i in moving],
    )
    return out


def pullback(fun: Callable, args: tuple, cotangent: PyTree) -> tuple:
    """Transposed derivative of ``fun(*args)``; ``None`` for leaves that are not floating point."""
    leaves, structure = jax.tree.flatten(args)
    moving = [i for i, x in enumerate(leaves) if _is_inexact(x)]
    _, transposed = jax.vjp(
        lambda *values: fun(*jax.tree.unflatten(structure, _place(leaves, moving, values))),
        *[leaves[i] for i in moving],
    )
    nothing = [None] * len(leaves)
    return jax.tree.unflatten(structure, _place(nothing, moving, transposed(cotangent)))


def _tangent_of(
    tangent: Callable, adjoint: Callable, args: tuple, out: PyTree, dargs: tuple
) -> PyTree:
    """``tangent(args, out, dargs)`` as one application of the linear primitive."""
    arg_leaves, arg_structure = jax.tree.flatten(args)
    out_leaves, out_structure = jax.tree.flatten(out)
    num_args = len(arg_leaves)
    derivatives = arg_structure.flatten_up_to(dargs)
    moving = [i for i, x in enumerate(arg_leaves) if _varies(x, derivatives[i])]
    smooth = [i for i, y in enumerate(out_leaves) if _is_inexact(y)]

    def rebuild(residuals: list) -> tuple[tuple, PyTree]:
        primal_args = jax.tree.unflatten(arg_structure, residuals[:num_args])
        return primal_args, jax.tree.unflatten(out_structure, residuals[num_args:])

    def apply(residuals: list, inputs: list) -> list:
        direction = _place([None] * num_args, moving, inputs)
        result = tangent(*rebuild(residuals), jax.tree.unflatten(arg_structure, direction))
        return _pick(out_structure, result, smooth, residuals[num_args:])

    def transpose(residuals: list, inputs: list) -> list:
        cotangent = _place([None] * len(out_leaves), smooth, inputs)
        result = adjoint(*rebuild(residuals), jax.tree.unflatten(out_structure, cotangent))
        return _pick(arg_structure, result, moving, residuals[:num_args])

    douts = [_zeros(y) for y in out_leaves]
    if moving and smooth:
        inputs = [derivatives[i] for i in moving]
        values = _bind(apply, transpose, arg_leaves + out_leaves, inputs)
        douts = _place(douts, smooth, values)
    return jax.tree.unflatten(out_structure, douts)


def _place(values: Sequence, where: list[int], items: Sequence) -> list:
    """A copy of `values` with `items` at the positions `where`."""
    placed = list(values)
    for i, item in zip(where, items, strict=True):
        placed[i] = item
    return placed


def _pick(structure: Any, tree: PyTree, where: list[int], primals: list) -> list:
    """The leaves of `tree` at the positions `where`, shaped like `primals`, zeros for ``None``."""
    try:
        leaves = structure.flatten_up_to(tree)
    except ValueError as error:
        raise ValueError(
            "a tangent or adjoint map returned the wrong structure: it must be that of the "
            f"outputs (tangent) or of the tuple of arguments (adjoint), None for zeros; {error}"
        ) from error
    return [_zeros(primals[i]) if leaves[i] is None else leaves[i] for i in where]


def _is_inexact(x: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.inexact)


def _varies(primal: Any, derivative: Any) -> bool:
    known_zero = derivative is None or isinstance(derivative, jax.custom_derivatives.SymbolicZero)
    return _is_inexact(primal) and not known_zero


def _zeros(primal: Any) -> Any:
    if _is_inexact(primal):
        return jnp.zeros_like(primal)
    return np.zeros(jnp.shape(primal), jax.dtypes.float0)


# The primitive. Its operands are residuals (any dtype) followed by linear inputs.

_linear_p = Primitive("gpkit_linear")
_linear_p.multiple_results = True


def _bind(apply: _FlatMap, transpose: _FlatMap, residuals: Sequence, inputs: Sequence) -> list:
    return _linear_p.bind(
        *residuals, *inputs, apply=apply, transpose=transpose, num_residuals=len(residuals)
    )


def _run(*operands: Any, apply: _FlatMap, transpose: _FlatMap, num_residuals: int) -> list:
    del transpose
    return apply(list(operands[:num_residuals]), list(operands[num_residuals:]))


def _abstract(*avals: Any, **maps: Any) -> list:
    operands = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in avals]
    shapes = jax.eval_shape(partial(_run, **maps), *operands)
    return [ShapedArray(s.shape, s.dtype) for s in shapes]


def _jvp(primals: Sequence, tangents: Sequence, **maps: Any) -> tuple[list, list]:
    """Product rule: linear in the inputs, ordinary derivative in the residuals."""
    count = maps["num_residuals"]
    out = _linear_p.bind(*primals, **maps)
    terms = []
    if any(not isinstance(t, ad.Zero) for t in tangents[count:]):
        directions = [ad.instantiate_zeros(t) for t in tangents[count:]]
        terms.append(_linear_p.bind(*primals[:count], *directions, **maps))
    moving = [
        i
        for i, t in enumerate(tangents[:count])
        if not isinstance(t, ad.Zero) and _is_inexact(primals[i])
    ]
    if moving:
        _, term = jax.jvp(
            lambda *values: _run(*_place(primals, moving, values), **maps),
            [primals[i] for i in moving],
            [tangents[i] for i in moving],
        )
        terms.append(term)
    return out, [sum(parts[1:], parts[0]) for parts in zip(*terms, strict=True)]


def _transpose(cotangents: Sequence, *operands: Any, **maps: Any) -> list:
    """The same primitive with both maps swapped, narrowed to what is not known to be zero."""
    count = maps["num_residuals"]
    present = [i for i, ct in enumerate(cotangents) if not isinstance(ct, ad.Zero)]
    wanted = [i for i, x in enumerate(operands[count:]) if ad.is_undefined_primal(x)]
    if not present:
        return [ad.Zero(x.aval) if ad.is_undefined_primal(x) else None for x in operands]
    num_outputs, num_inputs = len(cotangents), len(operands) - count

    def apply(residuals: list, inputs: list) -> list:
        result = maps["transpose"](residuals, _place([None] * num_outputs, present, inputs))
        return [result[i] for i in wanted]

    def transpose(residuals: list, inputs: list) -> list:
        result = maps["apply"](residuals, _place([None] * num_inputs, wanted, inputs))
        return [result[i] for i in present]

    values = _bind(apply, transpose, operands[:count], [cotangents[i] for i in present])
    return _place([None] * len(operands), [count + i for i in wanted], values)


def _batch(operands: Sequence, axes: Sequence, **maps: Any) -> tuple[list, list]:
    """``vmap`` of both maps; unbatched linear inputs are copied, so that the adjoint sums."""
    count = maps["num_residuals"]
    size = next(x.shape[a] for x, a in zip(operands, axes, strict=True) if a is not None)
    inputs = [_lead(x, a, size) for x, a in zip(operands[count:], axes[count:], strict=True)]

    def batched(flat_map: _FlatMap) -> _FlatMap:
        return jax.vmap(flat_map, in_axes=(list(axes[:count]), 0), axis_size=size)

    out = _bind(batched(maps["apply"]), batched(maps["transpose"]), operands[:count], inputs)
    return out, [0] * len(out)


def _lead(x: Any, axis: int | None, size: int) -> Any:
    if axis is None:
        return jnp.broadcast_to(x, (size, *jnp.shape(x)))
    return jnp.moveaxis(x, axis, 0)


_linear_p.def_impl(_run)
_linear_p.def_abstract_eval(_abstract)
ad.primitive_jvps[_linear_p] = _jvp
ad.primitive_transposes[_linear_p] = _transpose
batching.primitive_batchers[_linear_p] = _batch
mlir.register_lowering(_linear_p, mlir.lower_fun(_run, multiple_results=True))
