"""Where a fit starts: values read off the data, and random ones around them."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gpkit.model import GP, seen_columns
from gpkit.padding import Rows
from gpkit.params import AbstractParameter, Bounded, map_parameters, partition, val

# Rows looked at for periods. Spreads take all: a column may be constant in most of them.
_MOST_ROWS = 2000
# Log units: starts closer than this end in the same place.
_SAME_START = 0.05


def data_start(model: GP, rows: Rows) -> GP:
    """The model with scales read off the data.

    Lengthscales start at sqrt(p) times the spread of their p columns, at which typical rows
    are moderately correlated in any dimension; variances at that of y; noise at a tenth of
    it; a period at the strongest line of the periodogram of y over its column. Whatever has
    no rule keeps its value.
    """
    table = _Table(rows)
    return map_parameters(lambda path, p: table.start(model, path, p, None), model)


def random_start(model: GP, rows: Rows, key: Any, number: int) -> GP:
    """The model with random values around those of `data_start`, log-uniform where positive.

    `number` tells the starts of one key apart.
    """
    seed = [*np.asarray(jax.random.key_data(key)).ravel().tolist(), number]
    table, rng = _Table(rows), np.random.default_rng(seed)
    return map_parameters(lambda path, p: table.start(model, path, p, rng), model)


def alike(a: GP, b: GP) -> bool:
    """Whether two starts are so near that runs from them would be one run twice."""
    pairs = zip(jax.tree.leaves(partition(a)[0]), jax.tree.leaves(partition(b)[0]), strict=True)
    return all(np.allclose(x, y, rtol=0.0, atol=_SAME_START) for x, y in pairs)


class _Table:
    """The rows that count, on the host, with one starting rule per kind of parameter."""

    def __init__(self, rows: Rows):
        keep = np.flatnonzero(np.asarray(rows.mask))
        self.X, self.stride = np.asarray(rows.X)[keep], max(1, len(keep) // _MOST_ROWS)
        y = np.asarray(rows.y)[keep]
        self.y = (y if y.ndim == 1 else y[:, 0]) - y.mean()
        self.variance = float(np.mean((y - y.mean(axis=0)) ** 2)) or 1.0

    def start(
        self, model: GP, path: str, parameter: AbstractParameter, rng: np.random.Generator | None
    ) -> AbstractParameter:
        name = path.removesuffix(".inner").rpartition(".")[2]
        columns = self.X[:, seen_columns(model, path, self.X.shape[1])]
        rule = _RULES.get("noise" if path.startswith("noise.") else name, _leave)
        shape = parameter.raw.shape
        value = rule(self, parameter, columns, shape, rng)
        if value is None:
            return parameter
        value = np.broadcast_to(value, shape).astype(np.asarray(parameter.raw).dtype)
        return parameter.at(_inside(parameter, value))


def _inside(parameter: AbstractParameter, value: np.ndarray) -> np.ndarray:
    """The value, moved into the bounds of the parameter where it has some."""
    if not isinstance(parameter, Bounded):
        return value
    margin = 1e-2 * (parameter.high - parameter.low)
    return np.clip(value, parameter.low + margin, parameter.high - margin)


Rule = Callable[[_Table, AbstractParameter, np.ndarray, tuple, Any], Any]


def _lengthscale(table: _Table, parameter: Any, X: np.ndarray, shape: tuple, rng: Any) -> Any:
    spread = X.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    base = np.sqrt(X.shape[1]) * (
        spread if shape == spread.shape else np.exp(np.log(spread).mean())
    )
    if rng is None:
        return base
    # One factor for all, so that the whole kernel moves; a second one per column.
    return base * 10 ** (rng.uniform(-0.9, 0.5) + 0.2 * rng.standard_normal(shape))


def _variance(table: _Table, parameter: Any, X: np.ndarray, shape: tuple, rng: Any) -> Any:
    return table.variance * (1.0 if rng is None else 10 ** rng.uniform(-1, 1, shape))


def _noise(table: _Table, parameter: Any, X: np.ndarray, shape: tuple, rng: Any) -> Any:
    return table.variance * (0.1 if rng is None else 10 ** rng.uniform(-3, -0.3, shape))


def _period(table: _Table, parameter: Any, X: np.ndarray, shape: tuple, rng: Any) -> Any:
    width = np.ptp(X, axis=0)
    width = np.where(width > 0, width, 1.0)
    if rng is not None:
        return width.mean() * 10 ** rng.uniform(-1.5, 0, shape)
    some = slice(None, None, table.stride)
    periods = np.array([_strongest_period(x[some], table.y[some]) for x in X.T])
    return periods if shape == periods.shape else np.exp(np.log(periods).mean())


def _location(table: _Table, parameter: Any, X: np.ndarray, shape: tuple, rng: Any) -> Any:
    return None if rng is None else rng.choice(X[:, 0])


def _leave(table: _Table, parameter: Any, X: np.ndarray, shape: tuple, rng: Any) -> Any:
    if rng is None:
        return None
    moved = np.asarray(parameter.raw) + 0.5 * rng.standard_normal(shape)
    return np.asarray(val(jax.tree.map(lambda _: moved, parameter)))


_RULES: dict[str, Rule] = {
    "lengthscale": _lengthscale,
    "variance": _variance,
    "noise": _noise,
    "period": _period,
    "location": _location,
}


def _strongest_period(x: np.ndarray, y: np.ndarray) -> float:
    """Period of the strongest line of the periodogram, between 2 spacings and half the range.

    A straight trend is taken out first: it would outshine every period.
    """
    width = np.ptp(x)
    if width == 0 or len(x) < 8:
        return 1.0
    y = y - np.polyval(np.polyfit(x, y, 1), x)
    most = min(len(np.unique(x)) // 2, 400)
    cycles = np.arange(2, max(3, most) + 1, 0.5)
    phase = np.exp(2j * np.pi * np.outer(cycles / width, x - x.min()))
    return float(width / cycles[np.argmax(np.abs(phase @ y))])
