"""The fake as a process in the background of a shell: how it starts, and when it ends by itself."""

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
        arguments: The arguments.
        token: The token that it prints on its second line; None if it prints none.

    Returns:
        The lines by which a shell exports the address, the token and the process id.

    Raises:
        ValueError: The process ended before it served; the text is what it wrote to standard error.
    """
    process = subprocess.Popen(  # noqa: S603 - this program
        [sys.executable, "-m", "circleci_v1_async.testing", *arguments],
        stdin=subprocess.DEVNULL,
        # Not this process's own: `$(…)` waits until all who hold its standard output have closed it.
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
            # It must be written before the pipe is closed.
            process.stdout.readline()
        if not url:
            raise ValueError(process.communicate()[1].strip())
    # It goes on, and nobody will wait for it.
    process.returncode = 0
    variables = {"CIRCLE_API_URL": url, "CIRCLE_FAKE_PID": f"{process.pid}"}
    if token is not None:
        variables["CIRCLE_TOKEN"] = token
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def find_shell(pid: int) -> int:
    """Return the process id of the shell to which a process belongs.

    A shell runs `$(…)` in a copy of itself, which ends at once; the shell is what the copy was made of. Where there is
    no `/proc`, this cannot be seen, and the copy is returned.
    """
    while (parent := _find_parent(pid)) and _read(parent, "cmdline") == _read(pid, "cmdline"):
        pid = parent
    return pid


async def wait_for_end(shell: int | None, idle_seconds: float | None, count_requests: Callable[[], int]) -> None:
    """Wait until a process has ended, or until no request has come for some time.

    Args:
        shell: The process; None for none.
        idle_seconds: The time, in seconds; None for no end by time.
        count_requests: Returns the number of requests that have come so far.
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
        # It belongs to somebody else.
        return True
    # One that has ended is there until its parent has asked how.
    return _list_fields(pid)[:1] != [b"Z"]


def _find_parent(pid: int) -> int:
    """Return the id of a process's parent; 0 if it has none, or it cannot be seen."""
    fields = _list_fields(pid)
    return int(fields[1]) if fields else 0


def _list_fields(pid: int) -> list[bytes]:
    """Return what the system says of a process, from its state on; nothing if it cannot be seen."""
    # The name before, in brackets, may have blanks and brackets itself.
    return _read(pid, "stat").rpartition(b")")[2].split()


def _read(pid: int, name: str) -> bytes:
    try:
        return (_PROC / f"{pid}" / name).read_bytes()
    except OSError:
        return b""
