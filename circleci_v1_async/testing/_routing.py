"""Calls: the route of a request, its project and build, its credentials, and the list that it asks for."""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Final, cast
from urllib.parse import unquote

import attrs

from circleci_v1_async.testing._account import Account
from circleci_v1_async.testing._addresses import Addresses
from circleci_v1_async.testing._build_payloads import PageRenderer, Payload
from circleci_v1_async.testing._state import VCS_ALIASES, Build, Project
from circleci_v1_async.testing._wire import ReceivedRequest, Reply

BAD_REQUEST: Final = Reply.json_error(400, "Bad request.")
NOT_FOUND: Final = Reply.html_page(
    404, "Page not found", text="<p>There is nothing here. Perhaps there was, once upon a build.</p>\n" * 120
)


class RefusedError(Exception):
    """The service refuses the request, with `reply`."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@attrs.frozen
class Call:
    """A request on its way through an operation: what it addresses, what it may see, what it carries.

    Attributes:
        params: The route's parameters, decoded.
        authorized: Whether the request carries the right token.
        storage: Where artifacts and logs are served.
        pages: Turns builds into a list's body.
    """

    account: Account
    projects: Mapping[str, Project]
    request: ReceivedRequest
    params: Mapping[str, str]
    authorized: bool
    addresses: Addresses
    pages: PageRenderer

    @cached_property
    def query(self) -> dict[str, str]:
        """The query; of a key that is repeated, the last value."""
        return dict(self.request.query)

    @cached_property
    def project(self) -> Project:
        """The project addressed. One that is private looks, without a token, as if it did not exist."""
        vcs_type = VCS_ALIASES.get(self.params["vcs-type"], self.params["vcs-type"])
        project = self.projects.get(f"{vcs_type}/{self.params['username']}/{self.params['project']}")
        if project is None or not (project.public or self.authorized):
            raise RefusedError(Reply.json_error(404, "Project not found"))
        return project

    @property
    def project_to_change(self) -> Project:
        """The project addressed, for whoever may change it: a public one can be read by all."""
        project = self.project
        self.require_token()
        return project

    @cached_property
    def build(self) -> Build:
        """The build addressed."""
        build = self.project.builds.get(int(self.params["build-num"]))
        if build is None:
            raise RefusedError(Reply.json_error(404, "Build not found"))
        return build

    @cached_property
    def body(self) -> Payload:
        """The body's JSON object; an empty body is an empty object."""
        try:
            body: object = self.request.json
        except ValueError as error:
            raise RefusedError(BAD_REQUEST) from error
        if body is not None and not isinstance(body, dict):
            raise RefusedError(BAD_REQUEST)
        return cast(Payload, body or {})

    @property
    def followed_projects(self) -> list[Project]:
        """The projects that the token's owner follows."""
        return [project for project in self.projects.values() if project.following]

    def require_token(self) -> None:
        """Refuse whoever has not logged in."""
        if not self.authorized:
            raise RefusedError(Reply.json_error(401, "You must log in first."))


Operation = Callable[[Call], object]


@attrs.frozen
class Route:
    """One operation's address.

    Attributes:
        template: Its path, with `:names` for parameters; `:build-num` takes digits only, a final `*rest` the rest.
        operation: Gives a reply, a compact JSON body, or a value to make one of.
        status: The status of the answer, if the operation gives no reply of its own.
        headers: Headers of the answer, in addition to those of every answer.
    """

    method: str
    template: str
    operation: Operation
    status: int = 200
    headers: Mapping[str, str] = attrs.Factory(dict[str, str])

    @property
    def name(self) -> str:
        """The operation's name."""
        return getattr(self.operation, "__name__", "")

    @cached_property
    def _parts(self) -> list[str]:
        return self.template.split("/")

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The parameters in a raw path, each decoded by itself; None if the path is not this route's."""
        parts, segments = self._parts, path.split("/")
        if method != self.method:
            return None
        if parts[-1].startswith("*"):
            segments = [*segments[: len(parts) - 1], "/".join(segments[len(parts) - 1 :])]
        if len(parts) != len(segments) or not all(map(_fits, parts, segments)):
            return None
        return {
            part[1:]: unquote(segment) for part, segment in zip(parts, segments, strict=True) if part[:1] in {":", "*"}
        }


@attrs.frozen
class Site:
    """Routes under one prefix, and the answer where none of them leads."""

    prefix: str
    routes: tuple[Route, ...]
    unknown: Reply = NOT_FOUND

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a request and its parameters; None where nothing is."""
        if not path.startswith(self.prefix + "/"):
            return None
        rest = path[len(self.prefix) :]
        return next(self._matches(method, rest), None)

    def _matches(self, method: str, path: str) -> Iterator[tuple[Route, dict[str, str]]]:
        for route in self.routes:
            params = route.match(method, path)
            if params is not None:
                yield route, params


def _fits(part: str, segment: str) -> bool:
    match part[:1]:
        case "*":
            return bool(segment)
        case ":":
            return segment.isdecimal() if part == ":build-num" else bool(segment)
        case _:
            return part == segment


MAX_LIMIT: Final = 100


_FAILURES: Final = frozenset({"failed", "timedout", "infrastructure_fail"})


def _is_running(build: Build) -> bool:
    # The service counts the builds that wait as running: queue bots live on that.
    return not build.phase.is_over


FILTERS: Final[dict[str, Callable[[Build], bool]]] = {
    "completed": lambda build: build.phase.is_finished,
    "successful": lambda build: build.phase.outcome == "success",
    "failed": lambda build: build.phase.outcome in _FAILURES,
    "running": _is_running,
}


@attrs.frozen
class ListQuery:
    """What a list request asked for, as the service understands it."""

    filter: str | None = None
    branch: str | None = None
    limit: int = 30
    offset: int = 0
    shallow: bool = False

    @classmethod
    def parse(cls, query: Mapping[str, str], *, branch: str | None = None) -> "ListQuery":
        """Read a query string's parameters.

        Raises:
            ValueError: A parameter has a value that the service does not know. What it really answers then is not
                recorded; the fake refuses, so that such a request does not go unnoticed.
        """
        filter = query.get("filter")
        if filter is not None and filter not in FILTERS:
            raise ValueError(f"filter: {filter}")
        return cls(
            filter=filter,
            branch=query.get("branch", branch),
            limit=min(max(int(query.get("limit", "30")), 1), MAX_LIMIT),
            offset=max(int(query.get("offset", "0")), 0),
            shallow=query.get("shallow") == "true",
        )

    def select(self, builds: Iterable[Build]) -> Iterator[Build]:
        """The builds of the whole list, in the order given."""
        matches = FILTERS[self.filter] if self.filter else None
        for build in builds:
            if (self.branch is None or build.branch == self.branch) and (matches is None or matches(build)):
                yield build

    def take_page(self, builds: Iterable[Build]) -> list[Build]:
        """The builds of the page asked for; past the end, none."""
        return list(islice(self.select(builds), self.offset, self.offset + self.limit))


def is_authorized(request: ReceivedRequest, token: str) -> bool:
    """Whether the request carries `token`: in `Circle-Token`, as a bearer, as a basic user name, or in an API query.

    Raises:
        RefusedError: There is an `Authorization` header, and no sense in it.
    """
    candidates = [request.headers.get("Circle-Token")]
    if request.site == "api":
        # Artifacts took it too, until 2022.
        candidates.append(dict(request.query).get("circle-token"))
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        candidates.append(_parse_credentials(authorization))
    return token in candidates


def _parse_credentials(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    try:
        match scheme.lower():
            case "bearer" if value.strip():
                return value.strip()
            case "basic":
                return base64.b64decode(value, validate=True).decode().partition(":")[0]
            case _:
                pass
    except (binascii.Error, UnicodeDecodeError):
        pass
    raise RefusedError(Reply.json_error(400, "Malformed Authorization header."))
