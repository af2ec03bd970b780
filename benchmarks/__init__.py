"""Benchmarks of the package, and comparisons with other clients: `python -m benchmarks`."""
