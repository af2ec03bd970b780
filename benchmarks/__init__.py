"""What it costs, and whether it holds at length: `python -m benchmarks`."""
