"""Nothing that a request carries can break the fake: what the service could not show again is refused."""

import asyncio
import io

import pytest
from browser import Browser
from yarl import URL

from circleci_v1_async.testing import FakeCircleCI, ReceivedRequest

WEB = "/project/github/acme/web"
BAD = (400, "Bad request.")
DEEP = b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"
ENDLESS = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

MISTYPED = [
    *((WEB, {name: value}) for name in ("branch", "revision", "tag") for value in (5, True, ["x"], {"x": 1})),
    *((WEB, {"parallel": value}) for value in ("x", 0, -1, 1.5, True, [2])),
    *((WEB, {"build_parameters": value}) for value in ({"a": 1}, {"a": None})),
    *((f"{WEB}/tree/main", {"revision": value}) for value in (5, ["x"])),
    *((f"{WEB}/build", {name: 5}) for name in ("branch", "revision", "tag")),
    *((f"{WEB}/envvar", {"name": "A", "value": value}) for value in (5, None, ["x"])),
    (f"{WEB}/envvar", {"value": "a"}),
    (f"{WEB}/token", {"scope": "status", "label": 5}),
    (f"{WEB}/token", {"scope": "everything", "label": "x"}),
    (f"{WEB}/checkout-key", {"type": ["deploy-key"]}),
    ("/user/heroku-key", {"apikey": 5}),
]


async def check_it_still_answers(browser: Browser) -> None:
    for path in ("/me", "/projects", "/recent-builds", WEB, f"{WEB}/settings", f"{WEB}/envvar", f"{WEB}/token"):
        await browser.json(path)


@pytest.mark.parametrize(("path", "body"), MISTYPED, ids=str)
async def test_a_mistyped_member_is_a_bad_request_and_changes_nothing(browser: Browser, path: str, body: object):
    assert await browser.refusal(path, method="POST", json=body) == BAD
    assert await browser.nums(WEB) == []
    await check_it_still_answers(browser)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"branch":"\ud800"}',
        rb'{"build_parameters":{"\udfff":"x"}}',
        rb'{"x":[{"y":"\ud800"}]}',
        b'{"x":NaN}',
        b'{"x":-Infinity}',
        b'{"x":1e999}',
        b'{"x":' + b"9" * 5_000 + b"}",
        DEEP,
        ENDLESS,
    ],
    ids=["surrogate", "key", "nested", "NaN", "Infinity", "1e999", "5,000 digits", "deep", "endless"],
)
async def test_a_body_that_json_cannot_show_again_is_a_bad_request(browser: Browser, body: bytes):
    assert await browser.refusal(WEB, method="POST", data=body) == BAD
    assert await browser.refusal(f"{WEB}/settings", method="PUT", data=body) == BAD
    await check_it_still_answers(browser)


async def test_flags_may_have_any_value_of_json(browser: Browser):
    flags = {"a": [1, 2.5, None, {"b": False}], "ü": "x"}
    await browser.json(f"{WEB}/settings", method="PUT", json={"feature_flags": flags})
    settings = await browser.json(f"{WEB}/settings")
    assert flags.items() <= settings["feature_flags"].items()
    assert await browser.refusal(f"{WEB}/settings", method="PUT", json={"feature_flags": []}) == BAD
    assert await browser.refusal(f"{WEB}/settings", method="PUT", json={}) == BAD


async def test_a_number_of_any_length_is_the_number_of_no_build(browser: Browser):
    for digits in (18, 19, 5_000):
        assert await browser.refusal(f"{WEB}/{'9' * digits}") == (404, "Build not found")
    assert (await browser.send("GET", f"{WEB}/%D9%A1")).status == 404


async def test_raw_bytes_in_a_path_or_a_query_are_a_bad_request(fake: FakeCircleCI, browser: Browser):
    url = URL(fake.base_url)
    for target in (f"{WEB}/tree/\xff", f"{WEB}/\xff/", f"{WEB}?branch=\xff"):
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = f"GET /api/v1.1{target} HTTP/1.1\r\nHost: x\r\nCircle-Token: {fake.token}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode("latin-1"))
        assert (await reader.readline()).split()[1] == b"400"
        writer.close()
    await check_it_still_answers(browser)


async def test_the_fake_refuses_them_itself_where_aiohttp_has_its_parser_in_python(fake: FakeCircleCI):
    request = ReceivedRequest("api", "POST", f"/api/v1.1{WEB}/tree/\udcff", "", (), (), {}, b"", None)
    assert (await fake._answer(request, None)).status == 400


@pytest.mark.parametrize("path", ["envvar", "heroku-key"])
async def test_a_form_is_as_good_as_json_where_the_service_was_seen_to_take_one(browser: Browser, path: str):
    form = {"data": {"name": "A B", "value": "s3cret=1", "apikey": "x"}}
    if path == "envvar":
        assert await browser.json(f"{WEB}/envvar", method="POST", status=201, **form) == {
            "name": "A B",
            "value": "xxxxet=1",
        }
    else:
        assert (await browser.send("POST", "/user/heroku-key", **form)).body == b'""'
    assert await browser.refusal(f"{WEB}/envvar", method="POST", data={"name": "A"}) == BAD
    assert await browser.refusal(f"{WEB}/envvar", method="POST", data=b"name=A&value=b") == BAD
    assert await browser.refusal(f"{WEB}/token", method="POST", data={"scope": "all", "label": "x"}) == BAD


@pytest.mark.parametrize("value", [["a"], "a", 5])
async def test_build_parameters_that_are_no_map_are_refused_in_the_services_words(browser: Browser, value: object):
    message = "Invalid build_parameters value: must be a map"
    assert await browser.refusal(WEB, method="POST", json={"build_parameters": value}) == (400, message)
    assert await browser.refusal(WEB, method="POST", data={"build_parameters": "a"}) == (400, message)


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(browser: Browser):
    assert (await browser.send("POST", WEB, data=io.BytesIO(b"x" * 2**21))).status == 413
    await check_it_still_answers(browser)
