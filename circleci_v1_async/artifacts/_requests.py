"""Requests for files, and checks of their replies."""

import re
from http import HTTPStatus
from typing import Any, Final, cast

from yarl import URL

from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async._files.part_file import is_strong_etag
from circleci_v1_async._transport.streams import get_length
from circleci_v1_async._transport.transport import Stream
from circleci_v1_async.errors import InvalidInputError, TransportError
from circleci_v1_async.models import Artifact
from circleci_v1_async.request import Request, make_file_request

_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


def artifact_request(caller: Caller, artifact: Artifact) -> tuple[Request[Any], URL]:
    """Return the request for an artifact, as logs and errors show it, and the artifact's URL. Check both."""
    if not isinstance(cast("object", artifact), Artifact):
        # The message omits the value: it may contain a signed URL.
        raise InvalidInputError(
            "artifact: expected an Artifact from list_build_artifacts, or Artifact(path=…, url=…); "
            f"got {type(artifact).__name__}"
        )
    if not artifact.url:
        raise InvalidInputError("artifact.url: expected the URL from a list of artifacts, got None")
    url = caller.transport.file_url(artifact.url)
    return make_file_request(url), url


async def open_artifact_stream(caller: Caller, artifact: Artifact) -> Stream:
    """Open an artifact as a stream. The caller must close the stream."""
    with TracebackScrubber(), caller.transport.track():
        request, url = artifact_request(caller, artifact)
        async for attempt in caller.attempts(request, url):  # pragma: no branch - the policy ends it
            with attempt:
                return require_whole(await caller.open(request, url, attempt))
    raise AssertionError  # pragma: no cover - for the type checkers


def require_whole(stream: Stream) -> Stream:
    """Return the stream if its status is 200, for a complete file; otherwise, close it and raise an error."""
    if stream.status != HTTPStatus.OK:
        stream.close()
        raise TransportError(f"the service answered {stream.status} to a request for a file", transient=False)
    return stream


def get_strong_etag(stream: Stream) -> str | None:
    """Return the strong ETag, which is different for every version of the file's bytes; `None` if absent."""
    etag = stream.headers.get("ETag", "")
    return etag if is_strong_etag(etag) and "Content-Encoding" not in stream.headers else None


def is_requested_range(stream: Stream, offset: int, etag: str) -> bool:
    """Return whether the reply has all bytes from `offset` on, of the version with this ETag."""
    found = _CONTENT_RANGE.fullmatch(stream.headers.get("Content-Range", ""))
    if stream.status != HTTPStatus.PARTIAL_CONTENT or found is None or stream.headers.get("ETag", etag) != etag:
        return False
    first, last, size = map(int, found.groups())
    return first == offset and last + 1 == size and get_length(stream) == size - offset
