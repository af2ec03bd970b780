"""Checks of files and their places before the first request. Blocking: to be called in threads."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from circleci_v1_async._files.checks import find_bad_file, look, measure_room
from circleci_v1_async.errors import CircleCIError, DownloadError, PathConflictError, UnsafePathError

from ._events import Download, DownloadStatus, OnExists
from ._places import Place

__all__ = ["check_places", "fail"]


def check_places(places: Iterable[Place], root: Path, on_exists: OnExists) -> dict[Place, Download]:
    """Return the outcomes of the places that need no request."""
    room = measure_room(root)
    return {place: download for place in places if (download := _check_place(place, root, room, on_exists))}


def fail(place: Place, root: Path, error: CircleCIError) -> Download:
    """Return the outcome of a download that failed."""
    return Download(place.artifact, root.joinpath(*place.parts), None, DownloadStatus.FAILED, error)


def _check_place(place: Place, root: Path, room: int, on_exists: OnExists) -> Download | None:
    if place.problem:
        return fail(place, root, place.problem)
    if place.length > room:
        text = f"{place.artifact.path!r}: expected a path of at most {room} bytes below {root}"
        return fail(place, root, UnsafePathError(text))
    try:
        file = Path(root, *place.parts)
        if problem := _find_bad_folder(place.parts[:-1], root) or find_bad_file(file, on_exists):
            return fail(place, root, problem)
        if on_exists == "skip" and (found := look(file)):
            return Download(place.artifact, file, found.st_size, DownloadStatus.SKIPPED)
    except OSError as error:
        problem = DownloadError(f"{root.joinpath(*place.parts)}: {error.strerror}")
        problem.__cause__ = error.with_traceback(None)
        return fail(place, root, problem)
    return None


def _find_bad_folder(folders: Iterable[str], root: Path) -> DownloadError | None:
    """Return what is wrong with the first thing on the way to a file that is no folder."""
    path = os.fspath(root)
    for folder in folders:
        path = os.path.join(path, folder)  # noqa: PTH118 - a Path would cost its whole length each time
        found = look(path)
        if found is None:
            return None
        if stat.S_ISLNK(found.st_mode):
            return UnsafePathError(f"{path}: expected a folder, found a symbolic link")
        if not stat.S_ISDIR(found.st_mode):
            return PathConflictError(f"{path}: expected a folder, found a file")
    return None
