"""Decompression of bodies in pieces of bounded size, without I/O.

aiohttp's own decompression accepts gzip, Brotli and zstd data that end early. This module rejects such data. It uses
the same libraries as aiohttp: Python's zlib, and Brotli and backports.zstd if they are installed.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, Protocol

import aiohttp
import attrs

from circleci_v1_async.errors import TransportError

CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd"})
"""Content codings that can be decompressed. RFC 9110, 8.4.1.3: `x-gzip` is `gzip`."""

# Maximum number of bytes in a piece. Pieces from Brotli may be twice as large.
_MAX_PIECE: Final = 2**18
# Maximum number of compressed bytes to feed in one step: libraries copy the bytes after the end of a member.
_WINDOW: Final = 2**14
_DEFLATED: Final = 8  # in the lower half of the first byte of zlib's format (RFC 1950)


class _Member(Protocol):
    """Compressed data with an end. A body may consist of several members."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _BrotliMember:
    unused_data = b""  # Brotli raises an error instead

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @property
    def eof(self) -> bool:
        return bool(self._stream.is_finished())

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        piece: bytes = self._stream.process(data, output_buffer_limit=max_length)
        return piece


@lru_cache
def _find_coding(name: str) -> tuple[Callable[[int], _Member], type[Exception]]:
    """Return a function that begins a member, given its first byte, and the exception for invalid data."""
    match name:
        case "br":
            brotli = _load(name, "brotlicffi", "brotli")
            return lambda _: _BrotliMember(brotli.Decompressor()), brotli.error
        case "zstd":
            zstd = _load(name, "compression.zstd", "backports.zstd")
            return lambda _: zstd.ZstdDecompressor(), zstd.ZstdError
        case "deflate":
            # Some servers omit the header and the checksum of zlib's format.
            bits = zlib.MAX_WBITS
            return lambda first: zlib.decompressobj(bits if first & 15 == _DEFLATED else -bits), zlib.error
        case _:
            return lambda _: zlib.decompressobj(zlib.MAX_WBITS + 16), zlib.error


def _load(coding: str, *modules: str) -> Any:
    """Import the first of the modules that is installed, in aiohttp's order."""
    for module in modules:
        with suppress(ImportError):
            return import_module(module)
    raise TransportError(f"the reply is compressed by {coding}, which needs the module {modules[-1]}", transient=False)


@attrs.define(eq=False, repr=False)
class Decompressor:
    """Decompresses one body with one of the `CODINGS`."""

    _coding: str
    _member: _Member | None = attrs.field(default=None, init=False)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the decompressed data, in pieces of bounded size. Raise aiohttp's error for invalid data."""
        begin, invalid_data = _find_coding(self._coding)
        try:
            for start in range(0, len(data), _WINDOW):
                window = data[start : start + _WINDOW]
                while window:
                    member = self._member
                    if member is None or member.eof:
                        member = self._member = begin(window[0])
                    piece = member.decompress(window, _MAX_PIECE)
                    while piece:
                        yield piece
                        # zlib alone does not keep the data that it has not decompressed.
                        rest = getattr(member, "unconsumed_tail", b"")
                        piece = b"" if member.eof else member.decompress(rest, _MAX_PIECE)
                    window = member.unused_data
        except invalid_data:
            raise aiohttp.ClientPayloadError(f"invalid {self._coding} data") from None

    def finish(self) -> None:
        """Raise aiohttp's error if the data ended early."""
        if self._member is not None and not self._member.eof:
            raise aiohttp.ClientPayloadError(f"{self._coding} data that end early")
