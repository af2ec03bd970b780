"""Lists of builds: their queries, their filters and their pages."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from operator import attrgetter
from typing import Final

import attrs

from circleci_v1_async.testing._server.checks import parse_integer
from circleci_v1_async.testing._server.routing import Call
from circleci_v1_async.testing._state.builds import Build

MAX_LIMIT: Final = 100
_FAILURES: Final = frozenset({"failed", "timedout", "infrastructure_fail"})


def _is_running(build: Build) -> bool:
    # The service counts waiting builds as running; bots that queue builds rely on it.
    return not build.phase.is_over


FILTERS: Final[dict[str, Callable[[Build], bool]]] = {
    "completed": lambda build: build.phase.is_finished,
    "successful": lambda build: build.phase.outcome == "success",
    "failed": lambda build: build.phase.outcome in _FAILURES,
    "running": _is_running,
}


@attrs.frozen
class ListQuery:
    """The parameters of a request for a list of builds, with defaults and limits applied."""

    filter: str | None = None
    branch: str | None = None
    limit: int = 30
    offset: int = 0
    shallow: bool = False

    @classmethod
    def parse(cls, query: Mapping[str, str], *, branch: str | None = None) -> "ListQuery":
        """Read the parameters of a query. As the service does, it ignores a filter that it does not know.

        Raises:
            RefusedError: A number is none. The service's own answer is not recorded; the fake refuses such a request,
                so that tests notice it.
        """
        filter = query.get("filter")
        return cls(
            filter=filter if filter in FILTERS else None,
            branch=query.get("branch", branch),
            limit=min(max(parse_integer(query.get("limit", "30")), 1), MAX_LIMIT),
            offset=max(parse_integer(query.get("offset", "0")), 0),
            shallow=query.get("shallow") == "true",
        )

    def select(self, builds: Iterable[Build]) -> Iterator[Build]:
        """Yield the builds of the whole list, in the order given."""
        matches = FILTERS[self.filter] if self.filter else None
        for build in builds:
            if (self.branch is None or build.branch == self.branch) and (matches is None or matches(build)):
                yield build

    def take_page(self, builds: Iterable[Build]) -> list[Build]:
        """Return the builds of the requested page; none past the end."""
        return list(islice(self.select(builds), self.offset, self.offset + self.limit))


def parse_list_query(call: Call) -> ListQuery:
    """Parse the parameters of a request for a list, or refuse the request."""
    return ListQuery.parse(call.query, branch=call.params.get("branch"))


def select_listed_builds(call: Call) -> list[Build]:
    """Return the whole list that a request asks for a page of."""
    return list(parse_list_query(call).select(_sort_builds(call)))


def render_page(call: Call) -> bytes:
    """Render the page of a list that a request asks for."""
    query = parse_list_query(call)
    return call.pages.render(query.take_page(_sort_builds(call)), shallow=query.shallow)


def _sort_builds(call: Call) -> list[Build]:
    if "repo" in call.params:
        return call.project.list_builds_newest_first()
    builds = (build for project in call.followed_projects for build in project.builds.values())
    return sorted(builds, key=attrgetter("recency"), reverse=True)
