"""Faults, rates and drifts that a test scripts, and JSON seeds that script them."""
