"""All errors that the package raises.

CircleCIError
├── InvalidInputError (ValueError)     a bad argument; raised before any I/O
├── SessionClosedError (RuntimeError)  used after close, or from another event loop
├── UsageError (RuntimeError)          looped over again, or closed under its loop
├── TransportError                     no usable reply came back
│   ├── RequestTimeoutError (TimeoutError)
│   ├── RedirectError                  a redirect that is not followed
│   └── BodyTooLargeError
├── StatusError                        the service answered with an error status
│   ├── BadRequestError        400
│   │   └── OffsetRefusedError     the service lists no builds from an offset on
│   ├── AuthenticationError    401
│   ├── PermissionDeniedError  403
│   ├── NotFoundError          404
│   ├── GoneError              410
│   ├── RateLimitError         429
│   └── ServerError            5xx
├── DecodeError                        the reply is not what the operation promises
├── PaginationDriftError               a list changed faster than it can be read
├── WaitTimeoutError (TimeoutError)    a build, or several, did not finish in time
└── DownloadError                      artifacts that could not be fetched
    ├── UnsafePathError
    ├── PathConflictError
    └── TruncatedError

Every one pickles. None carries a token, a request body, a cookie, or bytes of a JSON reply.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from ._core.errors import CircleCIError, InvalidInputError, SessionClosedError, UsageError

if TYPE_CHECKING:
    from .models import Build, BuildDetail
    from .request import Request
    from .verdict import Verdict

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "BodyTooLargeError",
    "CircleCIError",
    "DecodeError",
    "DownloadError",
    "GoneError",
    "InvalidInputError",
    "NotFoundError",
    "OffsetRefusedError",
    "PaginationDriftError",
    "PathConflictError",
    "PermissionDeniedError",
    "RateLimitError",
    "RedirectError",
    "RequestTimeoutError",
    "ServerError",
    "SessionClosedError",
    "StatusError",
    "TransportError",
    "TruncatedError",
    "UnsafePathError",
    "UsageError",
    "WaitTimeoutError",
]


class TransportError(CircleCIError):
    """No usable reply: the connection could not be made, broke, or did not speak HTTP.

    `__cause__` is the reason, as the operating system, TLS, aiohttp or a trace hook raised it, without its traceback.

    Attributes:
        message: What happened, and the reason: for a certificate in the words of OpenSSL, otherwise the class and
            message of the cause.
        maybe_sent: Whether the service may have received the request and acted on it. `False` is certain.
        transient: Whether the same call may well succeed later. A certificate that does not fit stays as it is.
        request: The request, without its body; `None` when none was made.
        url: Where it was sent, without the query; `None` when none was made.
        attempts: How many times it was sent.
    """

    def __init__(self, message: str, maybe_sent: bool = True, transient: bool = True) -> None:
        # Nothing but the message: RequestTimeoutError is an OSError too, which would read the others as its errno.
        super().__init__(message)
        self.message = message
        self.maybe_sent = maybe_sent
        self.transient: bool = transient
        self.request: Request[Any] | None = None
        self.url: str | None = None
        self.attempts = 0

    def __str__(self) -> str:
        if self.request is None:
            return self.message
        text = f"{_asked(self.request, self.url)}: {self.message}"
        if self.attempts > 1:
            text += f", {self.attempts} attempts"
        if self.maybe_sent and not self.request.idempotent:
            text += ". The service may have acted on the request all the same"
        return text


class RequestTimeoutError(TransportError, TimeoutError):
    """The reply did not come in time.

    Attributes:
        phase: What the time ran out on: making a connection (`connect`), waiting for a free one in the pool of a
            borrowed session (`pool`), waiting for the reply (`read`), or waiting for the token callable (`token`).
    """

    def __init__(
        self, message: str, maybe_sent: bool = True, phase: Literal["connect", "pool", "read", "token"] = "read"
    ) -> None:
        super().__init__(message, maybe_sent)
        self.phase = phase


class RedirectError(TransportError):
    """The service redirected to where the request must not go, or too often."""

    def __init__(self, message: str, maybe_sent: bool = True) -> None:
        super().__init__(message, maybe_sent, transient=False)


class BodyTooLargeError(TransportError):
    """The reply is larger than `max_body`. It was not read to its end."""

    def __init__(self, message: str) -> None:
        super().__init__(message, transient=False)


# GitHub's refusals say no more than that.
_NOT_FOUND = re.compile(r"(?:(?:project|build) )?not found\.?", re.IGNORECASE)
_TRANSIENT_STATUSES = frozenset({408, 429})


def is_transient(status: int) -> bool:
    """Return whether a refusal with that status may well pass."""
    return status >= 500 or status in _TRANSIENT_STATUSES  # noqa: PLR2004 - 5xx


class StatusError(CircleCIError):
    """The service answered with an error status.

    Attributes:
        status: The HTTP status.
        message: What the service said, at most 500 characters. Empty when it said nothing that can be shown.
        request: The request, without its body.
        url: Where it was sent, without the query; `None` when that is not known.
        headers: The reply's headers, names in any case, without cookies and locations.
        request_id: CircleCI's id for the exchange, for its support; `None` when it sent none.
        attempts: How many times the request was sent; 0 if an earlier 429 holds it back.
        retry_after: Seconds that the service asks to wait; `None` when it did not say, or not clearly.
        transient: Whether the same call may well succeed later: 408, 429 and 5xx.
    """

    def __init__(
        self,
        status: int,
        message: str,
        request: "Request[Any]",
        headers: Mapping[str, str],
        request_id: str | None,
        attempts: int = 1,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.request = request
        self.url: str | None = None
        self.headers = headers
        self.request_id = request_id
        self.attempts = attempts
        self.retry_after = retry_after
        self.transient: bool = is_transient(status)

    def __str__(self) -> str:
        # A call that the session held back has no reply of its own.
        outcome = f"answered {self.status}" if self.attempts else "was not sent"
        text = f"{_asked(self.request, self.url)} {outcome}"
        if self.message:
            text += f": {self.message}"
        if self.attempts > 1:
            text += f" (after {self.attempts} attempts)"
        if self.retry_after is not None:
            text = f"{text.removesuffix('.')}. The service asks to wait {self.retry_after:g} s."
        hint = self._hint()
        return f"{text.removesuffix('.')}. {hint}" if hint else text

    def _hint(self) -> str:
        """Return what the error may come from."""
        return ""


class BadRequestError(StatusError):
    """400: the service does not accept the request."""


class OffsetRefusedError(BadRequestError):
    """400 after full pages of a walk: the service does not list older builds, though there may be some.

    Attributes:
        resume_offset: The offset of the page that was read last, as in `PaginationDriftError`.
        items: The builds that were read, if the error comes from `collect()`; otherwise empty.
    """

    def __init__(self, refusal: BadRequestError, resume_offset: int) -> None:
        given = (refusal.request, refusal.headers, refusal.request_id, refusal.attempts, refusal.retry_after)
        super().__init__(refusal.status, refusal.message, *given)
        self.url: str | None = refusal.url
        self.resume_offset = resume_offset
        self.items: list[Any] = []

    def _hint(self) -> str:
        return f"The service lists no builds from this offset on (resume_offset={self.resume_offset})."


class AuthenticationError(StatusError):
    """401: no token, or one that is invalid or expired."""

    def _hint(self) -> str:
        return "The token is missing, invalid or expired; some operations want a personal token, not a project's."


class PermissionDeniedError(StatusError):
    """403: the token may not do this, or GitHub refused CircleCI."""


class NotFoundError(StatusError):
    """404: it does not exist, or the token may not see it.

    Attributes:
        maybe_deleted: Whether an earlier attempt of the same `DELETE` may have deleted it.
    """

    maybe_deleted: bool = False

    def _hint(self) -> str:
        if self.maybe_deleted:
            return "An earlier attempt may have deleted it: the reply to that attempt is lost."
        if "html" in self.headers.get("Content-Type", ""):
            return "" if self._is_about_a_file() else "The API has no such path: is the base URL right?"
        if not _NOT_FOUND.fullmatch(self.message):
            return ""
        return (
            "CircleCI answers the same when a private project is asked for with an invalid token or none, "
            "or a personal operation with a project's token."
        )

    def _is_about_a_file(self) -> bool:
        # A request for a file has the whole path, one for the API has what follows the base URL.
        return self.url is not None and urlsplit(self.url).path == self.request.path


class GoneError(StatusError):
    """410: CircleCI has removed the operation."""

    @property
    def replacement(self) -> str | None:
        """The replacement; `None` when it is not known."""
        return None if self.request.sunset is None else self.request.sunset.replacement

    def __str__(self) -> str:
        instead = self.replacement or "what https://circleci.com/docs/guides/toolkit/api-v1-migration-guide names"
        example = self.request.sunset and self.request.sunset.example
        return f"{super().__str__()} Use {instead} instead{f', such as: {example}' if example else '.'}"

    def _hint(self) -> str:
        return "CircleCI has removed the operation."


class RateLimitError(StatusError):
    """429: too many requests.

    `attempts` is 0 if the call was not sent, because of an earlier 429. The message then says which origin answered
    it, and when.
    """


class ServerError(StatusError):
    """5xx: the service failed."""


_BY_STATUS: Mapping[int, type[StatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    410: GoneError,
    429: RateLimitError,
}


def error_class(status: int) -> type[StatusError]:
    """The class for an error status."""
    return ServerError if status >= 500 else _BY_STATUS.get(status, StatusError)  # noqa: PLR2004 - 5xx


def status_or_class(error: CircleCIError) -> str:
    """Return an error's status, or its class, for a line in a log."""
    return str(error.status) if isinstance(error, StatusError) else type(error).__name__


class DecodeError(CircleCIError):
    """The reply, or the data given to `loads`, has another form. No bytes of it are shown.

    Attributes:
        reason: What is wrong.
        path: Where, as a JSON path such as `$[3].build_num`; `$` for all of it.
        status: The HTTP status; `None` for `loads`.
        request: The request, without its body; `None` for `loads`.
        url: Where it was sent, without the query; `None` for `loads`.
        attempts: How many times it was sent; 0 for `loads`.
        content_type: What the service said the reply was; `None` when it did not.
        size: Bytes received.
        truncated: Whether the JSON ends early, as when the reply broke off.
        mismatched: Whether the reply is about another build than was asked for, as when connections mix up replies.
        transient: As `truncated`.
    """

    def __init__(
        self,
        reason: str,
        path: str = "$",
        size: int = 0,
        status: int | None = None,
        request: "Request[Any] | None" = None,
        content_type: str | None = None,
        truncated: bool = False,
        mismatched: bool = False,
    ) -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path
        self.size = size
        self.status = status
        self.request = request
        self.url: str | None = None
        self.attempts = 0
        self.content_type = content_type
        self.truncated = truncated
        self.transient: bool = truncated
        self.mismatched = mismatched

    def __str__(self) -> str:
        text = f"{self.reason} at {self.path}"
        if self.request is None:
            return text
        text = f"{_asked(self.request, self.url)} answered {self.status} with a body that cannot be used: {text}"
        text += f" ({self.size} bytes, content type {self.content_type or 'not given'})"
        if self.attempts > 1:
            text += f", {self.attempts} attempts"
        if not self.request.idempotent:
            text += ". The service has acted on the request all the same"
        return text


class PaginationDriftError(CircleCIError):
    """A list changed faster than it can be read without losing builds.

    Attributes:
        message: What happened.
        resume_offset: The offset of the page that was read last. A new walk from there, or from higher up if builds
            may have left the list since, repeats builds that were already yielded: drop them by `build.key`.
    """

    transient = True

    def __init__(self, message: str, resume_offset: int) -> None:
        super().__init__(message, resume_offset)
        self.message = message
        self.resume_offset = resume_offset

    def __str__(self) -> str:
        return f"{self.message} (resume_offset={self.resume_offset})"


class WaitTimeoutError(CircleCIError, TimeoutError):
    """A build, or the builds of a commit or a workflow, did not finish in time.

    Attributes:
        message: What was waited for.
        last: The build as it was seen last, or the `Verdict` on the builds as they were; `None` when no reply came.
    """

    transient = True

    def __init__(self, message: str, last: "Build | Verdict | None" = None) -> None:
        # As in TransportError.
        super().__init__(message)
        self.message = message
        self.last = last

    # By their attributes: an import of the classes would load all models with the errors.
    @property
    def build(self) -> "BuildDetail | None":
        """The build that was waited for, as it was seen last."""
        return cast("BuildDetail", self.last) if hasattr(self.last, "build_num") else None

    @property
    def verdict(self) -> "Verdict | None":
        """The verdict on the builds that were waited for, as they were seen last."""
        return cast("Verdict", self.last) if hasattr(self.last, "builds") else None


class DownloadError(CircleCIError):
    """Artifacts could not be fetched.

    Attributes:
        message: What happened.
        failed: The outcomes of those that failed.
    """

    def __init__(self, message: str, failed: tuple[Any, ...] = ()) -> None:
        super().__init__(message, failed)
        self.message = message
        self.failed = failed

    def __str__(self) -> str:
        return self.message


class UnsafePathError(DownloadError):
    """An artifact's path would lead out of the folder, or cannot be a file's name."""


class PathConflictError(DownloadError):
    """Two artifacts want the same file, or the file is there already."""


class TruncatedError(DownloadError):
    """Fewer bytes arrived than were announced, or compressed data ended early."""

    transient = True


E = TypeVar("E", bound=CircleCIError)


def attach_request(error: E, request: "Request[Any]", url: str, attempts: int) -> E:
    """Say in an error what was sent, where, and how many times."""
    if isinstance(error, TransportError | StatusError | DecodeError):
        error.request, error.url, error.attempts = request.without_body(), url, attempts
    return error


def _asked(request: "Request[Any]", url: str | None) -> str:
    """Return what was sent, and to which host."""
    host = f" ({urlsplit(url).netloc})" if url else ""
    return f"{request.method} {request.target}{host}"
