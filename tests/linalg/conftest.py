"""Which cases of the transformation tables run by default.

Every operator against all fifteen transformations takes minutes of compilation. By default
`with_adjoint`, which carries the mechanism, runs the whole table (test_primitive.py); the
operators run the cases named here, and the rest is marked slow.
"""

import pytest

_TABLES = (
    "test_transformations",
    "test_transformations_of_the_quadratic_form",
    "test_every_transformation",
)
_DEFAULT = ("jit", "vmap", "grad", "jvp", "forward over reverse", "reverse over reverse")
_OPERATORS = ("lanczos", "arnoldi", "bidiagonalise", "funm_quadratic")


def pytest_collection_modifyitems(items):
    for item in items:
        name, _, case = item.name.rstrip("]").partition("[")
        where = item.path.name
        if where == "test_primitive.py" or item.path.parent.name != "linalg":
            continue
        table = name in _TABLES and case.removeprefix("lanczos-") not in _DEFAULT
        composition = name == "test_both_modes_and_their_compositions" and case not in _OPERATORS
        if table or composition:
            item.add_marker(pytest.mark.slow)
