"""How many threads LAPACK takes while a fit runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import scipy.linalg  # noqa: F401  (loads the library that JAX calls, so that it is found)
from threadpoolctl import threadpool_limits

_MANY_ROWS = 2048


@contextmanager
def lapack_threads(n: int) -> Iterator[None]:
    """One LAPACK thread for small problems, as many as usual for large ones.

    JAX calls SciPy's LAPACK for factorisations and runs products on threads of its own. The
    waiting threads of the one spin on the cores that the other needs: on two busy cores, an
    evaluation at n = 960 took 164 ms of processor time with two LAPACK threads and 46 ms
    with one, for the same elapsed time. The former setting is restored.
    """
    if n > _MANY_ROWS:
        yield
    else:
        with threadpool_limits(limits=1, user_api="blas"):
            yield
