"""How a reply becomes a value or an error, without a loop or a socket."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from circleci_v1_async import DecodeError, PipelineResult, Request, StatusError, User
from circleci_v1_async._codec import Decoder
from circleci_v1_async._reply import read_reply, redact
from circleci_v1_async._secret import Secret
from circleci_v1_async.request import Response

BOM = b"\xef\xbb\xbf"
CANARY = "canary-7c1e"
GET = Request("GET", "/me", returns=User)
DELETE = Request("DELETE", "/me", returns=None)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def read(request: Request[Any], status: int, body: bytes = b"", **options: Any) -> Any:
    context = {"token": Secret(CANARY), "attempts": 1, "maybe_done": False, "now": 0.0}
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


def test_a_404_is_a_success_of_a_delete_that_may_have_been_done_before():
    assert read(DELETE, 404, maybe_done=True) is None
    assert refused(b"", DELETE, 404).status == 404
    assert refused(b"", DELETE, 409, maybe_done=True).status == 409
    assert refused(b"", GET, 404, maybe_done=True).status == 404


def test_a_status_within_a_success_counts():
    request = Request("POST", "/x", returns=PipelineResult)
    assert refused(as_json({"status": 409, "body": CANARY}), request, 200).message == "***"
    assert read(request, 200, as_json({"status": 201})).status == 201


@pytest.mark.parametrize("room", range(len(CANARY) + 2))
@pytest.mark.parametrize("form", ["{}", '{{"message": "{}"}}', "<p>{}"], ids=["text", "JSON", "HTML"])
def test_a_token_that_would_be_cut_is_redacted_before(form: str, room: int):
    shown = 200 if form.startswith("<") else 500
    body = form.format("x" * (shown - room) + CANARY + "y" * 600).encode()
    assert "canary"[:3] not in refused(body).message
    assert not form.startswith("<") or "can" not in not_decoded(body).reason


def test_html_is_shown_up_to_200_characters():
    html = b"\n<html>" + b"x" * 300
    assert not_decoded(html).reason == f"HTML instead of JSON: <html>{'x' * 194}"
    assert not_decoded(BOM + html).reason == f"HTML instead of JSON: <html>{'x' * 194}"
    assert not_decoded(b"<!DOCTYPE html>\n<html>  <p>").reason == "HTML instead of JSON: <!DOCTYPE html> <html> <p>"


def test_a_decode_error_says_what_it_is_about():
    error = not_decoded(b"[]")
    assert (error.request, error.status, error.content_type, error.size) == (GET, 200, "text/html", 2)


def test_without_a_secret_nothing_is_redacted():
    assert redact("anything", request=GET, token=None) == "anything"
    assert redact("password", request=Request("POST", "/x", body=["password"]), token=None) == "password"
    assert redact("password", request=Request("POST", "/x", body={"branch": "password"}), token=None) == "password"


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
    assert redact(f"Not with {quoted}.", request=request, token=None) == "Not with ***."


@pytest.mark.fault(103)
@pytest.mark.parametrize("value", ["seven77", {"A": "seven77", "longer-than-eight": ""}])
def test_a_secret_of_less_than_eight_characters_stays(value: object):
    request = Request("POST", "/x", body={"value": Secret(value)})
    text = "seven77 longer-than-eight"
    assert redact(text, request=request, token=None) == text


@pytest.mark.fault(103)
def test_of_secrets_within_each_other_the_longest_is_redacted():
    request = Request("POST", "/x", body={"a": Secret("password"), "b": Secret("password-of-ada")})
    assert redact("password-of-ada, password", request=request, token=Secret("word")) == "***, ***"


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
        read_reply(
            request,
            Response(status, CIMultiDict(headers), b"<html>"),
            Decoder(),
            token=Secret(CANARY),
            attempts=1,
            maybe_done=False,
            now=0.0,
        )
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
        ("Zu viele Anfragen: ünï".encode(), "Zu viele Anfragen: ünï"),
        (b"x" * 501, "x" * 500),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"<html>\n<p>502\n" + b"x" * 8192, f"<html> <p>502 {'x' * 186}"),
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
