"""Kernels that are compared when nobody says which."""

_ONE_COLUMN = (
    "rbf",
    "matern12",
    "matern32",
    "matern52",
    "rq",
    "linear + matern52",
    "rbf + periodic",
    "linear + rbf + rbf * periodic",
)
_MANY_COLUMNS = (
    "rbf",
    "matern52",
    "rbf(ard)",
    "matern32(ard)",
    "matern52(ard)",
    "rq(ard)",
    "linear(ard) + matern52(ard)",
    "rbf + matern32(ard)",
)


def default_candidates(num_columns: int) -> tuple[str, ...]:
    """Expressions of the default candidates for a table with so many input columns.

    For one column: four degrees of smoothness, a mixture of lengthscales, a trend, and two
    periodic forms. For several: the same smoothness with one lengthscale for all columns
    and with one for each, a linear trend, and a rough part around a smooth one.
    """
    return _ONE_COLUMN if num_columns == 1 else _MANY_COLUMNS
