"""How large a tile is: as large as the cache likes and the memory allows."""

import re

_UNITS = {"": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}

# A square tile of this many rows fits a cache of a few megabytes with its temporaries, and
# is large enough that starting the work on it costs nothing.
ROWS = 512
SMALLEST = 64
# Buffers of the size of a tile, in float64: distances, their cotangent, kernel, slope, weights.
_TILE_BUFFERS = 10


def parse_memory(memory: str | int | float) -> int:
    """Bytes of a size such as "2GB", "500 MB" or a number.

    Raises ValueError for anything else.
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*(?:e\d+)?)\s*([KMGT]B)?\s*", str(memory).upper(), re.I)
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"memory must be bytes or a size such as '2GB', got {memory!r}")
    return int(float(match[1]) * _UNITS[match[2] or ""])


def size(num_bytes: int) -> str:
    """Bytes as people write them."""
    unit = max((u for u in _UNITS if _UNITS[u] <= max(num_bytes, 1)), key=lambda u: _UNITS[u])
    return f"{num_bytes / _UNITS[unit]:.3g} {unit or 'bytes'}"


def tile_rows(n: int, vectors: int, memory: int | None) -> int:
    """Rows of a square tile over n points such that all temporaries fit `memory` bytes.

    `vectors` is the number of floats per point that are kept whole: features, right-hand
    sides, results. None is no limit.

    Raises ValueError where the smallest tile does not fit.
    """
    rows = ROWS
    if memory is not None:
        left = memory - 8 * n * vectors
        fitting = [r for r in (512, 256, 128, 64) if 8 * _TILE_BUFFERS * r * r <= left]
        if not fitting:
            needed = 8 * n * vectors + 8 * _TILE_BUFFERS * SMALLEST**2
            raise ValueError(
                f"memory of {size(memory)} is too small: {n} points with {vectors} numbers each "
                f"need {size(needed)}; raise memory or pass fewer right-hand sides at a time"
            )
        rows = fitting[0]
    return rows
