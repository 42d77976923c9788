"""The memory budget: sizes as text, tiles that fit, and what a process really takes."""

import subprocess
import sys
import textwrap

import pytest

from gpkit.operators.memory import parse_memory, size, tile_rows


def test_sizes_are_read_and_written():
    assert parse_memory("2GB") == 2 * 2**30
    assert parse_memory(" 1.5 mb ") == 3 * 2**19
    assert parse_memory(12345) == 12345
    assert size(3 * 2**19) == "1.5 MB"
    assert size(100) == "100 bytes"
    for wrong in ("two", "-1GB", 0, "3 XB"):
        with pytest.raises(ValueError, match="memory must be bytes or a size"):
            parse_memory(wrong)


def test_tiles_shrink_with_the_memory_until_none_fits():
    assert tile_rows(10_000, 20, None) == 512
    whole = 8 * 10_000 * 20
    rows = [tile_rows(10_000, 20, whole + extra * 2**20) for extra in (30, 6, 2, 1)]
    assert rows == [512, 256, 128, 64]
    with pytest.raises(ValueError, match=r"need 1.8. MB; raise memory"):
        tile_rows(10_000, 20, whole)


# Peak memory is that of a process: products and gradients at four sizes of budget, each in one
# of its own, beside a process that compiles the same programs for few points.
PROGRAM = """
    import resource, sys
    import jax, jax.numpy as jnp
    jax.config.update("jax_enable_x64", True)
    from gpkit import kernels as gk
    from gpkit.operators import KernelOperator
    n, k, memory = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    X = jax.random.normal(jax.random.key(0), (n, 18))
    V = jax.random.normal(jax.random.key(1), (n, k))
    jax.block_until_ready((X, V))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    op = KernelOperator(gk.Matern32(jnp.ones(18)), X, dtype=jnp.float32, memory=memory)
    jax.block_until_ready((op.matmul(V), op.bilinear_gradient(V, V)))
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def peak(n, k, memory):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(n), str(k), memory],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout.split()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(("n", "k", "memory"), [(12_000, 16, "40MB"), (12_000, 64, "120MB")])
def test_the_peak_of_products_and_gradients_stays_within_the_budget(n, k, memory):
    compiled = peak(600, k, memory)
    assert peak(n, k, memory) - compiled < parse_memory(memory)
