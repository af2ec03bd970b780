r"""Where artifacts go below a folder: decisions without I/O, the same on every system.

What a build named its files is whatever it liked. A name is taken only if it is a plain relative path everywhere: also
on systems that fold case, normalise Unicode, or give `:`, `\` and `CON` a meaning of their own.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

import attrs

from .errors import DownloadError, PathConflictError, UnsafePathError
from .models import Artifact

__all__ = ["Place", "etag_name", "part_name", "plan"]

_MAX_NAME: Final = 255  # bytes, on every file system in use
_SHOWN: Final = 3  # names, in an error
_PART: Final = ".circleci.part"
_ETAG: Final = ".etag"
# Separators and streams of other systems, control characters, lone surrogates, and what cannot be seen at an end.
_UNSAFE: Final = re.compile(r"[\\:\x00-\x1f\x7f\ud800-\udfff]|[. ]\Z")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|\Z)", re.IGNORECASE)


@attrs.frozen
class Place:
    """Where an artifact goes.

    Attributes:
        artifact: The artifact.
        parts: The folders below the destination, and the name. As given, where there is a problem.
        problem: Why it cannot go there; `None` when it can.
    """

    artifact: Artifact
    parts: tuple[str, ...]
    problem: DownloadError | None = None


def plan(artifacts: Iterable[Artifact], match: str | None) -> list[Place]:
    """Find a place for each artifact that matches.

    Artifacts of several containers go to `node-<i>/…`, whichever of them match.

    Args:
        artifacts: As the service lists them.
        match: A pattern for the whole path, as `fnmatch` has it: `*` also stands for slashes. `None`: all.
    """
    everything = list(artifacts)
    has_nodes = len({artifact.node_index or 0 for artifact in everything}) > 1
    places = [
        _place(artifact, (f"node-{artifact.node_index or 0}",) if has_nodes else ())
        for artifact in everything
        if match is None or fnmatchcase(artifact.path, match)
    ]
    conflicts = _conflicts([place for place in places if place.problem is None])
    return [attrs.evolve(place, problem=conflicts[id(place)]) if id(place) in conflicts else place for place in places]


def part_name(name: str) -> str:
    """What a file is called until it is whole."""
    fits = len(name.encode()) + len(_PART) + len(_ETAG) <= _MAX_NAME
    return (name if fits else hashlib.sha256(name.encode()).hexdigest()) + _PART


def etag_name(name: str) -> str:
    """Where it is noted which version of the artifact the part belongs to."""
    return part_name(name) + _ETAG


def _place(artifact: Artifact, node: tuple[str, ...]) -> Place:
    path = artifact.path
    if path.startswith("/"):
        return Place(artifact, (path,), UnsafePathError(f"{path!r}: expected a relative path"))
    parts = tuple(part for part in path.split("/") if part not in {"", "."})
    if not parts:
        return Place(artifact, (path,), UnsafePathError(f"{path!r}: expected the path of a file"))
    if problem := next(filter(None, map(_problem, parts)), None):
        return Place(artifact, (path,), UnsafePathError(f"{path!r}: {problem}"))
    if not artifact.url:
        return Place(artifact, (path,), DownloadError(f"{path!r}: the service gave no URL for it"))
    return Place(artifact, (*node, *parts))


def _problem(part: str) -> str | None:
    if part == "..":
        return "expected a path that does not climb"
    if _UNSAFE.search(part) or _DEVICE.match(part):
        return "expected names that every system takes for plain ones"
    if len(part.encode()) > _MAX_NAME:
        return f"expected names of at most {_MAX_NAME} bytes"
    return None


def _conflicts(places: list[Place]) -> dict[int, PathConflictError]:
    """Of places that cannot all be had, why not, by their `id`."""
    keyed = [(place, _key(place.parts)) for place in places]
    wanted: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for place, key in keyed:
        name = place.parts[-1]
        wanted[key].append(place)
        for last in (part_name(name), etag_name(name)):
            wanted[(*key[:-1], _folded(last))].append(place)
    # As folders, only of files: what is kept beside them is never below anything.
    below: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for place, key in keyed:
        for length in range(1, len(key)):
            if key[:length] in wanted:
                below[key[:length]].append(place)
    found: dict[int, PathConflictError] = {}
    for key, claims in wanted.items():
        if len(rivals := claims + below.get(key, [])) > 1:
            names = sorted({repr(rival.artifact.path) for rival in rivals})
            # Each of ten thousand rivals has an error, which is not to name the other ten thousand.
            shown = ", ".join(names[:_SHOWN]) + ", …" * (len(names) > _SHOWN)
            for rival in rivals:
                found[id(rival)] = PathConflictError(f"{'/'.join(key)}: {len(rivals)} artifacts want it: {shown}")
    return found


def _key(parts: tuple[str, ...]) -> tuple[str, ...]:
    """What systems that fold case or normalise Unicode take for the same path."""
    return tuple(_folded(part) for part in parts)


def _folded(part: str) -> str:
    # As Unicode has it: taken apart first, because folding moves an iota that is written below others.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", part).casefold())
