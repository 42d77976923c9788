"""A table with numbers, a category of three dummies and a name that needs quotes."""

from gpkit.kernels import Columns

COLUMNS = Columns(
    names=("year", "age", "city", "long name"),
    index=((0,), (1,), (2, 3, 4), (5,)),
    scale=(2.0, 10.0, 1.0, 0.5),
    offset=(2000.0, 40.0, 0.0, 1.0),
    low=(1990.0, 0.0, 0.0, -1.0),
    high=(2020.0, 100.0, 1.0, 3.0),
)
