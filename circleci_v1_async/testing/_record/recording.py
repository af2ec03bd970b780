"""Recordings: files with one JSON object per exchange, and the replies from these files."""

import asyncio
import base64
import json
from collections.abc import Iterable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qsl, unquote

import attrs

from circleci_v1_async.testing._record.secrets import blank
from circleci_v1_async.testing._server.wire import ReceivedRequest, Reply, encode_json
from circleci_v1_async.testing._state.arguments import check_headers, check_number

# Stands for the origin of the replaying server. This host name cannot exist.
PLACEHOLDER: Final = "http://recording.invalid"
_LONGEST_LABEL: Final = 500
_KINDS: Final = {dict: "an object", int: "an integer", str: "a text"}
Payload = dict[str, Any]
Key = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...], str, str]


@attrs.frozen
class Exchange:
    """A request and its reply, without secrets, and with `PLACEHOLDER` instead of the server's origin.

    Attributes:
        target: The path and the query.
        span: The `Range` header; empty without one.
        sent: The body of the request.
        reply: The reply.
    """

    method: str
    target: str
    span: str
    sent: bytes
    reply: Reply

    @property
    def key(self) -> Key:
        """A key that is equal for requests with the same replies."""
        path, _, query = self.target.partition("?")
        return make_key(self.method, path, query, self.span, self.sent)

    @property
    def label(self) -> str:
        """The request in one line."""
        return _make_label(self.method, self.target, self.span, self.sent)

    def format_line(self) -> str:
        """Return the line for a file."""
        request: Payload = {"method": self.method, "target": self.target}
        if self.span:
            request["range"] = self.span
        if self.sent:
            # Requests are compared by their members, so blanks do not matter.
            request |= _dump_body(self.sent, exactly=False)
        reply: Payload = {"status": self.reply.status, "headers": dict(self.reply.headers)}
        body = self.reply.body[:]
        if body:
            reply |= _dump_body(body, exactly=True)
        return json.dumps({"request": request, "reply": reply}, ensure_ascii=False)

    @classmethod
    def parse_line(cls, line: str) -> "Exchange":
        """Parse a line of a file.

        Raises:
            ValueError: The line is not a recorded exchange.
        """
        try:
            entry = _expect(json.loads(line), dict, "an exchange")
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        request, reply = (_take(entry, name, dict) for name in ("request", "reply"))
        status, headers = _take(reply, "status", int), _take(reply, "headers", dict, {})
        check_number("status", status, 200, 599)
        check_headers(headers)
        return cls(
            method=_take(request, "method", str),
            target=_take(request, "target", str),
            span=_take(request, "range", str, ""),
            sent=_load_body(request),
            reply=Reply(status, _load_body(reply), headers),
        )


@attrs.define
class Recording:
    """Recorded replies by request, in the recorded order. The last reply is repeated."""

    _replies: dict[Key, list[Reply]]
    _labels: list[str]
    _given: dict[Key, int] = attrs.field(factory=dict[Key, int], init=False)

    @classmethod
    def read(cls, path: Path) -> "Recording":
        """Read a recording from a file.

        Raises:
            OSError: The file cannot be read.
            ValueError: A line is not a recorded exchange.
        """
        exchanges: list[Exchange] = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                exchanges.append(Exchange.parse_line(line))
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from error
        return cls.collect(exchanges)

    @classmethod
    def collect(cls, exchanges: Iterable[Exchange]) -> "Recording":
        """Make a recording of exchanges, in the order of the exchanges."""
        replies: dict[Key, list[Reply]] = {}
        labels: dict[str, None] = {}
        for exchange in exchanges:
            replies.setdefault(exchange.key, []).append(exchange.reply)
            labels[exchange.label] = None
        return cls(replies, list(labels))

    async def open(self) -> None:
        """Start again with the first replies."""
        self._given.clear()

    async def close(self) -> None:
        """Do nothing: a recording has nothing to close."""

    async def answer(self, request: ReceivedRequest, origin: str) -> Reply:
        """Return the next reply to a request, with URLs at `origin`; 501 if the request was not recorded."""
        span = request.headers.get("Range", "")
        key = make_key(request.method, request.path, request.query_string, span, request.body)
        replies = self._replies.get(key)
        if replies is None:
            target = request.path + (f"?{request.query_string}" if request.query_string else "")
            label = _make_label(request.method, target, span, request.body)
            return await asyncio.to_thread(self._refuse, label)
        given = self._given.get(key, 0)
        self._given[key] = given + 1
        return relocate(replies[min(given, len(replies) - 1)], origin)

    def _refuse(self, label: str) -> Reply:
        nearest = max(self._labels, key=lambda other: SequenceMatcher(None, label, other).ratio(), default="none")
        return Reply.json_error(501, f"This request was not recorded: {label}. The nearest that was: {nearest}.")


def make_key(method: str, path: str, query: str, span: str, body: bytes) -> Key:
    """Return a key that is equal for requests that only differ in their encoding and in secrets."""
    pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "circle-token"]
    text = blank(body.decode(errors="replace"), path=path)
    try:
        text = json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        text = repr(sorted(parse_qsl(text, keep_blank_values=True)) or text)
    return method, tuple(map(unquote, path.split("/"))), tuple(sorted(pairs)), span, text


def _make_label(method: str, target: str, span: str, body: bytes) -> str:
    path = target.partition("?")[0]
    shown = (f"{method} {target}", f"Range: {span}" if span else "", blank(body.decode(errors="replace"), path=path))
    return " ".join(filter(None, shown))[:_LONGEST_LABEL]


def relocate(reply: Reply, origin: str) -> Reply:
    """Replace `PLACEHOLDER` in a reply with the origin of a server."""
    headers = {name: value.replace(PLACEHOLDER, origin) for name, value in reply.headers.items()}
    return Reply(reply.status, reply.body[:].replace(PLACEHOLDER.encode(), origin.encode()), headers)


def _dump_body(body: bytes, *, exactly: bool) -> Payload:
    """Return a body as JSON if it is compact or need not be exact; otherwise as a string, or in base64."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    try:
        value: object = json.loads(text)
        if not exactly or encode_json(value) == body:
            return {"json": value}
    except (ValueError, RecursionError):
        pass
    return {"text": text}


def _load_body(entry: Payload) -> bytes:
    if "json" in entry:
        return encode_json(entry["json"])
    if "base64" in entry:
        return base64.b64decode(_take(entry, "base64", str), validate=True)
    return str(_take(entry, "text", str, "")).encode()


def _take(entry: Payload, name: str, kind: type, default: object = None) -> Any:
    return _expect(entry.get(name, default), kind, name)


def _expect(value: object, kind: type, name: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{name}: expected {_KINDS[kind]}, got {value!r:.100}")
    return cast(Any, value)
