"""Stored files: their bytes, given or generated, and the versions of artifacts."""

import hashlib
import mimetypes
import random
from datetime import timedelta
from functools import cached_property
from typing import Final, Literal, TypeAlias

import attrs

_BLOCK_SIZE: Final = 64 * 2**10
_NUMBER_SIZE: Final = 8


@attrs.frozen
class GeneratedBytes:
    """A large file's pseudo-random bytes, generated on demand, so that they take no memory.

    Use it instead of `bytes`. It supports `len(…)` and slices without a step, and only generates the requested slice.
    The same size and seed always give the same bytes. No two blocks of 64 KiB are equal, so that a copy with misplaced
    bytes has a different hash.

    Attributes:
        size: Number of bytes.
        seed: The seed. A different seed gives different bytes.
    """

    __module__ = "circleci_v1_async.testing"

    size: int = attrs.field(validator=[attrs.validators.ge(0), attrs.validators.le(2**53)])
    seed: int = 0

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(self.size)
        first = start // _BLOCK_SIZE
        numbers = range(first, -(-stop // _BLOCK_SIZE))
        blocks = b"".join(number.to_bytes(_NUMBER_SIZE, "big") + self._noise for number in numbers)
        return blocks[start - first * _BLOCK_SIZE : stop - first * _BLOCK_SIZE]

    @cached_property
    def _noise(self) -> bytes:
        return random.Random(self.seed).randbytes(_BLOCK_SIZE - _NUMBER_SIZE)  # noqa: S311 - reproducible on purpose

    def sha256(self) -> str:
        """Return the SHA-256 of all bytes, in hexadecimal. Compare it with a copy's hash."""
        digest = hashlib.sha256()
        for start in range(0, self.size, _BLOCK_SIZE):
            digest.update(self[start : start + _BLOCK_SIZE])
        return digest.hexdigest()


Data: TypeAlias = bytes | GeneratedBytes


def make_fingerprint(data: Data) -> str:
    """Return a hash of the bytes in hexadecimal, like S3 in an ETag."""
    return hashlib.md5(data if isinstance(data, bytes) else repr(data).encode(), usedforsecurity=False).hexdigest()


@attrs.frozen
class Artifact:
    """One version of an artifact.

    Attributes:
        etag: Kind of the entity tag; None if the artifact has neither a tag nor a date.
        version: Number of earlier versions.
    """

    path: str
    node_index: int
    data: Data = attrs.field(repr=False)
    etag: Literal["strong", "weak"] | None
    version: int = 0

    @property
    def content_type(self) -> str:
        """The media type, guessed from the file's name."""
        return mimetypes.guess_type(self.path.rpartition("/")[2])[0] or "application/octet-stream"

    @property
    def age(self) -> timedelta:
        """Time from the build's end to the storing of this version."""
        return timedelta(minutes=self.version)

    @cached_property
    def entity_tag(self) -> str | None:
        """The value of the `ETag` header. A weak tag is the same for all versions."""
        match self.etag:
            case "strong":
                return f'"{make_fingerprint(self.data)}"'
            case "weak":
                return f'W/"{make_fingerprint(self.path.encode())}"'
            case _:
                return None
