"""Drift: changes of a list of builds while a client reads it."""

import random
from typing import Final

import attrs

from circleci_v1_async.testing._nouns.lists import parse_list_query, select_listed_builds
from circleci_v1_async.testing._server.routing import Call
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.arguments import check_number
from circleci_v1_async.testing._state.builds import Build

# Maximum number of changes before each page.
_MOST_CHANGES: Final = 10_000
_ARRIVAL_STATUSES: Final = {"completed": "success", "successful": "success", "failed": "failed"}


@attrs.define
class Drift:
    """Changes a list before each of its pages is served, and records the builds in every version.

    Each rate is a mean number of changes per page: 0.5 is one change before every second page, at random, and 2.0 is
    two changes before each page. The same seed and the same requests give the same changes.

    Attributes:
        slug: Slug of the project with the builds to change.
        inserts: Number of builds per page that arrive at the head of the list, with a status and a branch that match
            the list.
        removals: Number of builds per page that leave the list. If it lists running builds, they finish. Otherwise,
            they are removed.
        finishes: Number of running builds per page that succeed or fail, and so enter filtered lists in the middle.
        rounds: Number of further pages before which the list changes; None for all pages, 0 to stop the changes.
        arrived: Number of builds that have arrived.
        finished: Number of builds that have finished, including builds that left a list of running builds.
        removed: Number of builds that have been removed.
        served: Number of pages served. Each page shows one version of the list.
        survivors: The `(vcs_url, build_num)` of the builds that were in every served version: an exact walk yields
            each of them once.
    """

    __module__ = "circleci_v1_async.testing"

    slug: str
    inserts: float
    removals: float
    finishes: float
    rounds: int | None
    _random: random.Random = attrs.field(repr=False)
    arrived: int = attrs.field(default=0, init=False)
    finished: int = attrs.field(default=0, init=False)
    removed: int = attrs.field(default=0, init=False)
    served: int = attrs.field(default=0, init=False)
    survivors: frozenset[tuple[str, int]] = attrs.field(default=frozenset[tuple[str, int]](), init=False, repr=False)

    def reset(self) -> None:
        """Forget the versions served so far, before another walk. The counts of changes are kept."""
        self.served = 0
        self.survivors = frozenset()

    def before_page(self, call: Call) -> None:
        """Change the list of the page that `call` requests, and record the builds in the list."""
        if self.rounds is None or self.rounds > 0:
            self._change(call)
            self.rounds = self.rounds and self.rounds - 1
        version = frozenset(
            (call.account.projects[build.slug].vcs_url, build.build_num) for build in select_listed_builds(call)
        )
        self.survivors = self.survivors & version if self.served else version
        self.served += 1

    def _change(self, call: Call) -> None:
        query, account = parse_list_query(call), call.account
        project = account.projects[self.slug]
        running = [build for build in project.builds.values() if build.status == "running"]
        for build in self._sample(running, self.finishes):
            account.finish_build(build, self._random.choice(("success", "failed")))
            self.finished += 1
        for build in self._sample(select_listed_builds(call), self.removals):
            if query.filter == "running":
                account.finish_build(build, "success")
                self.finished += 1
            else:
                account.remove_build(build)
                self.removed += 1
        for _ in range(self._draw(self.inserts)):
            status = _ARRIVAL_STATUSES.get(query.filter or "", "running")
            account.create_build(project, branch=query.branch, status=status)
            self.arrived += 1

    def _sample(self, builds: list[Build], rate: float) -> list[Build]:
        return self._random.sample(builds, min(self._draw(rate), len(builds)))

    def _draw(self, rate: float) -> int:
        return int(rate) + (self._random.random() < rate % 1)


class Drifts:
    """The method that changes lists while they are read."""

    _account: Account
    _drifts: list[Drift]

    def drift(
        self,
        slug: str,
        *,
        seed: int = 0,
        inserts: float = 0.0,
        removals: float = 0.0,
        finishes: float = 0.0,
        rounds: int | None = None,
    ) -> Drift:
        """Change a project's lists before each of their pages is served, at random.

        Args:
            slug: Slug of the project with the builds to change.
            seed: The seed of the changes. The same seed gives the same changes.
            inserts: Mean number of builds per page that arrive at the head of the list.
            removals: Mean number of listed builds per page that leave the list.
            finishes: Mean number of running builds per page that end.
            rounds: Number of pages before which the list changes; None for all pages.

        Returns:
            A record of the changes. Its `survivors` are the builds that were in every served version of the list.
        """
        for name, rate in (("inserts", inserts), ("removals", removals), ("finishes", finishes)):
            check_number(name, rate, 0, _MOST_CHANGES)
        chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
        drift = Drift(self._account.get_project(slug).slug, inserts, removals, finishes, rounds, chance)
        self._drifts.append(drift)
        return drift
