"""The service answers with an error status."""

from collections.abc import Iterable

from script_server import error, hang_up, reply, reset, then

from circleci_v1_async import (
    AuthenticationError,
    BadRequestError,
    DecodeError,
    GoneError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StatusError,
    TransportError,
)

from .calls import IDEMPOTENT, POSTS, add_key, delete, get, get_build, put, trigger, trigger_pipeline
from .canaries import BUILT, COOKIE, ECHO, OK
from .scenes import Call, Fault

TWICE = (0.5, 1.0)
DOUBLING = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)

AT_ONCE: list[tuple[int, int, type[StatusError]]] = [
    (1, 400, BadRequestError),
    (1, 422, StatusError),
    (2, 401, AuthenticationError),
    (2, 403, PermissionDeniedError),
    (3, 404, NotFoundError),
    (6, 300, StatusError),
    (6, 302, StatusError),
    (6, 307, StatusError),
    (6, 402, StatusError),
    (6, 405, StatusError),
    (6, 409, StatusError),
    (6, 410, GoneError),
    (6, 418, StatusError),
    (6, 501, ServerError),
    (6, 505, ServerError),
]


def _at_once(row: int, status: int, kind: type[StatusError], call: Call) -> Fault:
    name = f"{status} after {call.__name__} is raised at once, with what the service says"
    return Fault(row, name, (error(status, ECHO, [COOKIE]),), call, kind, 1)


def _again(status: int) -> list[Fault]:
    answer = error(status, ECHO, [COOKIE])
    kind = StatusError if status == 408 else ServerError
    faults = [
        Fault(4, f"a GET that gets {status} is sent three times", (answer,), get, kind, 3, TWICE),
        Fault(4, f"a GET that gets {status} twice is answered then", (answer, answer, OK), get, None, 3, TWICE),
        *(Fault(5, f"{call.__name__} that gets {status} is sent once", (answer,), call, kind, 1) for call in POSTS),
    ]
    if status in {502, 503, 504}:
        faults += [
            Fault(106, f"{call.__name__} that gets {status} is sent three times", (answer,), call, kind, 3, TWICE)
            for call in IDEMPOTENT
        ]
        faults.append(Fault(4, f"a DELETE that gets {status} is sent three times", (answer,), delete, kind, 3, TWICE))
    else:
        faults.append(Fault(4, f"a DELETE that gets {status} is sent once", (answer,), delete, kind, 1))
    return faults


def _limited(*values: str) -> bytes:
    headers = [("Retry-After", value.encode().decode("latin-1")) for value in values]
    return error(429, ECHO, [*headers, COOKIE])


def _dated(retry_after: str, date: str) -> bytes:
    return error(429, ECHO, [("Retry-After", retry_after), ("Date", date), COOKIE])


def within(status: int, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """A success whose body says something else."""
    return reply(200, {"status": status, "body": ECHO}, [*headers, COOKIE])


# The clock begins on Tue, 14 Nov 2023 22:13:20 GMT.
DATES = {
    "Tue, 14 Nov 2023 22:13:50 GMT": 30.0,
    "Tuesday, 14-Nov-23 22:13:50 GMT": 30.0,
    "Tue, 14 Nov 2023 22:13:20 GMT": 0.0,
    "Tue, 14 Nov 2023 22:13:19 GMT": 1.0,
    "Mon, 14 Nov 2022 22:13:20 GMT": 1.0,
    "Tue, 14 Nov 100000 22:13:20 GMT": 1.0,
    "Tue, 99 Nov 2023 22:13:20 GMT": 1.0,
}
GARBAGE = ("soon", "", "-1", "1.5", "nan", "inf", "1e400", "٣", "1_000", "1234567890", "0x10")


def _gets_429(row: int, what: str, answer: bytes, wait: float) -> Fault:
    return Fault(
        row, f"a GET that gets 429 {what} waits {wait:g} s", (answer, OK), get, None, 2, (wait,) if wait else ()
    )


NEXT_YEAR = _limited("Thu, 14 Nov 2024 22:13:20 GMT")
GONE = error(404, "checkout key not found")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

FAULTS = [
    *(_at_once(row, status, kind, call) for row, status, kind in AT_ONCE for call in (get, add_key, delete)),
    *(fault for status in (408, 500, 502, 503, 504) for fault in _again(status)),
    Fault(3, "a DELETE that gets 502 and then 404 may have worked", (error(502), GONE), delete, None, 2, (0.5,)),
    Fault(3, "a DELETE that gets a RST and then 404 may have worked", (reset, GONE), delete, None, 2, (0.5,)),
    Fault(3, "a GET that gets 502 and then 404 has failed", (error(502), GONE), get, NotFoundError, 2, (0.5,)),
    Fault(6, "304 is an error", (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",), get, StatusError, 1),
    Fault(6, "103 only announces the reply", (EARLY_HINTS + OK,), get, None, 1),
    *(
        Fault(6, f"{name} is no final reply", (then(answer, hang_up),), call, TransportError, 1)
        for name, answer in (("101", SWITCHED), ("000", b"HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n"))
        for call in (get, put, trigger)
    ),
    Fault(6, "204 where an object is promised cannot be used", (reply(204),), get, DecodeError, 1),
    Fault(6, "204 where nothing is promised is fine", (reply(204),), add_key, None, 1),
    Fault(6, "205 where nothing is promised is fine", (reply(205),), put, None, 1),
    *(
        Fault(
            7, f"429 that asks for 2 s: {call.__name__} waits for them", (_limited("2"), BUILT), call, None, 2, (2.0,)
        )
        for call in (get_build, delete, put, *POSTS, *IDEMPOTENT)
        if call is not trigger_pipeline
    ),
    *(
        Fault(
            row, f"{status} within a 200 after a POST is raised at once", (within(status),), trigger_pipeline, kind, 1
        )
        for row, status, kind in ((1, 400, BadRequestError), (3, 404, NotFoundError), (5, 500, ServerError))
    ),
    Fault(
        7,
        "429 within a 200 that asks for 2 s: a POST waits for them",
        (within(429, [("Retry-After", "2")]), reply(200, {"status": 200, "body": "Build created"})),
        trigger_pipeline,
        None,
        2,
        (2.0,),
    ),
    *(_gets_429(8, f"until {date}", _limited(date), wait) for date, wait in DATES.items()),
    *(_gets_429(9, f"with Retry-After {value!r}", _limited(value), 1.0) for value in GARBAGE),
    _gets_429(9, "with two Retry-Afters", _limited("1", "2"), 1.0),
    _gets_429(10, "that asks for 120 s", _limited("120"), 120.0),
    Fault(10, "429 that asks for a day is raised at once", (_limited("86400"),), get, RateLimitError, 1),
    Fault(10, "429 that asks a POST for 121 s is raised at once", (_limited("121"),), trigger, RateLimitError, 1),
    Fault(10, "429 until next year is raised at once", (NEXT_YEAR,), get, RateLimitError, 1),
    *(
        Fault(
            108,
            f"429 with {name}: {value} waits {wait:g} s",
            (error(429, ECHO, [(name, value), *more]), OK),
            get,
            None,
            2,
            (wait,),
        )
        for name in ("RateLimit-Reset", "X-RateLimit-Reset")
        for value, more, wait in (
            ("30", (), 30.0),
            ("120", (), 120.0),
            ("1700000030", (), 30.0),
            # The service is half a minute ahead of this machine.
            ("1700000060", [("Date", "Tue, 14 Nov 2023 22:13:50 GMT")], 30.0),
            ("1699999999", (), 1.0),
            ("soon", (), 1.0),
            ("30", [("Retry-After", "7")], 7.0),
        )
    ),
    Fault(
        108,
        "429 that resets in an hour is raised at once",
        (error(429, ECHO, [("RateLimit-Reset", "3600")]),),
        get,
        RateLimitError,
        1,
    ),
    *(
        _gets_429(8, f"until {retry_after}, said at {date}", _dated(retry_after, date), wait)
        for retry_after, date, wait in (
            ("Tue, 14 Nov 2023 23:13:22 GMT", "Tue, 14 Nov 2023 23:13:20 GMT", 2.0),
            ("Tue, 14 Nov 2023 21:13:22 GMT", "Tue, 14 Nov 2023 21:13:20 GMT", 2.0),
            ("Tue, 14 Nov 2023 22:13:30 GMT", "no date", 10.0),
        )
    ),
    Fault(11, "429 without Retry-After backs off", (error(429, ECHO),), trigger, RateLimitError, 7, DOUBLING),
]
