"""The fake as a background process of a shell: how it starts, and when it stops automatically."""

import asyncio
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LOOK_EVERY: Final = 1.0


def start_in_background(arguments: Sequence[str], *, token: str | None) -> str:
    """Start `python -m circleci_v1_async.testing` with these arguments, and wait until it serves.

    Args:
        arguments: The command-line arguments.
        token: The token that the process prints on its second line; None if it prints no token.

    Returns:
        Shell commands that export the base URL, the token and the process ID.

    Raises:
        ValueError: The process ended before it served. The message is its standard error.
    """
    process = subprocess.Popen(  # noqa: S603 - this program
        [sys.executable, "-m", "circleci_v1_async.testing", *arguments],
        stdin=subprocess.DEVNULL,
        # Do not inherit standard output: `$(…)` waits until every process that holds it has closed it.
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout, "it is a pipe"  # noqa: S101 - for the type checkers
    assert process.stderr, "so is this"  # noqa: S101 - as above
    with process.stdout, process.stderr:
        url = process.stdout.readline().strip()
        if token is not None:
            # Read the second line before the pipe is closed; otherwise, the process could not write it.
            process.stdout.readline()
        if not url:
            raise ValueError(process.communicate()[1].strip())
    # The process continues to run, and nothing waits for it: without a return code, Python would warn.
    process.returncode = 0
    variables = {"CIRCLE_API_URL": url, "CIRCLE_FAKE_PID": f"{process.pid}"}
    if token is not None:
        variables["CIRCLE_TOKEN"] = token
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def find_shell(pid: int) -> int:
    """Return the process ID of the shell that a process belongs to.

    A shell runs `$(…)` in a short-lived copy of its process. The result is the original shell. Without `/proc`, the
    original cannot be found, so the result is the copy.
    """
    while (parent := _find_parent(pid)) and _read(parent, "cmdline") == _read(pid, "cmdline"):
        pid = parent
    return pid


async def wait_for_end(shell: int | None, idle_seconds: float | None, count_requests: Callable[[], int]) -> None:
    """Wait until a process ends, or until no request has arrived for some time.

    Args:
        shell: The process ID; None to wait for no process.
        idle_seconds: Number of seconds without a request; None for no time limit.
        count_requests: Returns the number of requests received so far.
    """
    clock = asyncio.get_running_loop().time
    count, counted_at = count_requests(), clock()
    while shell is None or await asyncio.to_thread(_is_alive, shell):
        if count_requests() != count:
            count, counted_at = count_requests(), clock()
        if idle_seconds is not None and clock() - counted_at >= idle_seconds:
            return
        await asyncio.sleep(_LOOK_EVERY)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # PermissionError: the process exists, but belongs to another user.
        return True
    # A process that has ended exists as a zombie until its parent reads its exit status.
    return _list_fields(pid)[:1] != [b"Z"]


def _find_parent(pid: int) -> int:
    """Return the ID of a process's parent; 0 if it has no parent or the parent is unknown."""
    fields = _list_fields(pid)
    return int(fields[1]) if fields else 0


def _list_fields(pid: int) -> list[bytes]:
    """Return a process's fields in `/proc`, starting with its state; empty if they cannot be read."""
    # Skip the process name before the state: it is in parentheses, and may contain blanks and parentheses.
    return _read(pid, "stat").rpartition(b")")[2].split()


def _read(pid: int, name: str) -> bytes:
    try:
        return (_PROC / f"{pid}" / name).read_bytes()
    except OSError:
        return b""
