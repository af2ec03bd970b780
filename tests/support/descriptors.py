"""What this process has open."""

from pathlib import Path


def descriptors() -> int:
    """How many files, sockets and folders, this question's own included."""
    return len(list(Path("/dev/fd").iterdir()))
