"""How a reply becomes a value or an error, without a loop or a socket."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from circleci_v1_async import DecodeError, Message, PipelineResult, Request, StatusError, User
from circleci_v1_async._codec import Decoder
from circleci_v1_async._reply import locate_decode_error, read_reply, redact
from circleci_v1_async.request import Response

BOM = b"\xef\xbb\xbf"
CANARY = "canary-7c1e"
GET = Request("GET", "/me", returns=User)
DELETE = Request("DELETE", "/me", returns=None)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def read(request: Request[Any], status: int, body: bytes = b"", **options: Any) -> Any:
    context = {"token": CANARY, "maybe_done": False, "now": 0.0}
    headers = CIMultiDict({"Content-Type": "text/html"})
    return read_reply(request, Response(status, headers, body), Decoder(), **(context | options))


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
    assert read(DELETE, 404, maybe_done=True) is None
    assert read(Request("DELETE", "/me", returns=Message), 404, b"<html>", maybe_done=True) == Message(message=None)
    assert read(Request("DELETE", "/me"), 404, b'{"message": "key not found"}', maybe_done=True) == {}
    assert refused(b"", DELETE, 404).status == 404
    assert refused(b"", DELETE, 409, maybe_done=True).status == 409
    assert refused(b"", GET, 404, maybe_done=True).status == 404


def test_a_status_within_a_success_counts():
    request = Request("POST", "/x", returns=PipelineResult)
    assert refused(as_json({"status": 409, "body": CANARY}), request, 200).message == "***"
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
    ids=lambda value: repr(value[:24]),
)
def test_of_html_the_title_is_shown(page: bytes, title: str):
    assert refused(page, status=502).message == title
    assert not_decoded(page).reason == (f"HTML instead of JSON: {title}" if title else "HTML instead of JSON")


@pytest.mark.fault(42)
@pytest.mark.parametrize("echo", [b"a<b", b"a&lt;b"])
def test_a_token_in_a_title_is_redacted_however_it_is_written(echo: bytes):
    assert refused(b"<title>No: " + echo + b"</title>", token="a<b").message == "No: ***"


@pytest.mark.fault(90)
def test_characters_that_do_not_print_are_escaped_where_a_reply_is_quoted():
    forged = "No.\r\n2026-11-24 INFO all is well\x1b[2K\x9b1m\u202e\u2028."
    escaped = r"No.\r\n2026-11-24 INFO all is well\x1b[2K\x9b1m\u202e\u2028."
    assert refused(as_json({"message": forged})).message.startswith(escaped)
    assert refused(forged.encode(errors="replace")).message.startswith(escaped)
    error = locate_decode_error(
        DecodeError("Odd\x1b", "$.\n"), GET, Response(200, {"Content-Type": "a\x1b/b"}, b""), None
    )
    assert (error.reason, error.path, error.content_type) == ("Odd\\x1b", "$.\\n", "a\\x1b/b")


def test_a_decode_error_says_what_it_is_about():
    error = not_decoded(b"[]")
    assert (error.request, error.status, error.content_type, error.size) == (GET, 200, "text/html", 2)


def test_without_a_token_nothing_is_redacted():
    assert redact("anything", None) == "anything"


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
    ids=lambda value: repr(value[:24]),
)
def test_what_an_error_reply_says(body: bytes, message: str):
    assert refused(body).message == message


@pytest.mark.fault(1)
@given(st.binary())
def test_an_error_reply_may_be_anything(body: bytes):
    assert len(refused(body).message) <= 500
