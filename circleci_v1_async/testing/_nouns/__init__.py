"""One file for each noun of the service, with builders, rendering, answers and routes."""
