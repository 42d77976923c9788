"""Measurements of gpkit against other packages: run with ``python -m benchmarks``."""
