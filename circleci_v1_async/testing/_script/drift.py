"""Drift: changes of a list of builds while it is read."""

import random
from typing import Final

import attrs

from circleci_v1_async.testing._nouns.lists import parse_list_query, select_listed_builds
from circleci_v1_async.testing._server.routing import Call
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.arguments import check_number
from circleci_v1_async.testing._state.builds import Build

# Before each page.
_MOST_CHANGES: Final = 10_000
_ARRIVAL_STATUSES: Final = {"completed": "success", "successful": "success", "failed": "failed"}


@attrs.define
class Drift:
    """Changes a list before each page of it is served, and records which builds every version of it held.

    Each rate is a mean number of changes per page: 0.5 is one change before every second page, at random, and 2.0 is
    two before each page. The same seed and the same requests give the same changes.

    Attributes:
        slug: The project in which builds arrive and finish.
        inserts: Builds that arrive at the head of the list, with a status and a branch that belong there.
        removals: Builds that leave the list: they finish if it lists running builds, else they are removed.
        finishes: Running builds that end, in success or failure, and so enter filtered lists in the middle.
        rounds: The number of further pages before which the list changes; None for all, 0 to stop the changes.
        arrived: The number of builds that have arrived.
        finished: The number of builds that have finished, including those that left a list of running builds.
        removed: The number of builds that have been removed.
        served: The number of pages served; each shows a version of the list.
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
        """Forget the versions served so far, before another walk. The counts of changes go on."""
        self.served = 0
        self.survivors = frozenset()

    def before_page(self, call: Call) -> None:
        """Change the list that `call` requests a page of, and record the builds that it then holds."""
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
    """The method that lets lists drift."""

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
        """Change lists before each of their pages is served. Rates are means per page.

        Args:
            slug: The project in which builds arrive and finish.
            seed: The seed of the changes; the same seed gives the same changes.
            inserts: Builds that arrive at the head.
            removals: Listed builds that leave the list.
            finishes: Running builds that end.
            rounds: The number of pages before which the list changes; None for all.

        Returns:
            A record of the changes; its `survivors` are the builds that were in every served version of the list.
        """
        for name, rate in (("inserts", inserts), ("removals", removals), ("finishes", finishes)):
            check_number(name, rate, 0, _MOST_CHANGES)
        chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
        drift = Drift(self._account.get_project(slug).slug, inserts, removals, finishes, rounds, chance)
        self._drifts.append(drift)
        return drift
