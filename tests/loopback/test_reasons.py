"""Transport errors end with the reason, and hold no secret."""

import ssl
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import trustme
from faults.scenes import EveryNameIsLoopback
from script_server import ScriptServer, hang, hang_up, reply, then

from circleci_v1_async import CircleCISession, RetryPolicy, TransportError


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    ("certificate", "is_trusted", "reason"),
    [
        ({"not_after": datetime(2020, 1, 1, tzinfo=UTC)}, True, "certificate has expired"),
        ({}, False, "unable to get local issuer certificate"),
        ({}, True, "Hostname mismatch, certificate is not valid for 'ci.example'."),
    ],
    ids=["expired", "of an unknown authority", "of another host"],
)
async def test_a_certificate_that_is_rejected_is_an_error_that_says_why(
    certificate: dict[str, Any],
    is_trusted: bool,  # noqa: FBT001 - a row
    reason: str,
) -> None:
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example", **certificate).configure_cert(server_side)
    trust = ssl.create_default_context()
    if is_trusted:
        authority.configure_trust(trust)
    connector = aiohttp.TCPConnector(ssl=trust, resolver=EveryNameIsLoopback(), use_dns_cache=False)
    host = "other.example" if certificate else "ci.example"
    async with ScriptServer(hang, tls=server_side) as server, aiohttp.ClientSession(connector=connector) as borrowed:
        ci = CircleCISession(base_url=f"https://{host}:{server.port}", session=borrowed)
        with pytest.raises(TransportError) as caught:
            await ci.get_current_user()
    assert str(caught.value).endswith(f": the TLS certificate was rejected: {reason}")
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert (caught.value.attempts, caught.value.transient) == (1, False)


@pytest.mark.fault(13)
async def test_an_error_of_a_connection_ends_with_the_class_and_the_message_of_its_cause(unused_tcp_port: int) -> None:
    async with CircleCISession(base_url=f"http://127.0.0.1:{unused_tcp_port}", retry=RetryPolicy(attempts=1)) as ci:
        with pytest.raises(TransportError, match=r"could not be made: ConnectionRefusedError: .*Connect call failed"):
            await ci.get_current_user()


@pytest.mark.fault(24, 42)
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 canary\r\n\r\n", "the reply is not HTTP: BadStatusLine: "),
        (b"HTTP/1.1 200 OK\r\nX-A: \x00canary\r\n\r\n", "the reply is not HTTP: "),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ncanary",
            "the reply is not HTTP: ",
        ),
        (reply(200, b"", [("X-Giant", "canary" * 9000)]), "the reply is not HTTP: LineTooLong: "),
        (then(b"HTTP/1.1 200 OK\r\nX-A: canary", hang_up), "the connection broke: ServerDisconnectedError"),
    ],
    ids=["status line", "header", "chunk", "long header", "cut off"],
)
async def test_a_reply_that_is_not_http_is_an_error_with_the_reason_and_without_a_quote(
    answer: Any, reason: str
) -> None:
    async with ScriptServer(answer) as server:
        ci = CircleCISession(base_url=server.base_url, retry=RetryPolicy(attempts=1))
        with pytest.raises(TransportError) as caught:
            await ci.get_current_user()
        await ci.close()
    failure = caught.value
    assert f": {reason}" in str(failure)
    assert isinstance(failure.__cause__, aiohttp.ClientError)
    assert "canary" not in f"{failure} {vars(failure)} {failure.__cause__!r} {vars(failure.__cause__)}"


@pytest.mark.fault(42, 104)
async def test_a_token_that_a_hook_quotes_in_an_os_error_is_redacted() -> None:
    async def fail(_session: object, _context: object, parameters: Any) -> None:
        raise OSError(f"no connection with {parameters.headers['Circle-Token']}")

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(fail)
    async with ScriptServer(hang) as server, aiohttp.ClientSession(trace_configs=[config]) as borrowed:
        ci = CircleCISession("a-token-canary", base_url=server.base_url, session=borrowed)
        with pytest.raises(TransportError, match=r"the connection broke: OSError: no connection with \*\*\*") as caught:
            await ci.get_current_user()
    assert caught.value.__cause__ is None
    assert "canary" not in f"{caught.value!r} {vars(caught.value)}"
