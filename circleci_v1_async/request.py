"""Requests, replies and the responses that users see, as values without I/O."""

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
# Visible ASCII, without the query and the fragment.
_PATH = re.compile(r"""/[!"$->@-~]*""")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[!-~]+(?: +[!-~]+)*")
# Credentials are the session's own, and the rest says where a request ends.
_RESERVED_HEADERS = {"circle-token", "authorization", "proxy-authorization", "cookie", "host"} | {
    "connection",
    "content-length",
    "expect",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}

# Most values are quoted as themselves. `quote` takes four times as long to see that.
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]+")
# Of a path as it is. Braces would be placeholders.
_SHOWN = "!$%&'()*+,-./:;<=>@[\\]^_`|~"

PathValue = str | int | ProjectSlug
QueryValue = str | int | bool | None


def drop_none(**values: object) -> dict[str, Any]:
    """Return the values that are not `None`, which never reaches the wire."""
    return {name: value for name, value in values.items() if value is not None}


def _segment(name: str, value: object) -> str:
    """One path segment, or a slug's three, quoted so that it arrives as it is."""
    if isinstance(value, ProjectSlug):
        return _segments(name, value)
    if (number := as_integer(value)) is not None:
        return str(number)
    if not isinstance(value, str) or value in {"", ".", ".."} or _CONTROL.search(value):
        raise InvalidInputError(
            f"{name}: expected a non-empty string, not '.' or '..', without control characters; got {value!r}",
        )
    return _quoted(name, value)


# Most programs ask for few projects, over and over.
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
    """The reason why headers cannot be sent, without what they say; `None` when they can."""
    seen: set[str] = set()
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name) or name.lower() in seen:
            return f"headers: expected names of HTTP headers, each once, got {name!r}"
        if name.lower() in _RESERVED_HEADERS:
            return f"headers: expected none that the session sends itself, got {name!r}"
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            return f"headers: expected visible ASCII, with spaces only in between, for {name!r}"
        seen.add(name.lower())
    return None


# Not for every call anew: there are few paths, since what differs is in their values.
@lru_cache
def _pieces(path: str) -> tuple[str, ...]:
    """A path, which is checked, as what it is made of: every second piece is the name of a value."""
    if not _PATH.fullmatch(path):
        raise InvalidInputError(
            f"path: expected '/' and then visible ASCII without '?' and '#' (path_values and query are quoted, "
            f"a path is not), got {path!r}"
        )
    return tuple(_PLACEHOLDER.split(path))


@attrs.frozen(init=False)
class Request(Generic[T]):
    """One call of the API as a value.

    `CircleCISession.send` takes one, which reaches every endpoint, also those without a method of their own.

    Args:
        method: The HTTP method, in capitals.
        path: The path below the base URL, with placeholders: `/project/{project}/{build_num}`. A path that begins with
            `/api/`, such as `/api/v2/workflow/{id}/rerun`, is below the part of the base URL before `/api/v1.1`: use it
            for endpoints of other API versions.
        path_values: A value for each placeholder. A `ProjectSlug` fills three segments, everything else one. A string
            for `{project}` after `/project/` is read as a project, as by every operation.
        query: Query parameters; those that are `None` are left out, booleans are `true` and `false`.
        body: What is sent as JSON; `None` sends none. It is in no repr.
        returns: The type of the result: a model, or a container such as `list[Build]`. Omitted: the JSON as it is.
            `None`: the body of the reply is ignored and the result is `None`.
        idempotent: Whether sending it twice does no more than sending it once. By default what the method says.
        sunset: The end of the operation, if one is announced. Users are warned of it.
        headers: Headers of your own, which replace the usual ones of that name. They go where the token may go, and
            are in no repr. Those that the session sends itself are refused: `Circle-Token`, `Authorization`, `Cookie`,
            `Host` and the like.

    Raises:
        InvalidInputError: The method is not one, a placeholder has no value, a value no placeholder, the project is
            none, or a header cannot be sent.
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
        # Before the checks: a traceback that shows variables shows it, and half an object has no repr.
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
            raise InvalidInputError(
                f"path_values: expected {sorted(names)} for {path}, got {sorted(path_values)}",
            )
        # Found in a frame of its own, which is gone before an error is raised.
        if headers and (problem := _find_bad_header(headers.reveal())):
            raise InvalidInputError(problem)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def target(self) -> str:
        """The path with its values quoted, and the query: what follows the base URL on the request line.

        Raises:
            InvalidInputError: A value cannot be one path segment, or a query value is of the wrong type.
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
        """The target without the query, as lines of logs show it."""
        return self.target.partition("?")[0]

    def without_body(self) -> "Request[T]":
        """The request as an error may carry it: without headers of its own, too."""
        return self if self.body is None and not self.headers else self._with(body=None, headers=None)

    def with_query(self, **query: QueryValue) -> "Request[T]":
        """The request with further query parameters."""
        return self._with(query={**self.query, **query})

    def with_returns(self, returns: type[R]) -> "Request[R]":
        """The request, whose reply is to be decoded into another type."""
        return cast("Request[R]", self._with(returns=returns))

    def _with(self, **changes: Any) -> "Request[T]":
        return cast("Request[T]", attrs.evolve(cast("Any", self), **changes))


def make_file_request(url: URL) -> Request[Any]:
    """Return the request for a file as an error may carry it: without its query, a signature perhaps."""
    return Request("GET", quote(url.raw_path, safe=_SHOWN, errors="replace") or "/")


# Headers that hold CircleCI's id for an exchange, the better one first.
REQUEST_ID: Final = ("X-Circleci-Request-Id", "X-Request-Id")


@attrs.frozen
class Reply:
    """A reply that was read to its end, as it came.

    Attributes:
        status: The HTTP status.
        headers: Names in any case. In no repr, for the cookies and locations.
        body: The bytes, decompressed. In no repr.
        origin: Scheme, host and port of the URL that answered, after redirects; `None` for the URL of the request.
        is_first: Whether nothing was read from the connection before.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    origin: tuple[str, str, int | None] | None = None
    is_first: bool = True

    @property
    def safe_headers(self) -> Mapping[str, str]:
        """The headers without cookies and locations, which may be credentials. They pickle."""
        return CIMultiDict(pair for pair in self.headers.items() if pair[0].lower() not in {"set-cookie", "location"})

    @property
    def request_id(self) -> str | None:
        """CircleCI's id for the exchange; `None` when it sent none."""
        return next((self.headers[name] for name in REQUEST_ID if self.headers.get(name)), None)


@attrs.frozen
class Response:
    """The reply to `CircleCISession.send_raw`. It pickles.

    Attributes:
        status: The HTTP status.
        headers: Names in any case, without cookies and locations. What they quote of the token is redacted. In no repr.
        request_id: CircleCI's id for the exchange, for its support; `None` when it sent none.
        body: The bytes as they came, decompressed. In no repr.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    request_id: str | None
    body: bytes = attrs.field(repr=False)
