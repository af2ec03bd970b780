"""How long does the import take? The CPU time of a complete process that only imports."""

import os
import resource
import subprocess
import sys
from functools import cache, partial
from tempfile import TemporaryDirectory
from typing import Final

from .measure import OURS, Candidate, Comparison, Target

_AIOHTTP: Final = "import aiohttp"
# The cost of an import varies randomly, with the places of files in memory and the values of hashes.
_PROCESSES: Final = 3


def _import_seconds(code: str, _base_url: str) -> float:
    """Return the number of CPU seconds of a new interpreter that runs the code. All modules are compiled."""
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
    """Return the folder of compiled modules. The uncounted first round fills it."""
    return TemporaryDirectory()


def _compare(code: str, target: Target) -> Comparison:
    others = (_AIOHTTP, "import httpx2", "import pycircleci.api", "pass")
    candidates: dict[str, Candidate] = {name: partial(_import_seconds, name) for name in others}
    return Comparison(
        title=f"`{code}`, as a complete process",
        candidates={OURS: partial(_import_seconds, code), **candidates},
        targets=(target,),
    )


COMPARISONS: Final[dict[str, Comparison]] = {
    "import": _compare(f"import {OURS}", Target(_AIOHTTP, 0.15)),
    "import-used": _compare(
        f"from {OURS} import CircleCISession, Build",
        Target(_AIOHTTP, 1.40, why="the rest is the modules of sessions and models, and msgspec"),
    ),
}
