"""The operations of the API, one class for each noun. `CircleCISession` has them all."""
