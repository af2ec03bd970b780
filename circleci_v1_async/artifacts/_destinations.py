r"""Paths of artifacts below a folder, chosen without I/O and identically on every system.

Builds can give files any name. A path is accepted only if it is a plain relative path on every system, even on systems
that ignore case, normalize Unicode, or give `:`, `\` and `CON` a special meaning. Characters that some systems reject,
or that make a name misleading for readers, are encoded.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Final, cast

import attrs

from circleci_v1_async._files.names import MAX_NAME, encode_name, longest_name_bytes, part_name, resume_info_name
from circleci_v1_async.errors import DownloadError, InvalidInputError, PathConflictError, UnsafePathError
from circleci_v1_async.models import Artifact

_SHOWN: Final = 3  # maximum number of names in an error message
_WAY_OUT: Final = "place= can choose other paths"
_ROOT: Final = 0  # number of the destination folder, in a tree of numbered paths
# Separators and stream names of other systems, control characters, lone surrogates, and a dot or blank at the end.
_UNSAFE: Final = re.compile(r"[\\:\x00-\x1f\x7f\ud800-\udfff]|[. ]\Z")
# Characters that Windows rejects, C1 controls, and characters that are invisible, break lines or change the direction
# of text. Zero-width joiners stay: Persian words and emoji need them.
_ENCODED: Final = re.compile(r'[<>"|?*\x80-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]')
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|\Z)", re.IGNORECASE)


@attrs.frozen
class Destination:
    """Path of an artifact below a folder.

    Attributes:
        artifact: The artifact.
        parts: The folders below the destination folder and the file name, encoded for the file system. If the path
            itself is the problem, `parts` contains only the original path.
        problem: The reason why the artifact cannot be saved at this path; `None` if it can.
    """

    artifact: Artifact
    parts: tuple[str, ...]
    problem: DownloadError | None = None

    @property
    def length(self) -> int:
        """Length in bytes of the longest path below the destination folder that the download needs."""
        *folders, name = self.parts
        return sum(len(encode_name(folder)) + 1 for folder in folders) + longest_name_bytes(name)


def plan_destinations(
    artifacts: Iterable[Artifact], match: str | None, place: Callable[[Artifact], str] | None = None
) -> list[Destination]:
    """Choose a path for each artifact that matches, in the order of `artifacts`.

    Without `place`, it is the artifact's own path, below `node-<i>` if the matching artifacts come from several
    containers.
    """
    wanted = [artifact for artifact in _check(artifacts) if match is None or fnmatchcase(artifact.path, match)]
    has_nodes = place is None and len({artifact.node_index or 0 for artifact in wanted}) > 1
    destinations: list[Destination] = []
    for artifact in wanted:
        path = artifact.path if place is None else cast("object", place(artifact))
        if not isinstance(path, str):
            text = f"place: expected a function that returns a path below the folder, got {type(path).__name__}"
            raise InvalidInputError(text)
        folders = (f"node-{artifact.node_index or 0}",) if has_nodes else ()
        destinations.append(_find_destination(artifact, path, folders))
    conflicts = _find_conflicts([destination for destination in destinations if destination.problem is None])
    return [
        attrs.evolve(destination, problem=conflicts[id(destination)]) if id(destination) in conflicts else destination
        for destination in destinations
    ]


def _check(given: object) -> list[Artifact]:
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise InvalidInputError(
            "artifacts: expected several Artifacts from list_build_artifacts (download_artifact saves one); "
            f"got {type(given).__name__}"
        )
    everything = list(cast("Iterable[object]", given))
    for artifact in everything:
        if not isinstance(artifact, Artifact):
            raise InvalidInputError(
                f"artifacts: expected Artifacts from a list of artifacts, got {type(artifact).__name__}"
            )
    return cast("list[Artifact]", everything)


def _find_destination(artifact: Artifact, path: str, node: tuple[str, ...]) -> Destination:
    parts = tuple(part for part in path.split("/") if part not in {"", "."})
    if path.startswith("/"):
        problem: str | None = "expected a relative path"
    elif not parts:
        problem = "expected the path of a file"
    else:
        problem = next(filter(None, map(_find_problem, parts)), None)
    if problem:
        return Destination(artifact, (path,), UnsafePathError(f"{path!r}: {problem}"))
    if not artifact.url:
        return Destination(artifact, (path,), DownloadError(f"{path!r}: the service returned no URL for this artifact"))
    return Destination(artifact, (*node, *map(_encode, parts)))


def _find_problem(part: str) -> str | None:
    if part == "..":
        return "expected a path without '..'"
    if _UNSAFE.search(part) or _DEVICE.match(part):
        return "expected names that are valid on every system"
    if len(_encode(part).encode()) > MAX_NAME:
        return f"expected names of at most {MAX_NAME} bytes"
    return None


def _encode(part: str) -> str:
    """Return a name for the file system: the characters of `_ENCODED` are percent-encoded."""
    return _ENCODED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), part)


def _find_conflicts(destinations: list[Destination]) -> dict[int, PathConflictError]:
    """Return the conflicts between destinations, by the `id` of each destination that has one."""
    # Give each path a number, found by the number of its folder and its own name. A path with a thousand folders then
    # takes a thousand short keys, instead of a thousand paths of increasing length.
    numbers: dict[tuple[int, str], int] = {}
    wanted: dict[int, list[tuple[Destination, str]]] = defaultdict(list)
    below: dict[int, list[Destination]] = defaultdict(list)
    for destination in destinations:
        *folders, name = destination.parts
        folder = _ROOT
        for part in folders:
            folder = numbers.setdefault((folder, _fold(part)), len(numbers) + 1)
            below[folder].append(destination)
        for last in (name, part_name(name), resume_info_name(name)):
            wanted[numbers.setdefault((folder, _fold(last)), len(numbers) + 1)].append((destination, last))
    found: dict[int, PathConflictError] = {}
    for number, claims in wanted.items():
        rivals = [destination for destination, _ in claims] + below.get(number, [])
        if len(rivals) > 1:
            first, last = claims[0]
            names = sorted({repr(rival.artifact.path) for rival in rivals})
            # With ten thousand rivals, each has an error. The error must not name all the others.
            shown = ", ".join(names[:_SHOWN]) + ", …" * (len(names) > _SHOWN)
            text = f"{'/'.join((*first.parts[:-1], last))}: {len(rivals)} artifacts need this path: {shown}; {_WAY_OUT}"
            for rival in rivals:
                # The first claim is the file itself, before its temporary files.
                found.setdefault(id(rival), PathConflictError(text))
    return found


def _fold(part: str) -> str:
    """Return a key that is equal for names that differ only in case or Unicode normalization."""
    # As the Unicode standard defines it: decompose first, because case folding moves an iota subscript.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", part).casefold())
