"""The git checkout in the command's working directory."""

import shutil
import subprocess
from typing import Final

import attrs

from circleci_v1_async import InvalidInputError, ProjectSlug

_REMOTES: Final = ("upstream", "origin")  # CircleCI usually builds the repository that a fork was made from
_TIMEOUT: Final = 10.0  # seconds: a checkout on a network drive may be slow


@attrs.frozen
class Checkout:
    """A git checkout.

    Attributes:
        project: The project of its remote.
        branch: The checked-out branch; `None` if a commit is checked out.
    """

    project: ProjectSlug
    branch: str | None


def find_checkout() -> Checkout | None:
    """Return the checkout of the current folder; `None` if no remote's URL belongs to a project."""
    program = shutil.which("git")
    if program is None:
        return None
    for remote in _REMOTES:
        url = _ask(program, "remote", "get-url", remote)
        if url is None:
            continue
        try:
            project = ProjectSlug.parse(url)
        except InvalidInputError:
            continue
        return Checkout(project, _ask(program, "symbolic-ref", "--quiet", "--short", "HEAD"))
    return None


def _ask(program: str, *args: str) -> str | None:
    """Return the output of git; `None` if git fails or prints nothing."""
    try:
        done = subprocess.run(  # noqa: S603 - arguments of our own
            [program, *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
