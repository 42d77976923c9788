"""Which cases of the transformation tables run by default.

Every operator against all fifteen transformations takes minutes of compilation. By default
`with_adjoint`, which carries the mechanism, runs the whole table (test_primitive.py); the
operators run the cases named here, and the rest is marked slow. So are, of some tests with
many programs, all but the cases that stand for the others.
"""

import pytest

_TABLES = (
    "test_transformations",
    "test_transformations_of_the_quadratic_form",
    "test_every_transformation",
)
_DEFAULT = ("jit", "vmap", "grad", "jvp", "forward over reverse", "reverse over reverse")
_OPERATORS = ("lanczos", "arnoldi")
# Test file, test -> the cases that run by default.
_CHOSEN = {
    ("test_checkpointed", "test_agrees_with_the_stored_basis"): ("9-3-False", "1-None-False"),
    ("test_funm_checkpointed", "test_agrees_with_the_stored_basis"): (),
    ("test_quadrature", "test_second_derivative"): (),
    ("test_cg_problems", "test_every_derivative_and_batch"): ("cg-float64",),
    ("test_bidiag", "test_derivatives_against_autodiff"): ("10.0-True-1e-11",),
    ("test_hessenberg", "test_derivatives_against_autodiff"): ("10.0-8-full-True",),
    ("test_tridiagonal", "test_derivatives_at_condition_1e6"): ("30",),
    ("test_funm", "test_exponential_in_substeps_equals_the_dense_one"): ("True",),
    ("test_trace", "test_standard_error_is_not_optimistic"): (),
}


def pytest_collection_modifyitems(items):
    for item in items:
        name, _, case = item.name.rstrip("]").partition("[")
        where = item.path.name
        if where == "test_primitive.py" or item.path.parent.name != "linalg":
            continue
        table = name in _TABLES and case.removeprefix("lanczos-") not in _DEFAULT
        composition = name == "test_both_modes_and_their_compositions" and case not in _OPERATORS
        chosen = _CHOSEN.get((item.path.stem, name))
        if table or composition or (chosen is not None and case not in chosen):
            item.add_marker(pytest.mark.slow)
