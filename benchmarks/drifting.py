"""Walks over lists that change before every page, on a real socket: what is lost, what is repeated."""

from typing import Final, NamedTuple
from zlib import crc32

from circleci_v1_async import Build, CircleCISession, PageWalk
from circleci_v1_async.testing import FakeCircleCI

PROJECT: Final = "github/acme/web"
LISTS: Final = ("project builds", "running builds", "recent builds")
# Changes for each page served.
CHANGES: Final = {
    "0.5 inserts": {"inserts": 0.5},
    "2 removals": {"removals": 2.0},
    "both": {"inserts": 0.5, "removals": 2.0},
}


class Walked(NamedTuple):
    lost: int
    repeated: int
    requests: int


def make_fake(builds: int) -> FakeCircleCI:
    """A service with so many running builds, which every list holds. Recent builds mix two projects."""
    fake = FakeCircleCI()
    fake.add_project(PROJECT)
    fake.add_project("github/acme/api")
    for number in range(builds):
        fake.add_build(PROJECT if number % 3 else "github/acme/api", status="running")
    return fake


def walk(ci: CircleCISession, kind: str, *, prefetch: int, overlap: int) -> PageWalk[Build]:
    if kind == "recent builds":
        return ci.iter_recent_builds(prefetch=prefetch, overlap=overlap, shallow=True)
    filter_ = "running" if kind == "running builds" else None
    return ci.iter_project_builds(PROJECT, filter=filter_, prefetch=prefetch, overlap=overlap, shallow=True)


async def drifting_walk(
    kind: str, changes: str, *, prefetch: int, seed: int, overlap: int = 5, builds: int = 1000
) -> Walked:
    """Walk once while the list changes.

    Args:
        kind: Of `LISTS`.
        changes: Of `CHANGES`.
        prefetch: As the walk takes it.
        seed: What the changes depend on, with the kind of list and the order of the requests.
        overlap: As the walk takes it. At 1, removals open gaps that the walk has to repair.
        builds: How many there are at first.
    """
    # Two of three builds are in the project, all of them in the recent ones.
    async with make_fake(builds if kind == "recent builds" else builds * 3 // 2) as fake:
        # The same seed is another experiment for each kind of list.
        drift = fake.drift(PROJECT, seed=crc32(f"{kind}, {changes}, {seed}".encode()), **CHANGES[changes])
        async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
            walking = walk(ci, kind, prefetch=prefetch, overlap=overlap)
            keys = [build.key async for build in walking]
        return Walked(len(drift.survivors - set(keys)), len(keys) - len(set(keys)), walking.requests)
