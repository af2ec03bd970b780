"""The commands of `circleci-v1`: `commands` takes arguments, `demo` and its like fetch, `screen` shows."""
