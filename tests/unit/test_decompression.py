"""Compressed bodies: all of them, in bounded pieces, and never cut off without an error."""

import gzip
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import aiohttp
import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circleci_v1_async import TransportError
from circleci_v1_async._transport import decompression
from circleci_v1_async._transport.decompression import CODINGS, Decompressor

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DATA = os.urandom(30_000) + b"z" * 2_000_000 + b"".join(b"%d," % number for number in range(20_000))
PIECE = 2**19  # twice the bound, which is Brotli's


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without a header": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
}
# A body may have several members, one after the other; Brotli's format has no such thing.
WITH_MEMBERS = sorted(PACKERS.keys() - {"br"})
any_packer = pytest.mark.parametrize("packer", PACKERS)


def decompress(coding: str, *chunks: bytes) -> bytes:
    decompressor = Decompressor(coding)
    pieces = [piece for chunk in chunks for piece in decompressor.feed(chunk)]
    decompressor.finish()
    assert max(map(len, pieces), default=1) <= PIECE
    assert all(pieces)
    return b"".join(pieces)


def split(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@cache
def pack_beginning(packer: str) -> bytes:
    """Pack some data, once: Brotli takes long."""
    return PACKERS[packer][1](DATA[:40_000])


def test_every_coding_is_tested() -> None:
    assert {coding for coding, _ in PACKERS.values()} == CODINGS


@any_packer
@pytest.mark.parametrize("size", [1, 1000, 2**30])
def test_a_body_is_decompressed_however_it_arrives(packer: str, size: int) -> None:
    coding, pack = PACKERS[packer]
    assert decompress(coding, *split(pack(DATA), size)) == DATA
    assert decompress(coding, pack(b"")) == b""


@any_packer
def test_no_bytes_are_an_empty_body(packer: str) -> None:
    assert decompress(PACKERS[packer][0]) == b""


@any_packer
@given(st.data())
def test_a_body_that_is_cut_off_anywhere_is_an_error(packer: str, data: st.DataObject) -> None:
    coding, whole = PACKERS[packer][0], pack_beginning(packer)
    end = data.draw(st.integers(1, len(whole) - 1))
    size = data.draw(st.sampled_from([1000, 2**30]))
    with pytest.raises(aiohttp.ClientPayloadError, match=f"{coding} data"):
        decompress(coding, *split(whole[:end], size))


@pytest.mark.parametrize("packer", WITH_MEMBERS)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(1, 200))
def test_members_that_follow_each_other_are_one_body(packer: str, parts: list[bytes], size: int) -> None:
    coding, pack = PACKERS[packer]
    assert decompress(coding, *split(b"".join(map(pack, parts)), size)) == b"".join(parts)


@any_packer
def test_bytes_after_the_end_are_an_error(packer: str) -> None:
    coding, pack = PACKERS[packer]
    for chunks in ([pack(b"data") + b"\x1fgarbage"], [pack(b"data"), b"\x1fgarbage"]):
        with pytest.raises(aiohttp.ClientPayloadError):
            decompress(coding, *chunks)


@any_packer
def test_data_of_another_format_are_an_error(packer: str) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        decompress(PACKERS[packer][0], b"\xff not compressed at all \xff" * 100)


def test_a_wrong_checksum_is_an_error() -> None:
    with pytest.raises(aiohttp.ClientPayloadError, match="invalid gzip data"):
        decompress("gzip", gzip.compress(DATA)[:-8] + bytes(8))


@any_packer
def test_a_bomb_is_decompressed_no_further_than_it_is_read(packer: str) -> None:
    coding, pack = PACKERS[packer]
    pieces = Decompressor(coding).feed(pack(bytes(50 * 2**20)))
    assert all(0 < len(next(pieces)) <= PIECE for _ in range(5))


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_each_byte_is_fed_a_bounded_number_of_times(packer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    coding, pack = PACKERS[packer]
    fed = 0

    class Counting:
        def __init__(self, member: Any) -> None:
            self._member = member

        def decompress(self, data: bytes, limit: int) -> bytes:
            nonlocal fed
            fed += len(data)
            piece: bytes = self._member.decompress(data, limit)
            return piece

        def __getattr__(self, name: str) -> Any:
            return getattr(self._member, name)

    begin, invalid_data = decompression._find_coding(coding)
    counted = (lambda first: Counting(begin(first)), invalid_data)
    monkeypatch.setattr(decompression, "_find_coding", lambda _: counted)
    counts = []
    for members in (2000, 4000):
        fed = 0
        assert decompress(coding, pack(b"x") * members) == b"x" * members
        counts.append(fed)
    assert counts[1] < 2.2 * counts[0]


@pytest.mark.parametrize(
    ("coding", "modules"), [("br", ["brotlicffi", "brotli"]), ("zstd", ["compression.zstd", "backports.zstd"])]
)
def test_a_library_that_is_missing_is_named(coding: str, modules: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    decompression._find_coding.cache_clear()
    needed = re.escape(f"the reply is compressed by {coding}, which needs the module {modules[-1]}")
    with pytest.raises(TransportError, match=needed) as caught:
        decompress(coding, b"x")
    assert not caught.value.transient
