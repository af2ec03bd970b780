"""`python -m circleci_v1_async.testing`: the fake as a process, for tests of programs in any language.

It prints its base URL on the first line and the token on the second, and serves until it is interrupted or terminated.
`record` runs as a proxy between a program and the service and records the exchanges; `replay` replays a recording.
"""

from circleci_v1_async.testing._program import main

__all__ = ["main"]

if __name__ == "__main__":  # pragma: no cover - in a separate process
    main()
