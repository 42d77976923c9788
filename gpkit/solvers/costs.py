r"""Seconds that a solver is expected to take, from sizes alone and a stored table.

`costs.json` holds rates of one kind of device, written by ``python -m benchmarks.measure_costs``.
With n rows, d columns, s stationary or other elementary kernels in the kernel, m probes, k steps
and rank r, the models are

- dense: $n^2 (s\,a_0 + d\,a_1) + 1.2\,n^3 f$;
- iterative: forming the preconditioner, $n r^2 f_P$, or $n^2 s\,w_0 + \tfrac13 n^3 w_1$ of a whole
  factor; tiles evaluated once for storing,
  $\tfrac12 n^2 (s\,t_0 + d\,t_1)$; k products with m + 1 columns, $n^2 (p_0 + (m + 1) p_1)$
  each, or with the tiles evaluated in each, $n^2 (s\,q_0 + d\,q_1 + (m + 1) q_2)$; k applications
  of the preconditioner and orthogonalisations; one pass for the gradient.

Seconds on another machine of the kind are longer or shorter, for all solvers about alike: what
is chosen depends on their ratio.
"""

import functools
import importlib.resources
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

# The share of the memory that Iterative gives to stored tiles.
STORED_SHARE = 0.75
_TILE = 512


class Costs(NamedTuple):
    """Seconds on one kind of device: fixed, then per operation.

    By precision, "float32" or "float64" (of tiles, where there are tiles):

    - `dense_flop`: a flop of factorisation and inverse.
    - `dense_entry`: an entry of the covariance with its derivatives: per kernel, per column.
    - `store`, `again`: an entry evaluated for storing, or within a product: per kernel, per column
      (`again`: and per right-hand side).
    - `product`: an entry of a stored product: fixed, per right-hand side.
    - `gradient`: an entry of the gradient pass: per kernel, per column, per right-hand side.

    Of a whole factor in single precision:

    - `whole`: an entry of the matrix, a flop of its factor; `whole_column`: an entry of a solve.

    Of double precision:

    - `low_rank`: a flop of the preconditioner's forming; `vector`: one of its application and of
      orthogonalisations.
    - `call`, `step`: a call of the compiled program, and one step of its loop.
    - `compile_dense`, `compile_iterative`: of a first call.
    """

    device: str
    machine: dict[str, Any]
    dense_flop: dict[str, float]
    dense_entry: dict[str, tuple[float, float]]
    store: dict[str, tuple[float, float]]
    product: dict[str, tuple[float, float]]
    again: dict[str, tuple[float, float, float]]
    gradient: dict[str, tuple[float, float, float]]
    whole: tuple[float, float]
    whole_column: float
    low_rank: float
    vector: float
    call: float
    step: float
    compile_dense: float
    compile_iterative: float


class Size(NamedTuple):
    """What is known of a problem before anything runs."""

    n: int
    d: int
    dtype: str
    kernels: int = 1
    targets: int = 1


@functools.cache
def costs_of(device: str) -> Costs:
    """The table of a kind of device ("cpu", "gpu"); that of the CPU where none was measured."""
    path = importlib.resources.files("gpkit.solvers").joinpath("costs.json")
    tables = {entry["device"]: entry for entry in json.loads(path.read_text("utf-8"))}
    return Costs(**tables.get(device, tables["cpu"]))


def dense_seconds(size: Size, costs: Costs, *, share: float = 1.0) -> float:
    """Of a dense value and gradient; `share` of the cubic work for less than that."""
    n = size.n
    entries = n**2 * _dot(costs.dense_entry[size.dtype], size.kernels, size.d)
    return costs.call + entries + share * 1.2 * n**3 * costs.dense_flop[size.dtype]


def dense_bytes(size: Size, *, arrays: int) -> int:
    """Of so many n x n arrays."""
    return arrays * jnp.dtype(size.dtype).itemsize * size.n**2


class Run(NamedTuple):
    """What an iterative evaluation does: sizes, tolerances apart."""

    rank: int
    probes: int
    steps: int
    depth: int
    tile_dtype: str


def iterative_seconds(
    size: Size, costs: Costs, run: Run, *, stored: bool, gradient_columns: int
) -> float:
    """Of an evaluation with that many columns in its gradient pass (0 for a value alone)."""
    n, columns, tiles = size.n, run.probes + size.targets, run.tile_dtype
    ready, product = 0.0, _dot(costs.again[tiles], size.kernels, size.d, columns)
    if stored:
        ready = 0.5 * _dot(costs.store[tiles], size.kernels, size.d)
        product = _dot(costs.product[tiles], 1, columns)
    vectors = 8 * n * run.rank * columns + 2 * n * columns * run.steps
    steps = run.steps * (costs.step + n**2 * product + vectors * costs.vector)
    gradient = 0.0
    if gradient_columns:
        # The pass over the derivatives is made in the precision of the rows.
        gradient = _dot(costs.gradient[size.dtype], size.kernels, size.d, gradient_columns)
    entries = n**2 * (ready + gradient)
    return costs.call + n * run.rank**2 * costs.low_rank + entries + steps


def iterative_bytes(size: Size, run: Run, *, stored: bool) -> int:
    """Of tiles, bases and preconditioner."""
    itemsize = jnp.dtype(size.dtype).itemsize
    bases = itemsize * size.n * (run.probes + size.targets) * run.depth
    low_rank = 3 * itemsize * size.n * run.rank
    return bases + low_rank + (tile_bytes(size.n, run.tile_dtype) if stored else 0)


def whole_seconds(size: Size, costs: Costs, *, columns: int) -> float:
    """Of a Cholesky factor in single precision, and of so many solves with it."""
    n = size.n
    making = _dot(costs.whole, n**2 * size.kernels, n**3 / 3)
    return costs.call + making + n**2 * columns * costs.whole_column


def whole_bytes(n: int) -> int:
    """Of that factor and of the matrix while it is made, beside stored tiles of the matrix."""
    return 4 * tile_bytes(n, "float32")


def tile_bytes(n: int, dtype: str) -> int:
    """What `gpkit.operators.stored_bytes` says, from n alone."""
    count = -(-n // _TILE)
    rows = -(-n // count)
    count = -(-n // rows)
    return count * (count + 1) // 2 * rows**2 * jnp.dtype(dtype).itemsize


def _dot(rates: Sequence[float], *amounts: float) -> float:
    return sum(rate * amount for rate, amount in zip(rates, amounts, strict=True))
