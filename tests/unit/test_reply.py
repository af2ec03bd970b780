"""How a reply becomes a value or an error, without a loop or a socket."""

import contextlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from circleci_v1_async import (
    BuildDetail,
    DecodeError,
    Message,
    NotFoundError,
    PipelineResult,
    Request,
    Response,
    StatusError,
    User,
    make_converter,
)
from circleci_v1_async._calls import redact as redact_module
from circleci_v1_async._calls.redact import Redactor
from circleci_v1_async._calls.reply import locate_decode_error, read_reply
from circleci_v1_async._core.secret import Secret
from circleci_v1_async.request import Reply

BOM = b"\xef\xbb\xbf"
CANARY = "canary-7c1e"
GET = Request("GET", "/me", returns=User)
DELETE = Request("DELETE", "/me", returns=None)


def shorten(value: bytes | str) -> str:
    """An ID of a test without backslashes, which pytest escapes again when a process collects a second time."""
    return ascii(value[:24]).replace("\\", "/")


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def read(
    request: Request[Any],
    status: int,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] = MappingProxyType({"Content-Type": "text/html"}),
    **options: Any,
) -> Any:
    clean = Redactor(request, options.pop("token", Secret(CANARY)))
    context = {"clean": clean, "maybe_sent": False, "now": 0.0}
    response = Reply(status, CIMultiDict(headers), body, is_first=options.pop("is_first", True))
    return read_reply(request, response, make_converter(), **(context | options))


def refused(body: bytes, request: Request[Any] = GET, status: int = 400, **options: Any) -> StatusError:
    with pytest.raises(StatusError) as caught:
        read(request, status, body, **options)
    return caught.value


def not_decoded(body: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        read(GET, 200, body)
    return caught.value


def test_a_success_is_decoded_and_ignored_where_nothing_is_returned():
    assert read(GET, 200, b'{"login": "ada"}') == User(login="ada")
    assert read(DELETE, 200, b"{") is None


@pytest.mark.fault(91)
def test_a_404_is_a_success_of_a_delete_that_may_have_been_done_before():
    assert read(DELETE, 404, maybe_sent=True) is None
    assert read(Request("DELETE", "/me", returns=Message), 404, b"<html>", maybe_sent=True) == Message(message=None)
    assert read(Request("DELETE", "/me"), 404, b'{"message": "key not found"}', maybe_sent=True) == {}
    assert refused(b"", DELETE, 404).status == 404
    assert refused(b"", DELETE, 409, maybe_sent=True).status == 409
    assert refused(b"", GET, 404, maybe_sent=True).status == 404


@pytest.mark.fault(91)
@pytest.mark.parametrize("returns", [list[User], Response])
def test_a_404_of_a_delete_whose_value_cannot_be_empty_says_that_it_may_have_been_done(returns: Any):
    request = Request("DELETE", "/me", returns=returns)
    with pytest.raises(NotFoundError) as caught:
        read(request, 404, maybe_sent=True)
    assert caught.value.maybe_deleted
    with pytest.raises(NotFoundError) as caught:
        read(request, 404)
    assert not caught.value.maybe_deleted


@pytest.mark.parametrize(("status", "is_error"), [(299, False), (300, True)])
def test_a_status_from_300_on_is_an_error(status: int, is_error: bool):  # noqa: FBT001 - a column
    with pytest.raises(StatusError) if is_error else contextlib.nullcontext():
        read(GET, status, b"{}")


def test_a_response_has_all_parts_of_the_reply():
    headers = {"Content-Type": "text/plain", "X-Circleci-Request-Id": "aa-bb", "Location": "/there"}
    shown = {name: headers[name] for name in ("Content-Type", "X-Circleci-Request-Id")}
    found = read(Request("GET", "/me", returns=Response), 206, b"text", headers=headers)
    assert found == Response(206, CIMultiDict(shown), "aa-bb", b"text")


def build_request(method: str = "GET") -> Request[BuildDetail]:
    return Request(method, "/{build_num}", {"build_num": 7}, returns=BuildDetail)


def test_a_reply_about_the_build_that_was_requested_is_the_build():
    for number in (7, "7"):
        request = Request("GET", "/{build_num}", {"build_num": number}, returns=BuildDetail)
        assert read(request, 200, b'{"build_num": 7}', is_first=False).build_num == 7


@pytest.mark.fault(97)
def test_a_reply_about_another_build_is_refused_unless_it_is_the_first_of_a_connection(
    caplog: pytest.LogCaptureFixture,
):
    with pytest.raises(DecodeError, match="build 7 was requested, and the reply is about build 8") as caught:
        read(build_request(), 200, b'{"build_num": 8}', is_first=False)
    assert (caught.value.path, caught.value.size, caught.value.mismatched) == ("$.build_num", 16, True)
    assert caplog.messages == []
    assert read(build_request(), 200, b'{"build_num": 8}').build_num == 8
    assert caplog.messages == ["GET /7: build 7 was requested, and the reply is about build 8"]


@pytest.mark.fault(97)
def test_a_rerun_of_a_build_is_another_build():
    assert read(build_request("POST"), 200, b'{"build_num": 8}', is_first=False).build_num == 8


def test_a_status_within_a_success_counts():
    request = Request("POST", "/x", returns=PipelineResult)
    error = refused(as_json({"status": 409, "body": CANARY}), request, 200)
    assert (error.status, error.message) == (409, "***")
    date = {"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}
    error = refused(as_json({"status": 503}), request, 200, headers=date, now=50.0)
    assert (error.status, error.message, error.retry_after) == (503, "", 10.0)
    assert read(request, 200, as_json({"status": 201})).status == 201


@pytest.mark.parametrize("room", range(len(CANARY) + 2))
@pytest.mark.parametrize("form", ["{}", '{{"message": "{}"}}', "<title>{}</title>"], ids=["text", "JSON", "HTML"])
def test_a_token_that_would_be_cut_is_redacted_before(form: str, room: int):
    shown = 200 if form.startswith("<") else 500
    body = form.format("x" * (shown - room) + CANARY + "y" * 600).encode()
    assert "canary"[:3] not in refused(body).message
    assert not form.startswith("<") or "can" not in not_decoded(body).reason


@pytest.mark.fault(90)
@pytest.mark.parametrize(
    ("page", "title"),
    [
        (b"<html><head><title>502 Bad Gateway</title></head><body>" + b"x" * 300, "502 Bad Gateway"),
        (BOM + b"\n<!DOCTYPE html><TITLE lang=en>\n Log in &ndash;\n CI </TITLE>", "Log in \u2013 CI"),
        (b"<title>" + b"x" * 201 + b"</title>", "x" * 200),
        (b"<title>\x1b[31m&#10;&#x202e;</title>", "\\x1b[31m \\u202e"),
        (b"<html><p>No title", ""),
        (b"<title>No end", ""),
        (b"<title" * 50_000, ""),
    ],
    ids=shorten,
)
def test_of_html_the_title_is_shown(page: bytes, title: str):
    assert refused(page, status=502).message == title
    assert not_decoded(page).reason == (f"HTML instead of JSON: {title}" if title else "HTML instead of JSON")


@pytest.mark.fault(42)
@pytest.mark.parametrize("echo", [b"a<b", b"a&lt;b"])
def test_a_token_in_a_title_is_redacted_however_it_is_written(echo: bytes):
    assert refused(b"<title>No: " + echo + b"</title>", token=Secret("a<b")).message == "No: ***"


@pytest.mark.fault(90)
def test_characters_that_do_not_print_are_escaped_where_a_reply_is_quoted():
    forged = "No.\r\n2026-11-24 INFO all is well\x1b[2K\x9b1m\u202e\u2028."
    escaped = r"No.\r\n2026-11-24 INFO all is well\x1b[2K\x9b1m\u202e\u2028."
    assert refused(as_json({"message": forged})).message.startswith(escaped)
    assert refused(forged.encode(errors="replace")).message.startswith(escaped)
    error = locate_decode_error(
        DecodeError("Odd\x1b", "$.\n"), GET, Reply(200, {"Content-Type": "a\x1b/b"}, b""), Redactor(GET, None)
    )
    assert (error.reason, error.path, error.content_type) == ("Odd\\x1b", "$.\\n", "a\\x1b/b")


def test_a_decode_error_says_what_it_is_about():
    error = not_decoded(b"[]")
    assert (error.request, error.status, error.content_type, error.size) == (GET, 200, "text/html", 2)
    assert [not_decoded(body).truncated for body in (b"[]", b'{"login": ')] == [False, True]


def test_an_error_has_its_request_without_the_body():
    request = Request("POST", "/x", body={"value": 1})
    assert refused(b"", request).request == Request("POST", "/x")


@pytest.mark.fault(7, 8, 108)
def test_an_error_has_the_time_to_wait_that_the_service_asks_for():
    now = 1_795_000_000.0
    dates = {"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT", "RateLimit-Reset": "9"}
    assert refused(b"", status=503, headers={"Retry-After": "7"}).retry_after == 7.0
    assert refused(b"", status=503, headers=dates, now=50.0).retry_after == 10.0
    assert refused(b"", status=429, headers=dates, now=50.0).retry_after == 10.0
    assert refused(b"", status=429, headers={"RateLimit-Reset": "9"}).retry_after == 9.0
    assert refused(b"", status=429, headers={"RateLimit-Reset": "1795000060"}, now=now).retry_after == 60.0
    assert refused(b"", status=503, headers={"RateLimit-Reset": "9"}).retry_after is None
    assert refused(b"", status=429).retry_after is None


@pytest.mark.fault(81)
def test_of_an_error_of_megabytes_only_the_beginning_is_looked_at():
    padding = b" " * 2**16
    assert refused(b'{"message": "x", "y": "' + padding + b'"}').message == ""
    assert refused(b"x" * 10 + padding + b"x").message == "x" * 10
    assert refused(b"<title>x</title>" + padding + b"x").message == "x"
    assert refused(b"<p>" + padding + b"<title>x</title>").message == ""
    assert refused(CANARY.encode() * 100_000).message == "***" * 166 + "**"
    page = b"<title>" + CANARY.encode() * 300 + b"</title>" + padding
    assert not_decoded(page).reason == f"HTML instead of JSON: {'***' * 66}**"


@pytest.mark.fault(103)
@pytest.mark.parametrize("start", [b"", b"<title>"], ids=["text", "HTML"])
def test_of_an_error_of_megabytes_no_part_of_a_secret_is_shown_that_is_cut(start: bytes):
    value = "0123456789" * 7000
    request = Request("POST", "/x", body={"value": Secret(value)}, returns=None)
    assert refused(start + value.encode(), request).message == ""
    spaces = b" " * (2**16 - 9 - len(start))
    assert refused(start + spaces + CANARY.encode() + b"x").message == ""
    assert refused(spaces + start + CANARY[:9].encode()).message == ("" if start else CANARY[:9])


def test_without_a_secret_nothing_is_redacted():
    assert Redactor(GET, None)("anything") == "anything"
    assert Redactor(Request("POST", "/x", body=["password"]), None)("password") == "password"
    assert Redactor(Request("POST", "/x", body={"branch": "password"}), None)("password") == "password"


PEM = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\r\nab/cd+ef==\n-----END KEY-----\n"


@pytest.mark.fault(103)
@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("hunter22", "hunter22"),
        ('pass"word\\', json.dumps('pass"word\\')[1:-1]),
        ("pässwörd", json.dumps("pässwörd")[1:-1]),
        ("pässwörd", "pässwörd"),
        ("pass word&more", "pass%20word%26more"),
        ("<password>", "&lt;password&gt;"),
        ("password\ud800", "password\ud800"),
        ("  padded password ", "padded password"),
        (PEM, PEM),
        (PEM, PEM.strip()),
        (PEM, json.dumps(PEM)[1:-1]),
        (PEM, "MIIEpAIBAAKCAQEA"),
        (PEM, "ab/cd+ef=="),
        ({"A": "1", "B": "hunter22"}, "hunter22"),
    ],
)
def test_a_secret_of_the_request_is_redacted_however_it_is_quoted(value: object, quoted: str):
    request = Request("POST", "/x", body={"name": "A", "value": Secret(value)}, returns=None)
    assert Redactor(request, None)(f"Not with {quoted}.") == "Not with ***."


@pytest.mark.fault(103)
@pytest.mark.parametrize("value", ["seven77", {"A": "seven77", "longer-than-eight": ""}])
def test_a_secret_of_less_than_eight_characters_stays(value: object):
    request = Request("POST", "/x", body={"value": Secret(value)})
    text = "seven77 longer-than-eight"
    assert Redactor(request, None)(text) == text


@pytest.mark.fault(103)
def test_of_secrets_within_each_other_the_longest_is_redacted():
    request = Request("POST", "/x", body={"a": Secret("password"), "b": Secret("password-of-ada")})
    assert Redactor(request, Secret("word"))("password-of-ada, password") == "***, ***"


@pytest.mark.fault(102)
@pytest.mark.parametrize("status", [200, 400])
def test_no_header_is_kept_with_a_secret_in_it(status: int):
    request = Request("POST", "/x", body={"value": Secret("hunter22")}, returns=User)
    headers = {
        "Content-Type": f"text/html; token={CANARY}",
        "X-Request-Id": f"hunter22-{CANARY}",
        "X-Echo": f"{CANARY} hunter22",
        f"X-{CANARY}": "1",
    }
    with pytest.raises((DecodeError, StatusError)) as caught:
        read(request, status, b"<html>", headers=headers)
    error = caught.value
    if isinstance(error, DecodeError):
        assert error.content_type == "text/html; token=***"
        return
    assert error.request_id == "***-***"
    assert dict(error.headers) == {
        "Content-Type": "text/html; token=***",
        "X-Request-Id": "***-***",
        "X-Echo": "*** ***",
        "X-***": "1",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message": "Build not found"}', "Build not found"),
        (BOM + b' {"message": "Build not found"}\n', "Build not found"),
        (as_json({"message": json.dumps({"message": "Not Found", "documentation_url": "x"})}), "Not Found"),
        (as_json({"message": json.dumps({"message": json.dumps({"message": "thrice"})})}), "thrice"),
        (as_json({"message": "{not JSON"}), "{not JSON"),
        (as_json({"message": ""}), ""),
        (as_json({"message": "x" * 501}), "x" * 500),
        (b"Rate limit exceeded\n", "Rate limit exceeded"),
        (b"XML is expected", "XML is expected"),
        (b'{"message": "No."}' + b" " * 2**16, "No."),
        ("Zu viele Anfragen: ünï".encode(), "Zu viele Anfragen: ünï"),
        (b"x" * 501, "x" * 500),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
        (b"  \n", ""),
        (as_json({"error": CANARY}), ""),
        (as_json({"message": {"message": CANARY}}), ""),
        (as_json({"message": None, "key": CANARY}), ""),
        (as_json([CANARY]), ""),
        (as_json(CANARY), ""),
        (b'{"message": "cut of', ""),
        (b'{"message": ' + b"[" * 100_000, ""),
        (b'{"message": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
        (b'{"message": ' + b"9" * 5000 + b"}", ""),
    ],
    ids=shorten,
)
def test_what_an_error_reply_says(body: bytes, message: str):
    assert refused(body).message == message


@pytest.mark.fault(1)
@given(st.binary())
def test_an_error_reply_may_be_anything(body: bytes):
    assert len(refused(body).message) <= 500


@pytest.mark.fault(1)
@pytest.mark.parametrize(
    ("problem", "message"),
    [
        ({"type": "x", "title": "Invalid", "detail": "limit is too large"}, "Invalid: limit is too large"),
        ({"title": "Invalid"}, "Invalid"),
        ({"detail": f"not with {CANARY}"}, "not with ***"),
        ({"message": "No.", "title": "Invalid"}, "No."),
        ({"title": 7, "detail": None, "key": CANARY}, ""),
        ([CANARY], ""),
        ({"title": "x" * 501}, "x" * 500),
    ],
)
@pytest.mark.parametrize("kind", ["application/problem+json", "Application/Problem+JSON; charset=utf-8"])
def test_of_problem_details_the_title_and_the_detail_are_shown(problem: object, message: str, kind: str):
    assert refused(as_json(problem), headers={"Content-Type": kind}).message == message


def test_titles_of_other_json_are_not_shown():
    assert refused(as_json({"title": CANARY}), headers={"Content-Type": "application/json"}).message == ""
    assert refused(b"{", headers={"Content-Type": "application/problem+json"}).message == ""


@pytest.mark.fault(102)
@pytest.mark.parametrize(("status", "returns"), [(404, User), (200, Response), (200, User)])
def test_the_forms_of_secrets_are_computed_once_for_a_reply(status: int, returns: Any, monkeypatch: pytest.MonkeyPatch):
    computed: list[object] = []
    forms = redact_module._forms
    monkeypatch.setattr(redact_module, "_forms", lambda *given: computed.append(given) or forms(*given))
    headers = {f"X-{number}": "value" for number in range(20)}
    body = b'{"login": "ada"}'
    with contextlib.suppress(StatusError):
        read(Request("GET", "/me", returns=returns), status, body, headers=headers)
    assert len(computed) == (returns is Response or status == 404)
