"""Default candidates: all of them parse, and hold what their docstring says."""

import pytest

from gpkit.kernels import Columns, parse
from gpkit.selection import default_candidates


@pytest.mark.parametrize("d", [1, 2, 7])
def test_default_candidates_parse(d):
    names = tuple(f"x{j}" for j in range(d))
    index = tuple((j,) for j in range(d))
    zero, one = (0.0,) * d, (1.0,) * d
    columns = Columns(names, index, one, zero, zero, one)
    found = default_candidates(d)
    assert len(found) == len(set(found)) == 8
    for expression in found:
        parse(expression, columns)
    joined = " ".join(found)
    assert ("(ard)" in joined) == (d > 1)
    assert ("periodic" in joined) == (d == 1)
    assert "rbf" in found
    assert "matern52" in found
