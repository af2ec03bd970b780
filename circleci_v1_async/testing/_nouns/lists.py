"""Lists of builds: of a project, a branch or all followed projects."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import attrs

from circleci_v1_async.testing._nouns.builds import render_build
from circleci_v1_async.testing._server.checks import RefusedError, parse_integer
from circleci_v1_async.testing._server.routing import PROJECT, Call, Route
from circleci_v1_async.testing._server.wire import Payload, Reply, encode_json
from circleci_v1_async.testing._state.builds import Build
from circleci_v1_async.testing._state.projects import Project

_MAX_LIMIT: Final = 100
_SHALLOW_KEYS: Final = (
    *("author_date", "author_email", "author_name", "body", "branch", "build_num", "build_time_millis", "build_url"),
    *("committer_date", "committer_email", "committer_name", "dont_build", "fleet", "lifecycle", "outcome"),
    *("parallel", "platform", "pull_requests", "queued_at", "reponame", "start_time", "status", "stop_time"),
    *("subject", "usage_queued_at", "user", "username", "vcs_revision", "vcs_tag", "vcs_url", "why", "workflows"),
)
_TOO_DEEP: Final = Reply.json_error(400, "No more builds to download")
_FAILURES: Final = frozenset({"failed", "timedout", "infrastructure_fail"})


def _is_running(build: Build) -> bool:
    # The service counts waiting builds as running. Bots that queue builds rely on it.
    return not build.phase.is_over


_FILTERS: Final[dict[str, Callable[[Build], bool]]] = {
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
        """Read the parameters of a query. An unknown filter is ignored, as in the service.

        Raises:
            RefusedError: A parameter that must be a number is not a number. The service's own answer is not recorded;
                the fake rejects such a request, so that tests notice the mistake.
        """
        filter = query.get("filter")
        return cls(
            filter=filter if filter in _FILTERS else None,
            branch=query.get("branch", branch),
            limit=min(max(parse_integer(query.get("limit", "30")), 1), _MAX_LIMIT),
            offset=max(parse_integer(query.get("offset", "0")), 0),
            shallow=query.get("shallow") == "true",
        )

    def select(self, builds: Iterable[Build]) -> Iterator[Build]:
        """Yield the builds of the whole list, in the order given."""
        matches = _FILTERS[self.filter] if self.filter else None
        for build in builds:
            if (self.branch is None or build.branch == self.branch) and (matches is None or matches(build)):
                yield build

    def take_page(self, builds: Iterable[Build]) -> list[Build]:
        """Return the builds of the requested page; an empty list past the end."""
        return list(islice(self.select(builds), self.offset, self.offset + self.limit))


def parse_list_query(call: Call) -> ListQuery:
    """Parse the parameters of a request for a list, or reject the request."""
    query = ListQuery.parse(call.query, branch=call.params.get("branch"))
    deepest = call.account.max_offset
    if deepest is not None and query.offset > deepest:
        raise RefusedError(_TOO_DEEP)
    return query


def select_listed_builds(call: Call) -> list[Build]:
    """Return the whole list of the request, not only the requested page."""
    return list(parse_list_query(call).select(_sort_builds(call)))


def list_recent_builds(call: Call) -> bytes:
    call.require_token()
    return _render_page(call)


def list_project_builds(call: Call) -> bytes:
    return _render_page(call)


def list_branch_builds(call: Call) -> bytes:
    return _render_page(call)


def _render_page(call: Call) -> bytes:
    """Render the requested page of a list, as compact JSON."""
    query = parse_list_query(call)
    page = query.take_page(_sort_builds(call))
    items = (_encode(call.account.projects[build.slug], build, shallow=query.shallow) for build in page)
    return b"[" + b",".join(items) + b"]"


def _encode(project: Project, build: Build, *, shallow: bool) -> bytes:
    """Return a build's part of a page. It stays the same while the build is unchanged."""
    form = "shallow" if shallow else "full"
    if form not in build.encoded:
        build.encoded[form] = encode_json((_render_shallow_build if shallow else render_build)(project, build))
    return build.encoded[form]


def _render_shallow_build(project: Project, build: Build) -> Payload:
    """Render a build for `shallow=true`: some of the keys, and two keys that only this form has."""
    added: Payload = {"fleet": None, "pull_requests": []}
    payload = render_build(project, build) | added | build.fields
    return {key: payload[key] for key in _SHALLOW_KEYS if key in payload}


def _sort_builds(call: Call) -> list[Build]:
    if "repo" in call.params:
        return call.project.list_builds_newest_first()
    builds = (build for project in call.followed_projects for build in project.builds.values())
    return sorted(builds, key=lambda build: build.recency, reverse=True)


ROUTES: Final = (
    Route("GET", "/recent-builds", list_recent_builds),
    Route("GET", PROJECT, list_project_builds),
    Route("GET", f"{PROJECT}/tree/:branch", list_branch_builds),
)
