"""A relay between a client and the service. It records the exchanges."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

import aiohttp
import attrs
from yarl import URL

from circleci_v1_async.testing._record.recording import PLACEHOLDER, Exchange, relocate
from circleci_v1_async.testing._record.secrets import Scrubber
from circleci_v1_async.testing._server.routing import list_tokens
from circleci_v1_async.testing._server.wire import API_PREFIX, ReceivedRequest, Reply

_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
# Path of the files from other hosts in the relay.
_ELSEWHERE: Final = re.compile(r"/-/(https?)/([^/]+)(/.*)?")
_FORWARDED: Final = ("Accept", "Content-Type", "If-None-Match", "If-Range", "Range", "User-Agent")
_CREDENTIALS: Final = ("Authorization", "Circle-Token")
_QUERY_TOKEN: Final = re.compile(r"(?:^|&)circle-token=[^&]*")
# Other headers belong to the connection, or differ from one recording to the next.
_RECORDED: Final = frozenset(
    {
        *("accept-ranges", "content-range", "content-type", "deprecation", "etag", "last-modified", "location"),
        *("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after", "sunset"),
        *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-route"),
    }
)
_OUTPUT_URL: Final = re.compile(r'(?:"output_url"|:output[_-]url)\s*(?::\s*)?"(?P<url>https?://[^"]+)"')
_ARTIFACT_URL: Final = re.compile(r'(?:"url"|:url)\s*(?::\s*)?"(?P<url>https?://[^"]+)"')


def parse_upstream(url: str) -> URL:
    """Return the origin of a v1.1 API.

    Raises:
        ValueError: The URL is invalid, or a token must not be sent to it.
    """
    address = URL(url)
    is_safe = address.scheme == "https" or (address.scheme == "http" and address.host in _LOOPBACK)
    if not is_safe or not address.host or address.user or address.query_string:
        raise ValueError(f"{url!r} is not an address such as 'https://circleci.com/api/v1.1', or http on loopback")
    if address.path.rstrip("/") not in {"", API_PREFIX}:
        raise ValueError(f"{url!r} does not end in {API_PREFIX}")
    return address.origin()


@attrs.define
class Relay:
    """Forwards requests to the service, and writes them and their replies to a file.

    The relay sends the token to the service's origin. From CircleCI's cloud, it also sends the token to the host of the
    artifacts, because clients do so too. URLs in replies point to the relay, so that it also receives the requests for
    files.

    Attributes:
        upstream: The origin of the service.
        path: The file. It is overwritten.
        scrubber: Replaces secrets in the file.
    """

    upstream: URL
    path: Path
    scrubber: Scrubber = attrs.field(factory=Scrubber, init=False)
    _origins: set[str] = attrs.field(factory=set[str], init=False)
    _file: TextIO = attrs.field(init=False, repr=False)
    _writing: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False, repr=False)
    _http: aiohttp.ClientSession | None = attrs.field(default=None, init=False, repr=False)

    async def open(self) -> None:
        """Open the file and a session."""
        self._file = await asyncio.to_thread(self.path.open, "w", encoding="utf-8")
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        """Close the file and the session."""
        if self._http is not None:
            await asyncio.to_thread(self._file.close)
            await self._http.close()
            self._http = None

    async def answer(self, request: ReceivedRequest, origin: str) -> Reply:
        """Forward a request, record it, and return the reply with URLs at `origin`."""
        url = self._locate(request)
        if url is None or self._http is None:
            return Reply.json_error(404, "No reply has named this address.")
        headers = self._choose_headers(request, url)
        try:
            async with self._http.request(
                request.method,
                url,
                headers=headers,
                data=request.body or None,
                allow_redirects=False,
                skip_auto_headers=_FORWARDED,
            ) as response:
                reply = Reply(response.status, await response.read(), response.headers.copy())
        except (aiohttp.ClientError, TimeoutError) as error:
            # Do not record a network failure, because it is not the service's answer.
            return Reply.json_error(502, f"{self.upstream} cannot be reached: {error}")
        kept = {name.title(): value for name, value in reply.headers.items() if name.lower() in _RECORDED}
        async with self._writing:
            return await asyncio.to_thread(self._record, attrs.evolve(reply, headers=kept), request, url, origin)

    def _record(self, reply: Reply, request: ReceivedRequest, url: URL, origin: str) -> Reply:
        """Write an exchange, and return its reply with URLs at `origin`."""
        reply = self._redirect_here(reply, request, url)
        self._file.write(f"{self._format(request, reply)}\n")
        self._file.flush()
        return relocate(reply, origin)

    def _locate(self, request: ReceivedRequest) -> URL | None:
        """Return the upstream URL of a request; None for another host that no reply has mentioned."""
        elsewhere = _ELSEWHERE.fullmatch(request.path)
        origin = f"{self.upstream}" if elsewhere is None else f"{elsewhere[1]}://{elsewhere[2]}"
        if elsewhere is not None and origin not in self._origins:
            return None
        query = request.query_string
        if not self._is_trusted(URL(origin)):
            query = _QUERY_TOKEN.sub("", query).lstrip("&")
        path = request.path if elsewhere is None else elsewhere[3] or "/"
        return URL(f"{origin}{path}{'?' if query else ''}{query}", encoded=True)

    def _choose_headers(self, request: ReceivedRequest, url: URL) -> dict[str, str]:
        names = _FORWARDED + (_CREDENTIALS if self._is_trusted(url) else ())
        return {name: request.headers[name] for name in names if name in request.headers}

    def _is_trusted(self, url: URL) -> bool:
        if url.origin() == self.upstream:
            return True
        is_cloud = f"{self.upstream}" == "https://circleci.com"
        return is_cloud and url.scheme == "https" and f".{url.host}".endswith(".circle-artifacts.com")

    def _redirect_here(self, reply: Reply, request: ReceivedRequest, url: URL) -> Reply:
        """Make the reply's URLs that clients follow point to the relay, with `PLACEHOLDER` as its origin."""
        headers = dict(reply.headers)
        if "Location" in headers:
            headers["Location"] = self._make_address(url.join(URL(headers["Location"], encoded=True)))
        body = reply.body[:]
        with suppress(UnicodeDecodeError):
            text = _OUTPUT_URL.sub(self._replace_address, body.decode())
            if request.path.endswith("/artifacts"):
                text = _ARTIFACT_URL.sub(self._replace_address, text)
            body = text.encode()
        return Reply(reply.status, body, headers)

    def _replace_address(self, match: re.Match[str]) -> str:
        return match[0].replace(match["url"], self._make_address(URL(match["url"], encoded=True)))

    def _make_address(self, url: URL) -> str:
        home = f"{url.origin()}"
        below = f"{url}".removeprefix(home)
        if url.origin() == self.upstream:
            return f"{PLACEHOLDER}{below}"
        self._origins.add(home)
        return f"{PLACEHOLDER}/-/{url.scheme}/{home.partition('://')[2]}{below}"

    def _format(self, request: ReceivedRequest, reply: Reply) -> str:
        """Return the line that records an exchange."""
        tokens = list_tokens(request)
        query = _QUERY_TOKEN.sub("", request.query_string).lstrip("&")
        target = request.path + (f"?{query}" if query else "")
        place = f"{request.method} {request.path}"

        def scrub(text: str) -> str:
            return self.scrubber.scrub(text, path=request.path, place=place, tokens=tokens)

        exchange = Exchange(
            method=request.method,
            target=scrub(target),
            span=request.headers.get("Range", ""),
            sent=_scrub_bytes(request.body, scrub),
            reply=Reply(
                reply.status,
                _scrub_bytes(reply.body[:], scrub),
                {name: scrub(value) for name, value in sorted(reply.headers.items())},
            ),
        )
        return exchange.format_line()


def _scrub_bytes(body: bytes, scrub: Callable[[str], str]) -> bytes:
    """Scrub a string. Bytes that are not text, such as an archive, stay unchanged."""
    try:
        return scrub(body.decode()).encode()
    except UnicodeDecodeError:
        return body
