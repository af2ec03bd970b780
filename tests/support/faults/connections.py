"""The connection cannot be made, breaks, or is silent; what comes over it is not HTTP."""

import asyncio
from types import MappingProxyType
from typing import Any

from script_server import Action, Received, hang, hang_up, reply, reset, then

from circleci_v1_async import RequestTimeoutError, TransportError

from .calls import (
    IDEMPOTENT,
    add_key,
    delete,
    get,
    get_then_post,
    get_twice,
    put,
    trigger,
    while_another_holds_the_place,
)
from .canaries import BUILT, CANARIES, CUT, ME_ZIPPED, OK
from .scenes import (
    Call,
    Fault,
    Place,
    by_its_other_name,
    name_does_not_resolve,
    nobody_listens,
    of_other_example,
    queue_is_full,
    tls_is_refused,
    trusting_its_certificate,
    with_one_connection,
)

TWICE = (0.5, 1.0)
# Long enough for a loopback socket, if what is meant to fail by its time does not.
SOON: MappingProxyType[str, Any] = MappingProxyType({"timeout": 0.5})

OK_HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = reply(200, CUT, length=100_000)
GZIP = ("Content-Encoding", "gzip")


async def trickle(received: Received, writer: asyncio.StreamWriter) -> None:
    def drip() -> None:
        if not writer.is_closing():
            writer.write(b"x")
            asyncio.get_running_loop().call_later(0.01, drip)

    drip()
    await hang(received, writer)


ENDS = {"a FIN": hang_up, "an RST": reset, "a FIN in the headers": then(OK_HEAD + b"X-", hang_up)}
BROKEN_BODIES = {
    "a FIN in the body": then(LONG, hang_up),
    "an RST in the body": then(LONG, reset),
    "a FIN in a chunk": then(CHUNKED + b"ff\r\n" + CUT, hang_up),
    "an RST in a chunk": then(CHUNKED + b"ff\r\n" + CUT, reset),
    "gzip cut off by a FIN": then(reply(200, ME_ZIPPED[:-100], [GZIP], length=len(ME_ZIPPED)), hang_up),
}
NO_HTTP = {
    "what is not HTTP": then(b"SSH-2.0-OpenSSH_9.2\r\n", hang_up),
    "a bad status line": then(b"HTTP/1.1 OK\r\n\r\n", hang_up),
    "a bad chunk size": then(CHUNKED + b"zz\r\n" + CUT, hang_up),
    "chunks and a length": then(
        OK_HEAD + b"Content-Length: 5\r\n" + CHUNKED.removeprefix(OK_HEAD) + b"0\r\n\r\n", hang_up
    ),
    "a negative length": reply(200, CUT, length=-2),
    "a giant header": reply(200, CUT, [("X-Giant", CANARIES["cookie"] * 1500)]),
    "gzip that is none": reply(200, CUT, [GZIP]),
}


def _ends(what: str, action: Action) -> list[Fault]:
    return [
        *_breaks(16, what, action)[:2],
        Fault(16, f"a DELETE that gets {what} is sent three times", (action,), delete, TransportError, 3, TWICE),
        Fault(16, f"a kept connection that ends with {what} is replaced", (OK, action, OK), get_twice, None, 3, (0.5,)),
        Fault(17, f"a POST that gets {what} is sent once", (action,), trigger, TransportError, 1),
        Fault(
            17,
            f"a POST on a kept connection that gets {what} is sent once",
            (BUILT, action),
            get_then_post,
            TransportError,
            2,
        ),
        Fault(17, f"a PUT that gets {what} is sent three times", (action,), put, TransportError, 3, TWICE),
        *(
            Fault(106, f"{call.__name__} that gets {what} is answered then", (action, BUILT), call, None, 2, (0.5,))
            for call in IDEMPOTENT
        ),
    ]


def _breaks(row: int, what: str, action: bytes | Action) -> list[Fault]:
    return [
        Fault(row, f"a GET that gets {what} is sent three times", (action,), get, TransportError, 3, TWICE),
        Fault(row, f"a GET that gets {what} first is answered then", (action, OK), get, None, 2, (0.5,)),
        Fault(row, f"a POST that gets {what} is sent once", (action,), trigger, TransportError, 1),
    ]


def _not_sent(row: int, why: str, kind: type[TransportError], place: Place) -> list[Fault]:
    return [
        Fault(row, f"{name}: {why}, three times", (), call, kind, 0, TWICE, place=place)
        for name, call in (("GET", get), ("POST", trigger))
    ]


def _of_tls(name: str, call: Call, kind: type[TransportError] | None, place: dict[str, Place]) -> Fault:
    return Fault(14, name, (OK,), call, kind, 0 if kind else 1, tls=of_other_example, **place)


def _late(row: int, what: str, action: Action) -> list[Fault]:
    return [
        Fault(row, f"a GET that gets {what} is sent three times", (action,), get, RequestTimeoutError, 3, TWICE, SOON),
        Fault(row, f"a GET that gets {what} first is answered then", (action, OK), get, None, 2, (0.5,), SOON),
        Fault(row, f"a POST that gets {what} is sent once", (action,), add_key, RequestTimeoutError, 1, (), SOON),
    ]


FAULTS = [
    *_not_sent(13, "the port refuses", TransportError, nobody_listens),
    *_not_sent(13, "the name does not resolve", TransportError, name_does_not_resolve),
    _of_tls("a certificate that nobody vouches for is refused once", get, TransportError, {}),
    _of_tls(
        "a certificate of another host is refused once", add_key, TransportError, {"place": trusting_its_certificate}
    ),
    _of_tls("a certificate of this host is fine", get, None, {"place": by_its_other_name}),
    *_not_sent(62, "a TLS alert", TransportError, tls_is_refused),
    *_not_sent(15, "no connection in time", RequestTimeoutError, queue_is_full),
    Fault(
        15,
        "a full pool of a borrowed session is waited for three times",
        (hang,),
        while_another_holds_the_place(trigger, timeout=1.0),
        RequestTimeoutError,
        1,
        TWICE,
        place=with_one_connection,
    ),
    *(fault for what, action in ENDS.items() for fault in _ends(what, action)),
    *(fault for what, action in BROKEN_BODIES.items() for fault in _breaks(18, what, action)),
    *_late(22, "headers that trickle", then(OK_HEAD + b"X-Slow: ", trickle)),
    *_late(22, "a body that trickles", then(LONG, trickle)),
    *_late(23, "no reply", hang),
    *(fault for what, action in NO_HTTP.items() for fault in _breaks(24, what, action)),
    Fault(
        24, "what follows a reply breaks the next one", (OK + b"HTTP/1.1 what\r\n\r\n", OK), get_twice, None, 3, (0.5,)
    ),
]
