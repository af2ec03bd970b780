"""Whatever a server says, byte for byte: an operation returns its result or raises an error of this package."""

import asyncio
import gzip
import json
import pickle
import socket
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from effort import by_profile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from operation_rows import ROWS, Row
from script_server import ScriptServer, hang_up, then

from circleci_v1_async import (
    CircleCIError,
    CircleCISession,
    InvalidInputError,
    RequestTimeoutError,
    RetryPolicy,
    SessionClosedError,
    TransportError,
)

# The first row of an operation has a reply with something in it.
FIRST_ROWS = {row.operation: row for row in reversed(ROWS)}
TOKEN = "a-token-nobody-sees"

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("2026-11-02T08:15:00Z")
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
statuses = st.sampled_from([200, 200, 200, 201, 204, 206, 301, 302, 304, 307, 308, 400, 401, 404, 410, 429, 500, 503])
first_lines = st.builds("HTTP/1.1 {} Whatever".format, statuses | st.integers(100, 999)).map(str.encode)
bad_first_lines = st.binary(max_size=30) | st.sampled_from(
    [b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/2 200", b"ICY 200 OK", b"HTTP/1.1 1000 Many", b"HTTP/1.1 -1 No", b""]
)
good_headers = st.sampled_from(
    [
        *("Content-Encoding: gzip", "Content-Encoding: deflate", "Content-Encoding: x", "Connection: close"),
        *("Content-Type: text/html; charset=klingon", "Content-Type: ;;;", "Location: /", "Location: ?a", "Location: "),
        *("Location: https://a.example/", "Location: http://[", "Location: //a.example:99999/", "Location: /a b%zz"),
        *("Location: http://xn--/", "Location: //", "Location: mailto:a@b", "Location: http://u:p@127.0.0.1/"),
        *("Retry-After: 0", "Retry-After: 1e400", "Retry-After: Sun, 99 Nov 100000 99:99:99 GMT", "Retry-After: -1"),
        *("Set-Cookie: a=b; expires=never", "X-Request-Id: 1", f"X-Echo: {TOKEN}"),
    ]
).map(str.encode)
bad_headers = st.sampled_from(
    [
        *("Content-Encoding: br", "Content-Encoding: zstd", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip"),
        *("Connection: upgrade\r\nUpgrade: websocket", "Content-Length: 0", "Content-Length: -1"),
        *("Content-Length: 9" + "9" * 30, "Content-Length: 1_0", "Retry-After: ٣", "Set-Cookie: a=b; domain=\x01"),
        *("Location: http://\u2100/", "Location: /\x85", "Location: http://[::1", "Location: /" + "x" * 5000),
        *("X-Giant: " + "x" * 9000, " folded", "No colon", ": no name", "X: \x00"),
    ]
).map(str.encode) | st.one_of(
    st.tuples(st.binary(max_size=10), st.binary(max_size=20)).map(b": ".join),
    st.text(max_size=20).map(lambda text: f"Location: {text}".encode(errors="replace")),
)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """The value with one of the values in it replaced."""
    if isinstance(value, list | dict) and value and draw(st.sampled_from([True, True, True, False])):
        copy = value.copy()
        key = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
        copy[key] = draw(changed(value[key]))
        return copy
    return draw(values)


@st.composite
def bodies(draw: st.DrawFn, value: Any) -> bytes:
    """What may stand where the value should: itself, something like it, or anything."""
    whole = json.dumps(value).encode()
    text = draw(st.just(whole) | changed(value).map(json.dumps).map(str.encode))
    at = draw(st.integers(0, len(text)))
    return draw(
        st.sampled_from(
            [
                *[text] * 5,
                text[:at],
                text[:at] + draw(st.binary(max_size=4)) + text[at + 1 :],
                gzip.compress(text, mtime=0),
                gzip.compress(text, mtime=0)[: at + 1],
                zlib.compress(text),
                b"\xef\xbb\xbf" + text,
                text.decode().encode("utf-16"),
                text.replace(b'"', b"'"),
                b"[" * 20_000 + text,
                text + text,
            ]
        )
        | st.binary(max_size=60)
    )


def chunks(body: bytes, size: int, last: bytes) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + last


@st.composite
def replies(draw: st.DrawFn, value: Any) -> bytes:
    """Bytes that are a reply, or are like one, or are not."""
    # One fault is enough to make nothing of the rest, so most replies have none.
    fault = draw(st.sampled_from([*["none"] * 6, "first line", "header", "framing", "all"]))
    if fault == "all":
        return draw(st.binary(max_size=200))
    body = draw(bodies(value))
    lines = [draw(bad_first_lines if fault == "first line" else first_lines)]
    lines += draw(st.lists(good_headers, max_size=3))
    if fault == "header":
        lines.append(draw(bad_headers))
    match draw(st.sampled_from(["length", "chunked", "until the end"])):
        case "length":
            lines.append(b"Content-Length: %d" % (draw(st.integers(0, 9999)) if fault == "framing" else len(body)))
        case "chunked":
            bad_ends = st.sampled_from([b"", b"0\r\n", b"0\r\nX: y\r\n\r\n", b"zz\r\n", b"-1\r\n", b"0\r\n\r\nmore"])
            # Not so many that aiohttp pauses: see the last test.
            size = draw(st.integers(len(body) // 1000 + 1, 2000))
            body = chunks(body, size, draw(bad_ends) if fault == "framing" else b"0\r\n\r\n")
            lines.append(b"Transfer-Encoding: chunked")
        case _ if fault == "framing":
            lines += [b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked"]
    return b"\r\n".join([*lines, b"", b""]) + body


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScriptServer]:
    async def resolve_nothing(*_args: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "there is no internet here")

    # Redirects may lead anywhere.
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve_nothing)
    async with ScriptServer() as server:
        yield server


@pytest.mark.parametrize("row", FIRST_ROWS.values(), ids=lambda row: row.operation)
@settings(
    max_examples=by_profile(quick=50, thorough=150),
    derandomize=True,
    phases=[Phase.generate],
    # One server for all examples is meant.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_whatever_the_server_says_an_operation_returns_its_kind_of_result_or_raises_an_error_of_ours(
    server: ScriptServer, row: Row, data: st.DataObject
) -> None:
    server.script = [then(data.draw(replies(row.reply)), hang_up)]
    server.requests.clear()
    tasks_before = asyncio.all_tasks()
    policy = RetryPolicy(attempts=1)
    outcome: Any
    async with CircleCISession(TOKEN, base_url=server.base_url, retry=policy, timeout=10, max_body=2**20) as ci:
        try:
            outcome = await row.call(ci)
        except CircleCIError as error:
            outcome = error
    if isinstance(outcome, CircleCIError):
        # Nothing is wrong with the arguments or the session, and the server has hung up.
        assert not isinstance(outcome, InvalidInputError | SessionClosedError | RequestTimeoutError)
        assert TOKEN not in str(outcome)
        assert str(pickle.loads(pickle.dumps(outcome))) == str(outcome)  # noqa: S301 - our own
    else:
        assert type(outcome) is type(row.result)
    assert 1 <= len(server.requests) <= 6
    assert asyncio.all_tasks() <= tasks_before | server._handlers


@pytest.mark.parametrize("row", FIRST_ROWS.values(), ids=lambda row: row.operation)
@settings(
    max_examples=20,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(packing=st.sets(st.sampled_from(["BOM", "gzip", "chunked"])), size=st.integers(1, 50))
async def test_however_a_true_reply_is_packed_an_operation_returns_its_result(
    server: ScriptServer, row: Row, packing: set[str], size: int
) -> None:
    body = json.dumps(row.reply).encode()
    head = b"HTTP/1.1 200 OK\r\n"
    if "BOM" in packing:
        body = b"\xef\xbb\xbf" + body
    if "gzip" in packing:
        body = gzip.compress(body, mtime=0)
        head += b"Content-Encoding: gzip\r\n"
    if "chunked" in packing:
        body = chunks(body, size, b"0\r\n\r\n")
        head += b"Transfer-Encoding: chunked\r\n"
    server.script = [then(head + b"\r\n" + body, hang_up)]
    async with CircleCISession(TOKEN, base_url=server.base_url, retry=RetryPolicy(attempts=1)) as ci:
        assert await row.call(ci) == row.result


async def test_a_bad_chunk_behind_thousands_is_an_error_at_the_latest_when_time_is_up(server: ScriptServer) -> None:
    # aiohttp 3.14.5 pauses after 16,384 chunks, and loses an error that it meets when it goes on: nothing more comes.
    broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"[" * 20_000, 1, b"-1\r\n")
    server.script = [then(broken, hang_up)]
    async with CircleCISession(base_url=server.base_url, retry=RetryPolicy(attempts=1), timeout=1) as ci:
        with pytest.raises(TransportError):
            await ci.list_projects()
