"""What lies in a bucket, and how much of it a request gets: validators and ranges as S3 has them."""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Final

import attrs

from circleci_v1_async.testing._content import Data, Part
from circleci_v1_async.testing._exchange import Reply

# No more digits than any size has: int() refuses thousands of them.
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@attrs.frozen
class StoredObject:
    """One file in the bucket.

    Attributes:
        content_type: Its media type.
        modified: When it was stored.
        etag: Its entity tag with quotation marks, and `W/` if it is weak; None for a file whose versions nothing tells
            apart, not even a date.
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

    def serve(self, asked: Mapping[str, str]) -> Reply:
        """All of it, the one range that the headers `asked` name, or the refusal of a range that it has not got."""
        headers = {"Accept-Ranges": "bytes", **self._validators}
        size = len(self.data)
        span = _span(asked.get("Range", ""), size) if self._is_unchanged(asked.get("If-Range")) else None
        if span is None:
            return Reply(200, Part(self.data, range(size)), {**headers, "Content-Type": self.content_type})
        if not span:
            refusal = Reply.xml(416, "InvalidRange", "The requested range is not satisfiable")
            return attrs.evolve(refusal, headers={**refusal.headers, "Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
        return Reply(206, Part(self.data, span), {**headers, "Content-Type": self.content_type})

    def _is_unchanged(self, condition: str | None) -> bool:
        # A weak tag says that two versions are much the same, which is too little to join parts of them.
        return condition is None or (not condition.startswith("W/") and condition in self._validators.values())


def _span(asked: str, size: int) -> range | None:
    """The bytes that a `Range` means, none of them if it lies behind the end; None where S3 takes no notice of it."""
    match = _RANGE.fullmatch(asked)
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    start, stop = int(first), int(last) + 1 if last else max(size, int(first) + 1)
    return range(start, min(stop, size)) if start < stop else None
