"""Benchmarks of the package, and comparisons with others: `python -m benchmarks`."""
