"""Processes that a test has started and not ended."""

import ctypes
import os
import select
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["adopt_orphans", "end_processes", "find_children"]

_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)
# Number of seconds that a process has to end by itself.
_GRACE: Final = 5.0
# A process of Python's own, which lives as long as its parent.
_TRACKER: Final = b"multiprocessing.resource_tracker"


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent ends, such as a program in the background of a shell."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1)


def find_children() -> set[int]:
    """Return the IDs of all child processes; on systems other than Linux none."""
    if sys.platform != "linux":
        return set()
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        # Most tests start no process. They need no look at each process of the machine.
        return set()
    found = set[int]()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # The name, in parentheses, can contain spaces. The state and the parent follow.
            _, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(parent) == os.getpid() and _TRACKER not in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
    return found


def end_processes(children: Iterable[int]) -> list[str]:
    """Wait for the end of each process. Return the commands of those that had to be killed."""
    killed: list[str] = []
    for child in children:
        # If the process has ended, another thread may wait for it too, and be faster.
        with suppress(OSError):
            descriptor = os.pidfd_open(child)
            try:
                if not select.select([descriptor], [], [], _GRACE)[0]:
                    killed.append(Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ").strip())
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)
            os.waitpid(child, 0)
    return killed
