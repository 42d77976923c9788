import pytest

from gpkit.kernels import Columns

TABLE = Columns(
    names=("year", "city", "age"),
    index=((0,), (1, 2, 3), (4,)),
    scale=(2.0, 1.0, 8.0),
    offset=(2000.0, 0.0, 40.0),
)


def test_plain_columns():
    columns = Columns.plain(2)
    assert columns.names == ("x0", "x1")
    assert columns.index == ((0,), (1,))
    assert columns.scale == (1.0, 1.0)
    assert columns.offset == (0.0, 0.0)
    with pytest.raises(ValueError, match="at least 1"):
        Columns.plain(0)


def test_source_and_matrix_columns():
    assert TABLE.encoded((2, 1)) == (4, 1, 2, 3)
    assert TABLE.sources((4, 1, 2, 3)) == (2, 1)
    for cut in ((1, 2), (2, 1, 3), (0, 9)):
        with pytest.raises(ValueError, match="no whole columns"):
            TABLE.sources(cut)


def test_mean_scale_is_geometric_and_exact_where_it_can_be():
    assert TABLE.mean_scale((0, 2)) == pytest.approx(4.0, rel=1e-15)
    assert TABLE.mean_scale((2,)) == 8.0
    assert Columns.plain(3).mean_scale((0, 1, 2)) == 1.0


def test_taking_columns_counts_anew():
    taken = TABLE._replace(low=(1990.0, 0.0, 0.0), high=(2020.0, 1.0, 99.0)).take((1, 0))
    assert taken == Columns(
        names=("city", "year"),
        index=((0, 1, 2), (3,)),
        scale=(1.0, 2.0),
        offset=(0.0, 2000.0),
        low=(0.0, 1990.0),
        high=(1.0, 2020.0),
    )
