"""The cost of an import: the CPU of a whole process that does nothing else."""

import os
import resource
import subprocess
import sys
from functools import cache
from tempfile import TemporaryDirectory
from typing import Final

# An import costs more or less by chance: where files lie in memory, how hashes fall.
_PROCESSES: Final = 3


def import_seconds(code: str, _base_url: str) -> float:
    """Return the seconds of CPU of a new interpreter which runs the code, and finds everything compiled."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = (sys.executable, "-X", f"pycache_prefix={_compiled().name}", "-c", code)
    started = _children_seconds()
    for _ in range(_PROCESSES):
        subprocess.run(command, env=environment, check=True)  # noqa: S603 - our own code
    return (_children_seconds() - started) / _PROCESSES


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@cache
def _compiled() -> "TemporaryDirectory[str]":
    """Return the folder of compiled modules. The round that does not count fills it."""
    return TemporaryDirectory()
