"""LAPACK's threads: one for small problems, and the former setting afterwards."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from gpkit.estimators.threads import lapack_threads


def threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_small_problems_take_one_thread_and_give_it_back():
    np.linalg.inv(np.eye(3))
    with threadpool_limits(limits=2, user_api="blas"):
        assert threads()
        assert set(threads()) == {2}
        with lapack_threads(2048):
            assert set(threads()) == {1}
        assert set(threads()) == {2}
        with pytest.raises(KeyboardInterrupt), lapack_threads(10):
            raise KeyboardInterrupt
        assert set(threads()) == {2}


def test_large_problems_keep_what_they_have():
    with threadpool_limits(limits=2, user_api="blas"), lapack_threads(2049):
        assert set(threads()) == {2}
