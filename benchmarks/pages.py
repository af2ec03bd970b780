"""The replies of the server, as bytes.

If the environment variable CIRCLECI_RECORDINGS contains the path of a folder of recorded replies, the replies are
these, repeated to the required length. Otherwise, the replies come from `generated.json`. Their content is invented,
and a test compares the form of the builds with recorded builds. The kinds of builds:

- `recorded`: the builds as CircleCI sends them;
- `shuffled`: the same builds, with the keys of every object in random order;
- `bitbucket`: the same builds, as CircleCI sends them for Bitbucket, with an empty `committer_date`;
- `shallow`: the same builds, with the keys that `shallow=true` includes;
- `tiny`: builds with three keys;
- `detail`: a single build with its steps, of 12 kB.
"""

import csv
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import attrs

Json = dict[str, Any]

ARTIFACTS: Final = 5_000
TESTS: Final = 10_000
_MEGABYTE: Final = 1_000_000
_SEED: Final = 14
_SHORTEST_LIST: Final = 5  # shorter recorded lists are of single cases
_NUMBER: Final = re.compile(rb'"build_num":(\d+)')
_GENERATED: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("generated.json").read_bytes())
BUILDS: Final[list[Json]] = _GENERATED["builds"]
_SHALLOW_KEYS: Final = frozenset(" ".join(_GENERATED["shallow"]).split())

# A build's bytes before and after its number.
Template = tuple[bytes, bytes]


@attrs.frozen
class Replies:
    """The bodies of all replies.

    Attributes:
        kinds: Builds by kind. The numbers are added when a reply is sent.
        fixed: Bodies by path.
    """

    kinds: dict[bytes, list[Template]]
    fixed: dict[bytes, bytes]

    def page(self, kind: bytes, count: int, *, limit: int, offset: int) -> bytes:
        """Return a page of a list. The newest build, the first, has the number `count`, and the last one 1."""
        numbers = range(count - offset, max(0, count - offset - limit), -1)
        return b"[%b]" % b",".join(self.single(kind, number) for number in numbers)

    def single(self, kind: bytes, number: int) -> bytes:
        """Return the build with this number."""
        templates = self.kinds[kind]
        head, tail = templates[number % len(templates)]
        return b"%b%d%b" % (head, number, tail)


def make_replies() -> Replies:
    """Read or generate all replies."""
    lists = read_recorded_lists()
    builds = [build for each in lists for build in each] or BUILDS
    random = Random(_SEED)  # noqa: S311 - no secret
    kinds: dict[bytes, list[Json]] = {
        b"recorded": builds,
        b"shuffled": _reordered(builds, lambda value: random.sample(list(value), len(value))),
        b"bitbucket": [_as_of_bitbucket(build) for build in builds],
        b"shallow": [_as_shallow(build) for build in builds],
        b"tiny": [{"vcs_url": "https://github.com/acme/web-storefront", "build_num": 1, "status": "success"}],
        b"detail": [_read("build-07.json", "detail")],
    }
    projects = _read("projects-04.json", "projects")
    fixed: dict[bytes, Any] = {
        b"/projects": _repeat(projects, _MEGABYTE / _mean_size(projects)),
        b"/projects-2": _repeat(projects, 2 * _MEGABYTE / _mean_size(projects)),
        b"/project/github/acme/web/1/artifacts": _repeat(_read("latest_artifacts-02.json", "artifacts"), ARTIFACTS),
        b"/project/github/acme/web/1/tests": {"tests": _repeat(_read("tests-02.json", "tests")["tests"], TESTS)},
        b"/me": _read("me-03.json", "me"),
        b"/shortest": min(lists, key=len, default=builds[:_SHORTEST_LIST]),
        b"/small": {"message": "OK"},
    }
    return Replies(
        {kind: [_make_template(_compact(build)) for build in each] for kind, each in kinds.items()},
        {path: _compact(body) for path, body in fixed.items()},
    )


def read_recorded_lists() -> list[list[Json]]:
    """Return all recorded lists of builds; an empty list without recordings."""
    if not (folder := os.environ.get("CIRCLECI_RECORDINGS")):
        return []
    with (Path(folder) / "INDEX.tsv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if "recorded" in row["kind"]]
    names = [row["file"] for row in rows if row["operation"] in {"project_builds", "recent_builds"}]
    return [builds for name in names if len(builds := _read(name)) >= _SHORTEST_LIST]


def _read(file: str, generated: str = "") -> Any:
    """Return a recorded reply; without recordings, the generated reply with this name."""
    folder = os.environ.get("CIRCLECI_RECORDINGS")
    return json.loads((Path(folder) / file).read_bytes()) if folder else _GENERATED[generated]


def _as_of_bitbucket(build: Json) -> Json:
    """Return a build as CircleCI sends it for Bitbucket: without a committer, with a blank date."""
    unknown: Json = {"committer_date": "", "committer_name": None, "committer_email": None}
    commits = [{**commit, **unknown, "committer_login": None} for commit in build["all_commit_details"]]
    return {**build, **unknown, "vcs_type": "bitbucket", "all_commit_details": commits}


def _as_shallow(build: Json) -> Json:
    """Return a build with the keys that `shallow=true` includes, and the two keys that only this form has."""
    complete: Json = {"fleet": None, "pull_requests": [], **build}
    return {key: value for key, value in complete.items() if key in _SHALLOW_KEYS}


def _reordered(value: Any, order: Callable[[Json], Iterable[str]]) -> Any:
    """Put the keys of all objects in another order."""
    if isinstance(value, list):
        return [_reordered(item, order) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    keyed = cast("Json", value)
    return {key: _reordered(keyed[key], order) for key in order(keyed)}


def _repeat(items: list[Any], count: float) -> list[Any]:
    """Repeat the items up to this number of items."""
    return [items[place % len(items)] for place in range(max(1, round(count)))]


def _mean_size(items: list[Any]) -> float:
    return len(_compact(items)) / len(items)


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _make_template(build: bytes) -> Template:
    # The number may also occur in references to other builds, such as the previous build of the branch.
    number = json.loads(build)["build_num"]
    own = next(found for found in _NUMBER.finditer(build) if int(found[1]) == number)
    return build[: own.start(1)], build[own.end(1) :]
