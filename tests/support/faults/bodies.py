"""The body of the reply is not what was promised."""

import json
from typing import Any

from script_server import hang_up, reply, then

from circleci_v1_async import BadRequestError, BodyTooLargeError, DecodeError, TransportError

from .calls import add_variable, create_token, get, get_build, list_builds, retry, trigger
from .canaries import BUILD, CANARIES, CREATED, CUT, ME, ME_AT_LENGTH, ME_ZIPPED, OK, PACKERS, TOKEN, as_json, packed
from .connections import GZIP, LONG, OK_HEAD, TWICE, trickle
from .scenes import Call, Fault

VALUE = CANARIES["env value"]


def _body(content: Any, content_type: str = "application/json") -> bytes:
    return reply(200, content if isinstance(content, bytes) else as_json(content), [("Content-Type", content_type)])


def _unusable(row: int, name: str, content: Any, call: Call = get, **options: Any) -> Fault:
    return Fault(row, f"{name} cannot be used", (_body(content),), call, DecodeError, 1, options=options)


def _fine(row: int, name: str, content: Any, call: Call = get) -> Fault:
    return Fault(row, name, (_body(content),), call, None, 1)


def _me(more: bytes) -> bytes:
    return as_json(ME)[:-1] + b", " + more + b"}"


def _deep(levels: int) -> bytes:
    return _me(b'"x": ' + b"[" * levels + b"]" * levels)


# An excerpt of 200 characters ends within the token.
PAGE = b"<html>" + b" " * 184 + TOKEN.encode()
EDN = b'{:heroku_api_key "%s"}' % CANARIES["Heroku key"].encode()
CUT_OFF = then(OK_HEAD + b"\r\n" + CUT, hang_up)
BUILD_CUT_OFF = then(OK_HEAD + b"\r\n" + as_json(BUILD)[:-3], hang_up)
BOMB = reply(200, ME_ZIPPED, [GZIP])


def _cut_off(coding: str) -> list[Fault]:
    """Replies that are complete for HTTP, but whose compressed data end early."""
    end, middle = (packed(ME_AT_LENGTH, coding, cut=cut) for cut in (1, 2000))
    return [
        Fault(20, f"a GET whose {coding} ends early is sent three times", (middle,), get, TransportError, 3, TWICE),
        Fault(20, f"a GET whose {coding} lacks its last byte, too", (end,), get, TransportError, 3, TWICE),
        Fault(20, f"a GET whose {coding} ends early first is answered then", (middle, OK), get, None, 2, (0.5,)),
        Fault(20, f"a POST whose {coding} ends early is sent once", (middle,), trigger, TransportError, 1),
        Fault(
            20,
            f"an error whose {coding} ends early is that error",
            (end.replace(b" 200 ", b" 400 ", 1),),
            get,
            BadRequestError,
            1,
        ),
        Fault(20, f"a reply in {coding}", (packed(ME_AT_LENGTH, coding),), get, None, 1),
    ]


FAULTS = [
    Fault(19, "a GET whose JSON ends early is sent three times", (CUT_OFF,), get, DecodeError, 3, TWICE),
    Fault(19, "a GET whose JSON ends early first is answered then", (CUT_OFF, OK), get, None, 2, (0.5,)),
    Fault(19, "a POST whose JSON ends early is sent once", (BUILD_CUT_OFF,), trigger, DecodeError, 1),
    *(fault for coding in PACKERS for fault in _cut_off(coding)),
    Fault(
        21,
        "a body that is too large is not read to its end",
        (then(LONG, trickle),),
        get,
        BodyTooLargeError,
        1,
        options={"max_body": 20},
    ),
    Fault(
        21,
        "a body that is too large once unzipped is not read to its end",
        (BOMB,),
        trigger,
        BodyTooLargeError,
        1,
        options={"max_body": 1000},
    ),
    _unusable(25, "JSON that is followed by more", as_json(ME) + b"{}"),
    _unusable(25, "a page of HTML", PAGE),
    _unusable(25, "a page of HTML after a POST", b"<html>Log in", add_variable),
    _unusable(25, "EDN", EDN),
    _unusable(25, "an empty body", b""),
    _unusable(25, "a body of blanks", b" \r\n"),
    Fault(25, "JSON is JSON whatever it says it is", (_body(ME, "text/html"),), get, None, 1),
    Fault(25, "an error page is shown without the token", (reply(400, PAGE),), get, BadRequestError, 1),
    Fault(
        25,
        "a long error message is shown without the part of the token that it ends with",
        (reply(400, {"message": "x" * 490 + TOKEN}),),
        get,
        BadRequestError,
        1,
    ),
    _fine(26, "a BOM is no part of the JSON", b"\xef\xbb\xbf" + as_json(ME)),
    _unusable(27, "UTF-16", json.dumps(ME).encode("utf-16")),
    _unusable(27, "latin-1", _me(b'"name": "\xfc"')),
    _unusable(28, "NaN", _me(b'"x": NaN')),
    _unusable(28, "1e999", _me(b'"days_left_in_trial": 1e999')),
    _fine(29, "a key that comes twice counts once", _me(b'"login": "ada"')),
    _fine(30, "an integer of 70 bits is that integer", b'{"build_num": 1180591620717411303424}', retry),
    _unusable(30, "an integer of 5000 digits", _me(b'"days_left_in_trial": ' + b"9" * 5000)),
    _unusable(31, "JSON 100,000 levels deep", _deep(100_000)),
    Fault(
        31,
        "an error 100,000 levels deep is an error",
        (reply(400, b'{"message": ' + _deep(100_000)),),
        get,
        BadRequestError,
        1,
    ),
    _fine(32, "a lone surrogate is replaced", _me(b'"name": "\\ud800"')),
    _unusable(32, "a control character that is not escaped", _me(b'"name": "\x01"')),
    _unusable(33, "a list where an object is promised", [ME]),
    _unusable(33, "an object where a list is promised", ME, list_builds),
    _unusable(33, "a list where a token is promised", [CREATED], create_token),
    _fine(36, "a new token does not show itself", CREATED, create_token),
    _fine(37, "a label that is no text is left out and logged", {**CREATED, "label": 7}, create_token),
    _unusable(37, "a label that is no text, when strict,", {**CREATED, "label": 7}, create_token, strict=True),
    _unusable(34, "null for what must be there", {**BUILD, "build_num": None}, get_build),
    _unusable(34, "a list of which no item has what must be there", [{**BUILD, "build_num": None}], list_builds),
    _unusable(34, "an item without what must be there, when strict,", [BUILD, None], list_builds, strict=True),
    _fine(34, "an item without what must be there is left out and logged", [BUILD, {}, None], list_builds),
    _fine(35, "an unknown status is kept", {**BUILD, "status": "brand_new"}, get_build),
    _fine(36, "unknown keys are dropped", _me(b'"x": {"y": 1}')),
    _unusable(37, "text for a number that must be there", {**BUILD, "build_num": VALUE}, get_build),
    _unusable(37, "text for a number, when strict,", {**BUILD, "parallel": VALUE}, get_build, strict=True),
    _fine(37, "text for a number is left out and logged", {**BUILD, "parallel": VALUE}, get_build),
    _unusable(38, "a date that is none, when strict,", {**BUILD, "start_time": VALUE}, get_build, strict=True),
]
