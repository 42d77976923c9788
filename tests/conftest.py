"""Settings of every test: float64 on, one thread, warnings are errors (pyproject), keys."""

import os

# Small matrices gain nothing from threads, and test processes side by side lose much.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import jax
import pytest

jax.config.update("jax_enable_x64", True)


@pytest.fixture
def getkey():
    """A function that returns a fresh key at each call, the same ones in every run."""
    state = [jax.random.key(5)]

    def draw():
        state[0], key = jax.random.split(state[0])
        return key

    return draw
