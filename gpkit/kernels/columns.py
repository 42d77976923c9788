"""Which columns of the input matrix a kernel sees, and in what units people speak of them."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Columns(NamedTuple):
    """Source columns of a table and where they went in the encoded input matrix.

    Source column i is called ``names[i]`` and takes the columns ``index[i]`` of the matrix:
    one for a number, several for the dummies of a category. Encoded values are
    ``(x - offset[i]) / scale[i]``. `low` and `high` are the range of each source column in
    original units; they may be left empty, and are needed for input warping only.
    """

    names: tuple[str, ...]
    index: tuple[tuple[int, ...], ...]
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @classmethod
    def plain(cls, d: int) -> "Columns":
        """Columns x0, x1, ... of a matrix that is used as it is."""
        if d < 1:
            raise ValueError(f"columns must be at least 1, got {d}")
        names = tuple(f"x{j}" for j in range(d))
        return cls(names, tuple((j,) for j in range(d)), (1.0,) * d, (0.0,) * d)

    def encoded(self, sources: Sequence[int]) -> tuple[int, ...]:
        """Matrix columns of these source columns, in order."""
        return tuple(j for i in sources for j in self.index[i])

    def sources(self, encoded: Sequence[int]) -> tuple[int, ...]:
        """The source columns whose matrix columns are exactly `encoded`, in that order.

        Raises ValueError where `encoded` cuts through the dummies of one category.
        """
        owner = {j: i for i, own in enumerate(self.index) for j in own}
        found = tuple(dict.fromkeys(owner[j] for j in encoded if j in owner))
        if self.encoded(found) != tuple(encoded):
            raise ValueError(f"matrix columns {tuple(encoded)} are no whole columns of the table")
        return found

    def mean_scale(self, sources: Sequence[int]) -> float:
        """Geometric mean of the scales: the unit of a lengthscale shared by several columns."""
        logs = [math.log(self.scale[i]) for i in sources]
        # One column, or equal scales, must come back without rounding.
        same = len({self.scale[i] for i in sources}) == 1
        return self.scale[sources[0]] if same else math.exp(sum(logs) / len(logs))

    def take(self, sources: Sequence[int]) -> "Columns":
        """These source columns alone, as they stand in a matrix of their columns."""
        starts = [0]
        for i in sources:
            starts.append(starts[-1] + len(self.index[i]))
        blocks = pairwise(starts)
        pick = lambda values: tuple(values[i] for i in sources) if values else ()  # noqa: E731
        return Columns(
            names=pick(self.names),
            index=tuple(tuple(range(start, stop)) for start, stop in blocks),
            scale=pick(self.scale),
            offset=pick(self.offset),
            low=pick(self.low),
            high=pick(self.high),
        )
