"""Parsing of requests: routes, projects and builds in paths, and credentials."""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Final
from urllib.parse import quote, unquote

import attrs

from circleci_v1_async.testing._server.addresses import Addresses
from circleci_v1_async.testing._server.checks import RefusedError, parse_body, parse_body_or_form, parse_integer
from circleci_v1_async.testing._server.wire import API_PREFIX, Payload, ReceivedRequest, Reply, SiteName
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.builds import Build
from circleci_v1_async.testing._state.projects import VCS_ALIASES, Project

PROJECT: Final = "/project/:vcs-type/:username/:repo"
BUILD: Final = f"{PROJECT}/:build-num"
NOT_FOUND: Final = Reply.html_page(
    404, "Page not found", text="<p>There is nothing here. Perhaps there was, once upon a build.</p>\n" * 120
)
LOG_IN: Final = Reply.json_error(401, "You must log in first.")
_GONE: Final = Reply.json_error(410, "This endpoint has been removed.")
_DENIED: Final = Reply.json_error(403, "Permission denied")
# CircleCI has announced that these endpoints will answer 410 from the sunset date on.
_SUNSET_HEADERS: Final = {"Deprecation": "@1777593600", "Sunset": "Mon, 01 Feb 2027 00:00:00 GMT"}
# Number of segments in `/api/v1.1/project/github/acme/web`, including the empty segment before the first slash.
_PROJECT_SEGMENTS: Final = 7
_DIGITS: Final = re.compile("[0-9]+")
# No build number has more digits.
_MAX_DIGITS: Final = 18


@attrs.frozen
class Call:
    """The argument of an operation: the served state, and one request with its parameters.

    Attributes:
        params: The route's parameters, decoded.
        authorized: Whether the request carries the valid token.
        addresses: Makes and checks the URLs of files.
    """

    account: Account
    request: ReceivedRequest
    params: Mapping[str, str]
    authorized: bool
    addresses: Addresses

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's parameters. If a parameter is repeated, the last value counts."""
        return dict(self.request.query)

    @cached_property
    def project(self) -> Project:
        """The project in the path. Without a valid token, private projects give the same 404 as missing ones."""
        vcs_type = VCS_ALIASES.get(self.params["vcs-type"], self.params["vcs-type"])
        project = self.account.projects.get(f"{vcs_type}/{self.params['username']}/{self.params['repo']}")
        if project is None or not (project.public or self.authorized):
            raise RefusedError(Reply.json_error(404, "Project not found"))
        if not self.authorized and list_tokens(self.request):
            # An invalid token is rejected even where no token is needed.
            raise RefusedError(LOG_IN)
        return project

    @property
    def project_to_follow(self) -> Project:
        """The project in the path, for an operation that needs the token even for public projects."""
        project = self.project
        self.require_token()
        return project

    @property
    def project_to_change(self) -> Project:
        """The project in the path, for an operation that only the project's members may call."""
        project = self.project_to_follow
        if project.foreign:
            raise RefusedError(_DENIED)
        return project

    @cached_property
    def build(self) -> Build:
        """The build in the path."""
        digits = self.params["build-num"]
        build = self.project.builds.get(parse_integer(digits)) if len(digits) <= _MAX_DIGITS else None
        if build is None:
            raise RefusedError(Reply.json_error(404, "Build not found"))
        return build

    @cached_property
    def body(self) -> Payload:
        """The JSON object in the body; empty for an empty body."""
        return parse_body(self.request.body)

    @cached_property
    def body_or_form(self) -> Payload:
        """The members of the JSON object or of the form in the body."""
        return parse_body_or_form(self.request.body, self.request.headers.get("Content-Type", ""))

    def make_created(self, value: Payload, *names: object) -> "Created":
        """Make the answer to a request that created an object at `names` below the project."""
        project = "/".join(self.request.path.split("/")[:_PROJECT_SEGMENTS])
        below = "/".join(quote(f"{name}", safe=":") for name in names)
        return Created(value, f"{self.addresses.artifacts}{project}/{below}")

    @property
    def followed_projects(self) -> list[Project]:
        """The projects that the token's owner follows."""
        return [project for project in self.account.projects.values() if project.following]

    def require_token(self) -> None:
        """Reject a request without a valid token."""
        if not self.authorized:
            raise RefusedError(LOG_IN)


@attrs.frozen
class Created:
    """The answer of an operation that created an object, and the object's URL."""

    value: Payload
    location: str


Operation = Callable[[Call], object]


@attrs.frozen
class Route:
    """The method and the path of an operation.

    Attributes:
        template: The path. `:name` is a parameter, `:build-num` only matches digits, a final `*name` matches the rest.
        operation: Returns a reply, a compact JSON body, or a value to send as JSON.
        status: The HTTP status of the answer, unless the operation returns a reply.
        site: The part of the service that has the route.
        has_sunset: Whether the route announces its sunset, and answers 410 after it.
        cloud_only: Whether CircleCI Server does not have the route.
    """

    method: str
    template: str
    operation: Operation
    status: int = 200
    site: SiteName = "api"
    has_sunset: bool = False
    cloud_only: bool = False

    @property
    def name(self) -> str:
        """The operation's name."""
        return getattr(self.operation, "__name__", "")

    @property
    def headers(self) -> dict[str, str]:
        """The route's own headers. Each answer also has the common headers."""
        named = {"X-Route": API_PREFIX + self.template} if self.site == "api" else {}
        return named | (_SUNSET_HEADERS if self.has_sunset else {})

    def run(self, call: Call) -> object:
        """Return the operation's answer.

        Raises:
            RefusedError: The operation rejects the request, or has been removed.
        """
        if self.has_sunset and call.account.after_sunset:
            raise RefusedError(_GONE)
        return self.operation(call)

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
    """The routes under a prefix, and the answer to requests that match no route."""

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
            return bool(_DIGITS.fullmatch(segment) if part == ":build-num" else segment)
        case _:
            return part == segment


def is_authorized(request: ReceivedRequest, token: str, expired: Collection[str] = ()) -> bool:
    """Return whether the request carries `token`.

    Raises:
        RefusedError: The `Authorization` header is malformed, or the request carries an expired token.
    """
    authorization = request.headers.get("Authorization")
    if authorization is not None and _parse_credentials(authorization) is None:
        raise RefusedError(Reply.json_error(400, "Malformed Authorization header."))
    tokens = list_tokens(request)
    if any(candidate in expired for candidate in tokens):
        raise RefusedError(LOG_IN)
    return token in tokens


def list_tokens(request: ReceivedRequest) -> list[str]:
    """Return the tokens in a request.

    They can be in `Circle-Token`, a bearer token, the user name of basic authentication, or in a query to the API.
    """
    candidates = [request.headers.get("Circle-Token"), _parse_credentials(request.headers.get("Authorization", ""))]
    if request.site in {"api", "v2"}:
        # Artifact URLs accepted the token in the query until 2022.
        candidates.append(dict(request.query).get("circle-token"))
    return [candidate for candidate in candidates if candidate]


def _parse_credentials(authorization: str) -> str | None:
    """Return the token in an `Authorization` header; None if the header is malformed."""
    scheme, _, value = authorization.partition(" ")
    try:
        match scheme.lower():
            case "bearer":
                return value.strip() or None
            case "basic":
                return base64.b64decode(value, validate=True).decode().partition(":")[0]
            case _:
                return None
    except (binascii.Error, UnicodeDecodeError):
        return None
