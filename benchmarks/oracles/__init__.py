"""Scripts that made the numbers in ``tests/oracles``: ``python -m benchmarks.oracles.NAME``."""
