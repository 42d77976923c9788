"""Settings of every test: float64 on, warnings are errors (pyproject), a stream of keys."""

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
