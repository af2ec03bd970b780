"""`python -m circleci_v1_async`: the shell command, without a script on the path."""

from ._cli import main

if __name__ == "__main__":  # pragma: no cover - in a process of its own
    main()
