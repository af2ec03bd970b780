"""Files in the bucket, with ranges and conditional requests as in S3."""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Final

import attrs

from circleci_v1_async.testing._server.routing import Call
from circleci_v1_async.testing._server.wire import Reply
from circleci_v1_async.testing._state.files import Data

_NO_SUCH_KEY: Final = Reply.xml_error(404, "NoSuchKey", "The specified key does not exist.")
# At most 18 digits, because int() raises for thousands of digits.
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@attrs.frozen
class ByteRange:
    """A range of an object's bytes. Slices are only copied on access."""

    data: Data = attrs.field(repr=False)
    span: range

    def __len__(self) -> int:
        return len(self.span)

    def __getitem__(self, part: slice, /) -> bytes:
        span = self.span[part]
        return self.data[span.start : span.stop]


@attrs.frozen
class StoredObject:
    """A file in the bucket.

    Attributes:
        content_type: The media type.
        modified: Time when the file was stored.
        etag: The entity tag with quotation marks, and `W/` if it is weak; None to send neither a tag nor a date.
    """

    data: Data = attrs.field(repr=False)
    content_type: str
    modified: datetime
    etag: str | None

    @property
    def _validators(self) -> dict[str, str]:
        if self.etag is None:
            return {}
        return {"ETag": self.etag, "Last-Modified": format_datetime(self.modified, usegmt=True)}

    def serve(self, request_headers: Mapping[str, str]) -> Reply:
        """Return the complete file, the requested range, or the rejection of a range past the end."""
        headers = {"Accept-Ranges": "bytes", **self._validators}
        size = len(self.data)
        span = (
            _parse_range(request_headers.get("Range", ""), size)
            if self._is_unchanged(request_headers.get("If-Range"))
            else None
        )
        if span is None:
            return Reply(200, ByteRange(self.data, range(size)), {**headers, "Content-Type": self.content_type})
        if not span:
            refusal = Reply.xml_error(416, "InvalidRange", "The requested range is not satisfiable")
            return attrs.evolve(refusal, headers={**refusal.headers, "Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
        return Reply(206, ByteRange(self.data, span), {**headers, "Content-Type": self.content_type})

    def _is_unchanged(self, condition: str | None) -> bool:
        # Equal weak tags do not prove equal bytes, but joining two parts requires equal bytes.
        return condition is None or (not condition.startswith("W/") and condition in self._validators.values())


def _parse_range(header: str, size: int) -> range | None:
    """Return the positions in a `Range` header: empty if past the end, None if S3 ignores the header."""
    match = _RANGE.fullmatch(header)
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    start, stop = int(first), int(last) + 1 if last else max(size, int(first) + 1)
    return range(start, min(stop, size)) if start < stop else None


def serve_signed(call: Call, stored: StoredObject | None) -> Reply:
    """Serve a file at its signed URL, without other credentials."""
    refusal = call.addresses.refuse(call.request)
    return refusal or (stored.serve(call.request.headers) if stored else _NO_SUCH_KEY)
