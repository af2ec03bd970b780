"""Reading of requests: routes, projects and builds in paths, credentials, and queries for lists."""

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
MAX_LIMIT: Final = 100
NOT_FOUND: Final = Reply.html_page(
    404, "Page not found", text="<p>There is nothing here. Perhaps there was, once upon a build.</p>\n" * 120
)
_FAILURES: Final = frozenset({"failed", "timedout", "infrastructure_fail"})


class RefusedError(Exception):
    """Raised by an operation that refuses its request with `reply`."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@attrs.frozen
class Call:
    """The argument of an operation: the state that is served, and one request with its parameters.

    Attributes:
        params: The route's parameters, decoded.
        authorized: Whether the request carries the right token.
        addresses: Makes and checks the addresses of files.
        pages: Renders lists of builds.
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
        """The query's parameters; the last value of a repeated one."""
        return dict(self.request.query)

    @cached_property
    def project(self) -> Project:
        """The project in the path. Without a token, a private one gives the same 404 as a missing one."""
        vcs_type = VCS_ALIASES.get(self.params["vcs-type"], self.params["vcs-type"])
        project = self.projects.get(f"{vcs_type}/{self.params['username']}/{self.params['project']}")
        if project is None or not (project.public or self.authorized):
            raise RefusedError(Reply.json_error(404, "Project not found"))
        return project

    @property
    def project_to_change(self) -> Project:
        """The project in the path, for an operation that needs the token on public projects too."""
        project = self.project
        self.require_token()
        return project

    @cached_property
    def build(self) -> Build:
        """The build in the path."""
        build = self.project.builds.get(int(self.params["build-num"]))
        if build is None:
            raise RefusedError(Reply.json_error(404, "Build not found"))
        return build

    @cached_property
    def body(self) -> Payload:
        """The JSON object in the body; empty for an empty body."""
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
        """Refuse a request without the right token."""
        if not self.authorized:
            raise RefusedError(Reply.json_error(401, "You must log in first."))


Operation = Callable[[Call], object]


@attrs.frozen
class Route:
    """The method and the path of an operation.

    Attributes:
        template: The path. `:name` is a parameter, `:build-num` takes digits only, a final `*name` takes the rest.
        operation: Returns a reply, a compact JSON body, or a value that is sent as JSON.
        status: The status of the answer, unless the operation returns a reply.
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
        """Return the parameters in a raw path, each decoded; None if the request is not for this route."""
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
    """The routes under a prefix, and the answer to requests for none of them."""

    prefix: str
    routes: tuple[Route, ...]
    not_found: Reply = NOT_FOUND

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route and the parameters of a request; None if no route matches."""
        if not path.startswith(self.prefix + "/"):
            return None
        rest = path[len(self.prefix) :]
        return next(self._match_routes(method, rest), None)

    def _match_routes(self, method: str, path: str) -> Iterator[tuple[Route, dict[str, str]]]:
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
        """Read the parameters of a query.

        Raises:
            ValueError: A parameter has a value that the service does not know. The service's own answer is not
                recorded; the fake refuses such a request, so that tests notice it.
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
        """Yield the builds of the whole list, in the order given."""
        matches = FILTERS[self.filter] if self.filter else None
        for build in builds:
            if (self.branch is None or build.branch == self.branch) and (matches is None or matches(build)):
                yield build

    def take_page(self, builds: Iterable[Build]) -> list[Build]:
        """Return the builds of the requested page; none past the end."""
        return list(islice(self.select(builds), self.offset, self.offset + self.limit))


def is_authorized(request: ReceivedRequest, token: str) -> bool:
    """Tell whether the request carries `token`.

    It is accepted in `Circle-Token`, as a bearer, as the user name of basic authentication, and in a query to the API.

    Raises:
        RefusedError: The `Authorization` header is malformed.
    """
    candidates = [request.headers.get("Circle-Token")]
    if request.site == "api":
        # Addresses of artifacts took the token in the query until 2022.
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
