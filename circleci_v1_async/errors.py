"""All errors that the package raises.

CircleCIError
├── InvalidInputError (ValueError)     an invalid argument; raised before any I/O
├── SessionClosedError (RuntimeError)  closed, or used from another event loop
├── UsageError (RuntimeError)          iterated twice, or closed during its loop
├── TransportError                     no usable reply arrived
│   ├── RequestTimeoutError (TimeoutError)
│   ├── RedirectError                  a redirect that is not followed
│   └── BodyTooLargeError
├── StatusError                        the service answered with an error status
│   ├── BadRequestError        400
│   │   └── OffsetRefusedError     a walk cannot list older builds
│   ├── AuthenticationError    401
│   ├── PermissionDeniedError  403
│   ├── NotFoundError          404
│   ├── GoneError              410
│   ├── RateLimitError         429
│   └── ServerError            5xx
├── DecodeError                        the reply does not have the expected form
├── PaginationDriftError               a list changes faster than it is read
├── WaitTimeoutError (TimeoutError)    builds did not finish in time
└── DownloadError                      artifacts could not be downloaded
    ├── UnsafePathError
    ├── PathConflictError
    └── TruncatedError

All errors can be pickled. No error contains a token, request body, cookie, or bytes of a JSON reply.
"""

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

E = TypeVar("E", bound=CircleCIError)


class TransportError(CircleCIError):
    """No usable reply was received: the connection failed or broke, or the reply was not valid HTTP.

    `__cause__` is the original error of the operating system, TLS, aiohttp or a trace hook, without its traceback.

    Attributes:
        message: Description of the failure, with its reason: OpenSSL's message for a certificate, otherwise the class
            and message of the cause.
        maybe_sent: Whether the service may have received the request and acted on it. If `False`, it certainly did not.
        request: The request, without its body; `None` if no request was made.
    """

    transient: bool = True

    def __init__(self, message: str, maybe_sent: bool = True, transient: bool | None = None) -> None:
        # Pass only the message: RequestTimeoutError is an OSError, too, and would treat further arguments as errno.
        super().__init__(message)
        self.message = message
        self.maybe_sent = maybe_sent
        if transient is not None:
            self.transient = transient
        self.request: Request[Any] | None = None

    def __str__(self) -> str:
        if self.request is None:
            return self.message
        text = f"{_asked(self.request, self.url)}: {self.message}"
        if self.attempts > 1:
            text += f", {self.attempts} attempts"
        if self.maybe_sent and not self.request.idempotent:
            text += ". The service may have executed the request"
        return text


class RequestTimeoutError(TransportError, TimeoutError):
    """The reply did not arrive in time.

    Attributes:
        phase: Phase that timed out: opening a connection (`connect`), or waiting for a free connection of the given
            aiohttp session (`pool`), for the reply (`read`), or for the token callable (`token`).
    """

    def __init__(
        self, message: str, maybe_sent: bool = True, phase: Literal["connect", "pool", "read", "token"] = "read"
    ) -> None:
        super().__init__(message, maybe_sent)
        self.phase = phase


class RedirectError(TransportError):
    """The service redirected too often, or to a URL that the request must not be sent to."""

    transient = False


class BodyTooLargeError(TransportError):
    """The reply is larger than `max_body`. The client stopped reading it."""

    transient = False


def is_transient(status: int) -> bool:
    """Return whether an error status is transient."""
    return status >= 500 or status in {408, 429}  # noqa: PLR2004 - 5xx


class StatusError(CircleCIError):
    """The service answered with an error status.

    Attributes:
        status: The HTTP status. The error is transient for 408, 429 and 5xx.
        message: The service's message, at most 500 characters. Empty if the reply has no message that can be shown.
        request: The request, without its body.
        headers: The reply's headers, without cookies and locations. Names are case-insensitive.
        request_id: CircleCI's ID of the exchange, for CircleCI's support; `None` if absent.
        attempts: Number of times that the request was sent; 0 if the session was paused after an earlier 429.
        retry_after: Number of seconds that the service asks to wait; `None` if absent or unclear.
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
        self.headers = headers
        self.request_id = request_id
        self.attempts = attempts
        self.retry_after = retry_after
        self.transient: bool = is_transient(status)

    def __str__(self) -> str:
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
        return ""


class BadRequestError(StatusError):
    """400: the service rejected the request."""


class OffsetRefusedError(BadRequestError):
    """400 after full pages of a walk: the service does not list older builds, even if some exist.

    Attributes:
        resume_offset: Offset of the last page that was read. `PageWalk.resume_offset` describes how to use it.
        items: The builds that were read, if `collect()` raised the error; otherwise empty.
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
    """401: the token is missing, invalid or expired."""

    def _hint(self) -> str:
        return "The token is missing, invalid or expired; some operations need a personal token, not a project token."


class PermissionDeniedError(StatusError):
    """403: the token does not have permission, or GitHub denied CircleCI access."""


class NotFoundError(StatusError):
    """404: the resource does not exist, or the token has no access to it.

    Attributes:
        maybe_deleted: Whether an earlier attempt of the same `DELETE` may have deleted the resource.
    """

    maybe_deleted: bool = False

    def _hint(self) -> str:
        if self.maybe_deleted:
            return "An earlier attempt may have deleted it: the reply to that attempt is lost."
        if "html" in self.headers.get("Content-Type", ""):
            # A file request has the complete path of the URL; an API request has the path relative to the base URL.
            is_file = self.url is not None and urlsplit(self.url).path == self.request.path
            return "" if is_file else "The API has no such path: is the base URL right?"
        if self.message.lower().removesuffix(".") not in {"not found", "project not found", "build not found"}:
            return ""
        return (
            "CircleCI also answers 404 if a private project is requested with an invalid or missing token, "
            "or if a project token is used where a personal token is required."
        )


class GoneError(StatusError):
    """410: CircleCI has removed the operation."""

    @property
    def replacement(self) -> str | None:
        """The operation to use instead; `None` if unknown."""
        return None if self.request.sunset is None else self.request.sunset.replacement

    def _hint(self) -> str:
        instead = self.replacement or "the one in https://circleci.com/docs/guides/toolkit/api-v1-migration-guide"
        example = self.request.sunset and self.request.sunset.example
        ending = f", such as: {example}" if example else "."
        return f"CircleCI has removed the operation. Use {instead} instead{ending}"


class RateLimitError(StatusError):
    """429: too many requests.

    If the call was not sent (`attempts` is 0), the message contains the origin and the time of the earlier 429.
    """


class ServerError(StatusError):
    """5xx: the service failed."""


class DecodeError(CircleCIError):
    """The reply, or the data given to `loads`, does not have the expected form. The error omits its bytes.

    Attributes:
        reason: Description of the problem.
        path: JSON path of the problem, such as `$[3].build_num`; `$` for the reply in general.
        status: The HTTP status; `None` for `loads`.
        request: The request, without its body; `None` for `loads`.
        content_type: The reply's `Content-Type`; `None` if absent.
        size: Number of bytes received.
        truncated: Whether the JSON ends early, for example because the reply broke off. Only then, it is transient.
        mismatched: Whether the reply is about another build than requested, because a connection mixed up replies.
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
            text += ". The service has executed the request"
        return text


class PaginationDriftError(CircleCIError):
    """A list changed faster than the walk could read it without losing builds.

    Attributes:
        message: Description of the failure.
        resume_offset: Offset of the last page that was read. `PageWalk.resume_offset` describes how to use it.
    """

    transient: bool = True

    def __init__(self, message: str, resume_offset: int) -> None:
        super().__init__(f"{message} (resume_offset={resume_offset})")
        self.message = message
        self.resume_offset = resume_offset


class WaitTimeoutError(CircleCIError, TimeoutError):
    """A build, or the builds of a commit or a workflow, did not finish in time.

    Attributes:
        message: Description of the wait: the build or builds, the timeout, and the last status.
        last: The build, or the `Verdict` on the builds, at the last poll; `None` if no reply arrived.
    """

    transient: bool = True

    def __init__(self, message: str, last: "Build | Verdict | None" = None) -> None:
        # Pass only the message, because TimeoutError is an OSError: see TransportError.
        super().__init__(message)
        self.message = message
        self.last = last

    # Check attributes instead of classes: importing the classes would load all models together with the errors.
    @property
    def build(self) -> "BuildDetail | None":
        """The build at the last poll; `None` if the wait was for several builds, or if no reply arrived."""
        return cast("BuildDetail", self.last) if hasattr(self.last, "build_num") else None

    @property
    def verdict(self) -> "Verdict | None":
        """The verdict on several builds at the last poll; `None` for one build, or if no reply arrived."""
        return cast("Verdict", self.last) if hasattr(self.last, "builds") else None


class DownloadError(CircleCIError):
    """Artifacts could not be downloaded.

    Attributes:
        message: Description of the failure.
        failed: The failed downloads, each as a `Download`.
    """

    def __init__(self, message: str, failed: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.failed = failed


class UnsafePathError(DownloadError):
    """An artifact's path leads out of the destination folder, or is not a valid file name."""


class PathConflictError(DownloadError):
    """Two artifacts have the same destination file, or the file already exists."""


class TruncatedError(DownloadError):
    """Fewer bytes arrived than announced, or compressed data ended early."""

    transient: bool = True


def attach_request(error: E, request: "Request[Any]", url: str, attempts: int) -> E:
    """Add the request, the URL and the number of attempts to an error."""
    if isinstance(error, TransportError | StatusError | DecodeError):
        error.request, error.url, error.attempts = request.without_body(), url, attempts
    return error


def _asked(request: "Request[Any]", url: str | None) -> str:
    return f"{request.method} {request.target}" + (f" ({urlsplit(url).netloc})" if url else "")
