"""Faults, rates and drifts that a test scripts, and the seeds that do so in JSON."""
