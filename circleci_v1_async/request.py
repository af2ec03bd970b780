"""Requests, replies, and the public `Response`, as values. No I/O."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar, cast, overload
from urllib.parse import quote

import attrs
from multidict import CIMultiDict
from yarl import URL

from ._core.arguments import as_integer
from ._core.errors import InvalidInputError
from ._core.secret import wrap_secret
from .slug import ProjectSlug
from .sunset import Sunset

__all__ = ["Request", "Response"]

T = TypeVar("T")
R = TypeVar("R")

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_METHOD = re.compile(r"[A-Z]+")
_IN_PROJECT = re.compile(r"(?:/api/[^/]+)?/project/\{project\}(?:/|\Z)")
# Visible ASCII without `?` and `#`, so without a query and a fragment.
_PATH = re.compile(r"""/[!"$->@-~]*""")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[!-~]+(?: +[!-~]+)*")
# The session sends the credentials and the host; the other headers control the connection and the body's length.
_SENT_HEADERS = {"circle-token", "authorization", "proxy-authorization", "cookie", "host"}
_CONTROL_HEADERS = {"connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"}

# Most values do not change when they are quoted. `quote` takes four times as long to detect this.
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]+")
# Characters of a path to leave unquoted. Braces must be quoted, because they would mark placeholders.
_SHOWN = "!$%&'()*+,-./:;<=>@[\\]^_`|~"

PathValue = str | int | ProjectSlug
QueryValue = str | int | bool | None


def drop_none(**values: object) -> dict[str, Any]:
    """Return the values that are not `None`, because `None` is never sent."""
    return {name: value for name, value in values.items() if value is not None}


def _segment(name: str, value: object) -> str:
    """Return one path segment, or the three segments of a slug, quoted for a URL."""
    if isinstance(value, ProjectSlug):
        return _segments(name, value)
    if (number := as_integer(value)) is not None:
        return str(number)
    if not isinstance(value, str) or value in {"", ".", ".."} or _CONTROL.search(value):
        raise InvalidInputError(
            f"{name}: expected a non-empty string, not '.' or '..', without control characters; got {value!r}",
        )
    return _quoted(name, value)


# Most programs use the same few projects repeatedly.
@lru_cache
def _segments(name: str, slug: ProjectSlug) -> str:
    return "/".join([_segment(name, part) for part in (slug.vcs_type, slug.username, slug.reponame)])


def _quoted(name: str, value: str) -> str:
    if _UNRESERVED.fullmatch(value):
        return value
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise InvalidInputError(f"{name}: expected text without lone surrogates; got {value!r}") from None


def _query_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if (number := as_integer(value)) is not None:
        return str(number)
    if not isinstance(value, str):
        raise InvalidInputError(f"query {name}: expected a string, an integer or a boolean; got {type(value).__name__}")
    return _quoted(name, value)


def _find_bad_header(headers: Mapping[object, object]) -> str | None:
    """Return the reason why headers cannot be sent, without their values; `None` if they can."""
    seen: set[str] = set()
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name) or name.lower() in seen:
            return f"headers: expected names of HTTP headers, each once, got {name!r}"
        if name.lower() in _SENT_HEADERS | _CONTROL_HEADERS:
            return f"headers: expected none that the session sends itself, got {name!r}"
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            return f"headers: expected visible ASCII, with spaces only in between, for {name!r}"
        seen.add(name.lower())
    return None


# Cache the result: there are few different paths, because the values are not part of them.
@lru_cache
def _pieces(path: str) -> tuple[str, ...]:
    """Check a path, and split it at its placeholders: every second piece is a placeholder's name."""
    if not _PATH.fullmatch(path):
        raise InvalidInputError(
            f"path: expected '/' and then visible ASCII without '?' and '#' (path_values and query are quoted, "
            f"a path is not), got {path!r}"
        )
    return tuple(_PLACEHOLDER.split(path))


@attrs.frozen(init=False)
class Request(Generic[T]):
    """One API request as a value.

    Pass it to `CircleCISession.send` to use any endpoint, even an endpoint without a method in this package.

    Args:
        method: The HTTP method, in capitals.
        path: The path below the base URL, with placeholders: `/project/{project}/{build_num}`. A path that begins with
            `/api/`, such as `/api/v2/workflow/{id}/rerun`, is below the part of the base URL before `/api/v1.1`: use it
            for endpoints of other API versions.
        path_values: A value for each placeholder. A `ProjectSlug` fills three segments, any other value fills one. A
            string for `{project}` after `/project/` can have any form that `ProjectSlug.parse` accepts.
        query: Query parameters. `None` values are omitted; booleans are sent as `true` and `false`.
        body: The value to send as JSON; `None` for a request without a body. The repr omits it.
        returns: The type of the result: a model, or a container such as `list[Build]`. If omitted, the result is the
            decoded JSON. With `None`, the body of the reply is ignored and the result is `None`.
        idempotent: Whether sending the request twice has the same effect as sending it once. By default, `True` for
            the methods GET, HEAD, PUT and DELETE.
        sunset: The announced removal of the operation, if any. Sending the request then issues a warning.
        headers: Additional headers. They replace the session's headers of the same names. They are only sent to
            origins that can receive the token, and the repr omits them. Headers that the session controls are
            rejected: `Circle-Token`, `Authorization`, `Cookie`, `Host` and similar ones.

    Raises:
        InvalidInputError: The method is invalid, a placeholder has no value, a value has no placeholder, the project
            is invalid, or a header cannot be sent.
    """

    method: str
    path: str
    path_values: Mapping[str, PathValue]
    query: Mapping[str, QueryValue]
    body: Any = attrs.field(repr=False)
    returns: Any
    idempotent: bool
    sunset: Sunset | None
    headers: Mapping[str, str] = attrs.field(repr=False)

    @overload
    def __init__(
        self,
        method: str,
        path: str,
        path_values: Mapping[str, PathValue] = ...,
        *,
        returns: type[T],
        query: Mapping[str, QueryValue] = ...,
        body: Any = ...,
        idempotent: bool | None = ...,
        sunset: Sunset | None = ...,
        headers: Mapping[str, str] = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: "Request[None]",
        method: str,
        path: str,
        path_values: Mapping[str, PathValue] = ...,
        *,
        returns: None,
        query: Mapping[str, QueryValue] = ...,
        body: Any = ...,
        idempotent: bool | None = ...,
        sunset: Sunset | None = ...,
        headers: Mapping[str, str] = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: "Request[Any]",
        method: str,
        path: str,
        path_values: Mapping[str, PathValue] = ...,
        *,
        query: Mapping[str, QueryValue] = ...,
        body: Any = ...,
        idempotent: bool | None = ...,
        sunset: Sunset | None = ...,
        headers: Mapping[str, str] = ...,
    ) -> None: ...

    def __init__(
        self,
        method: str,
        path: str,
        path_values: Mapping[str, PathValue] | None = None,
        *,
        returns: Any = Any,
        query: Mapping[str, QueryValue] | None = None,
        body: Any = None,
        idempotent: bool | None = None,
        sunset: Sunset | None = None,
        headers: Any = None,
    ) -> None:
        body, headers = wrap_secret(body), wrap_secret(headers)
        path_values = dict(path_values or {})
        if isinstance(project := path_values.get("project"), str) and _IN_PROJECT.match(path):
            path_values["project"] = ProjectSlug.parse(project)
        # Set all fields before the checks: a traceback with variables shows this object, and the repr needs its fields.
        cast("Any", self).__attrs_init__(
            method,
            path,
            path_values,
            drop_none(**query) if query else {},
            body and body.reveal(),
            returns,
            method in _IDEMPOTENT if idempotent is None else idempotent,
            sunset,
            dict(headers.reveal()) if headers else {},
        )
        if not _METHOD.fullmatch(method):
            raise InvalidInputError(f"method: expected an HTTP method in capitals, got {method!r}")
        if (names := set(_pieces(path)[1::2])) != path_values.keys():
            raise InvalidInputError(f"path_values: expected {sorted(names)} for {path}, got {sorted(path_values)}")
        # Check the headers in a separate frame, which no longer exists when the error is raised.
        if headers and (problem := _find_bad_header(headers.reveal())):
            raise InvalidInputError(problem)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def target(self) -> str:
        """The part of the URL after the base URL: the path with its quoted values, and the query.

        Raises:
            InvalidInputError: A value is not a valid path segment, or a query value has the wrong type.
        """
        pieces = list(_pieces(self.path))
        pieces[1::2] = [_segment(name, self.path_values[name]) for name in pieces[1::2]]
        target = "".join(pieces)
        if not self.query:
            return target
        query = [f"{_quoted('query', name)}={_query_text(name, value)}" for name, value in self.query.items()]
        return f"{target}?{'&'.join(query)}"

    @property
    def location(self) -> str:
        """The target without the query, for log lines."""
        return self.target.partition("?")[0]

    def without_body(self) -> "Request[T]":
        """Return the request without its body and its additional headers, for use in an error."""
        return self if self.body is None and not self.headers else self._with(body=None, headers=None)

    def with_query(self, **query: QueryValue) -> "Request[T]":
        """Return the request with additional query parameters."""
        return self._with(query={**self.query, **query})

    def with_returns(self, returns: type[R]) -> "Request[R]":
        """Return the request with another type for its result."""
        return cast("Request[R]", self._with(returns=returns))

    def _with(self, **changes: Any) -> "Request[T]":
        return cast("Request[T]", attrs.evolve(cast("Any", self), **changes))


def make_file_request(url: URL) -> Request[Any]:
    """Return a file request for use in an error, without the query, which can contain a signature."""
    return Request("GET", quote(url.raw_path, safe=_SHOWN, errors="replace"))


# Headers that contain CircleCI's ID of an exchange, in order of preference.
REQUEST_ID: Final = ("X-Circleci-Request-Id", "X-Request-Id")


@attrs.frozen
class Reply:
    """A complete reply, before decoding. The repr omits what can contain secrets."""

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    # Scheme, host and port of the URL that answered, after redirects; `None` for the URL of the request.
    origin: tuple[str, str, int | None] | None = None
    # Whether this is the first reply that was read from the connection.
    is_first: bool = True

    @property
    def safe_headers(self) -> Mapping[str, str]:
        """The headers without cookies and locations, which can contain credentials. They can be pickled."""
        return CIMultiDict(pair for pair in self.headers.items() if pair[0].lower() not in {"set-cookie", "location"})

    @property
    def request_id(self) -> str | None:
        """CircleCI's ID of the exchange; `None` if absent."""
        return next((self.headers[name] for name in REQUEST_ID if self.headers.get(name)), None)


@attrs.frozen
class Response:
    """The result of `CircleCISession.send_raw`. It can be pickled.

    Attributes:
        status: The HTTP status.
        headers: The headers without cookies and locations, with case-insensitive names. If a value contains the token,
            the token is redacted. The repr omits the headers.
        request_id: CircleCI's ID of the exchange, for CircleCI's support; `None` if absent.
        body: The decompressed body, otherwise unchanged. The repr omits it.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    request_id: str | None
    body: bytes = attrs.field(repr=False)
