"""Bytes that are served: those at hand, and those that are made up as they leave."""

import hashlib
import random
from functools import cached_property
from typing import Final, TypeAlias

import attrs

PIECE: Final = 64 * 2**10
_NUMBER: Final = 8


@attrs.frozen
class GeneratedBytes:
    """As many bytes as one likes, which look like chance, are always the same, and take no memory.

    They stand in for `bytes` where a file is large: `len(…)` and slices without a step are all that there is of them,
    and only the slice asked for is made. No two stretches of 64 KiB are alike, so bytes in a wrong place show.

    Attributes:
        size: How many bytes.
        seed: Another seed gives other bytes.
    """

    size: int = attrs.field(validator=attrs.validators.ge(0))
    seed: int = 0

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(self.size)
        first = start // PIECE
        numbers = range(first, -(-stop // PIECE))
        blocks = b"".join(number.to_bytes(_NUMBER, "big") + self._noise for number in numbers)
        return blocks[start - first * PIECE : stop - first * PIECE]

    @cached_property
    def _noise(self) -> bytes:
        return random.Random(self.seed).randbytes(PIECE - _NUMBER)  # noqa: S311 - reproducible on purpose

    def sha256(self) -> str:
        """The hash of all of it, in hexadecimal, to hold a copy against."""
        digest = hashlib.sha256()
        for start in range(0, self.size, PIECE):
            digest.update(self[start : start + PIECE])
        return digest.hexdigest()


@attrs.frozen
class Part:
    """A stretch of other bytes, of which nothing is copied until a slice is taken."""

    data: bytes | GeneratedBytes = attrs.field(repr=False)
    span: range

    def __len__(self) -> int:
        return len(self.span)

    def __getitem__(self, part: slice, /) -> bytes:
        span = self.span[part]
        return self.data[span.start : span.stop]


Data: TypeAlias = bytes | GeneratedBytes
Body: TypeAlias = Data | Part


def fingerprint(data: Data) -> str:
    """What tells these bytes from others, in hexadecimal, without the quotation marks of an ETag."""
    return hashlib.md5(data if isinstance(data, bytes) else repr(data).encode(), usedforsecurity=False).hexdigest()
