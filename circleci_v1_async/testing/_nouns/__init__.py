"""A file for each noun of the service: builders, rendering, answers and routes."""
