"""Walks over lists that change before every page, on a real socket."""

from typing import Final, NamedTuple
from zlib import crc32

from circleci_v1_async import Build, CircleCISession, PageWalk
from circleci_v1_async.testing import FakeCircleCI

PROJECT: Final = "github/acme/web"
LISTS: Final = ("project builds", "running builds", "recent builds")
# Numbers of changes for each served page.
CHANGES: Final = {
    "0.5 inserts": {"inserts": 0.5},
    "2 removals": {"removals": 2.0},
    "both": {"inserts": 0.5, "removals": 2.0},
}


class Walked(NamedTuple):
    """Builds that a walk lost and repeated, and its requests."""

    lost: int
    repeated: int
    requests: int


def make_fake(builds: int) -> FakeCircleCI:
    """Make a fake with `builds` running builds, which every list contains. Recent builds mix two projects."""
    fake = FakeCircleCI()
    fake.add_project(PROJECT)
    fake.add_project("github/acme/api")
    for number in range(builds):
        fake.add_build(PROJECT if number % 3 else "github/acme/api", status="running")
    return fake


def _start_walk(ci: CircleCISession, kind: str, *, prefetch: int, overlap: int) -> PageWalk[Build]:
    if kind == "recent builds":
        return ci.iter_recent_builds(prefetch=prefetch, overlap=overlap, shallow=True)
    filter_ = "running" if kind == "running builds" else None
    return ci.iter_project_builds(PROJECT, filter=filter_, prefetch=prefetch, overlap=overlap, shallow=True)


async def walk_drifting_list(
    kind: str, changes: str, *, prefetch: int, seed: int, overlap: int = 5, builds: int = 1000
) -> Walked:
    """Walk once while the list changes.

    Args:
        kind: One of `LISTS`.
        changes: One of `CHANGES`.
        prefetch: Passed to the walk.
        seed: Determines the changes, together with the kind of list and the order of the requests.
        overlap: Passed to the walk. At 1, removals open gaps that the walk must repair.
        builds: Number of builds at the start.
    """
    # Two of three builds are in the project, and all of them are in the list of recent builds.
    async with make_fake(builds if kind == "recent builds" else builds * 3 // 2) as fake:
        # The same seed gives a different experiment for each kind of list.
        drift = fake.drift(PROJECT, seed=crc32(f"{kind}, {changes}, {seed}".encode()), **CHANGES[changes])
        async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
            walk = _start_walk(ci, kind, prefetch=prefetch, overlap=overlap)
            keys = [build.key async for build in walk]
        return Walked(len(drift.survivors - set(keys)), len(keys) - len(set(keys)), walk.requests)
