"""The account and its state, as plain values: no I/O, and no JSON of the API."""
