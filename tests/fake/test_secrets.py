"""What is replaced in recordings, and what stays."""

import json
import signal

import pytest

from circleci_v1_async.testing._record.secrets import Scrubber, blank

PEM = "-----BEGIN RSA PRIVATE KEY-----\\nMIIB\\n-----END RSA PRIVATE KEY-----\\n"
JOB = "0a1b2c3d-0a1b-4c3d-a1b2-0a1b2c3d4e5f"


def scrub(text: str, path: str = "/api/v1.1/me", **options: object) -> str:
    return Scrubber().scrub(text, path=path, **options)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ('{"selected_email":"ada@acme.example"}', '{"selected_email":"email-1@example.invalid"}'),
        ('["a@b.example","c@d.example","a@b.example"]', None),
        ('{"heroku_api_key":"s3cret"}', '{"heroku_api_key":"key-1"}'),
        ('{ "heroku_api_key" : "s3cret" }', '{ "heroku_api_key" : "key-1" }'),
        ('{:heroku-api-key "s3cret", :login "ada"}', '{:heroku-api-key "key-1", :login "ada"}'),
        ('{"heroku_api_key":null}', '{"heroku_api_key":null}'),
        ('{"id":"1","token":"s3\\"cret"}', '{"id":"1","token":"token-1"}'),
        ('{"slack_webhook_url":"https://hooks.example/x"}', '{"slack_webhook_url":"key-1"}'),
        (f'{{"hostname":"","private_key":"{PEM}"}}', '{"hostname":"","private_key":"private-key-1"}'),
        (f'{{"message":"{PEM} done"}}', '{"message":"private-key-1\\n done"}'),
        ('{"message":"export T=CCIPAT_abcdefghijkl_0123456789"}', '{"message":"export T=token-1"}'),
        ("https://s3.example/x?X-Amz-Date=1&X-Amz-Signature=abc123", None),
        ("apikey=s3cret&x=1", "apikey=key-1&x=1"),
    ],
)
def test_a_secret_is_replaced(text: str, scrubbed: str | None):
    expected = {
        '["a@b.example","c@d.example","a@b.example"]': '["email-1@example.invalid","email-2@example.invalid",'
        '"email-1@example.invalid"]',
        "https://s3.example/x?X-Amz-Date=1&X-Amz-Signature=abc123": "https://s3.example/x?X-Amz-Date=1"
        "&X-Amz-Signature=signature-1",
    }
    assert scrub(text) == (scrubbed or expected[text])


@pytest.mark.parametrize(
    "text",
    [
        f'{{"url":"https://output.example/output/job/{JOB}/artifacts/0/a.txt","node_index":0}}',
        '{"vcs_revision":"c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff","value":"x"}',
        '{"message":"git clone git@github.com:acme/web.git"}',
        '{"public_key":"ssh-rsa AAAA","fingerprint":"c9:0b:1c"}',
        '["token","api_key"]',
    ],
)
def test_what_is_no_secret_stays(text: str):
    assert scrub(text) == text


def test_values_are_secrets_of_variables_alone():
    body = '{"name":"A","value":"xxxx1234"}'
    assert scrub(body, "/api/v1.1/project/gh/acme/web/envvar/A") == '{"name":"A","value":"value-1"}'
    assert scrub(body) == body


def test_the_token_of_the_request_is_replaced_wherever_it_is():
    assert scrub('{"message":"used s3cret-t0ken"}', tokens=["s3cret-t0ken"]) == '{"message":"used token-1"}'
    assert scrub('{"token":"s3cret-t0ken"}', tokens=["s3cret-t0ken"]) == '{"token":"token-1"}'


def test_the_report_names_kinds_counts_and_places_and_no_secret():
    scrubber = Scrubber()
    for path in ("/me", "/projects"):
        scrubber.scrub('{"email":"a@b.example","token":"s3cret"}', path=path, place=f"GET {path}")
    assert scrubber.report() == [
        "token-1: token, 2x, first in GET /me",
        "email-1@example.invalid: e-mail address, 2x, first in GET /me",
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"private_key": PEM.replace("\\n", "\n"), "hostname": "a"},
        {"name": "A", "value": "ada@acme.example is the user"},
        {"apikey": "x"},
    ],
)
def test_a_request_is_like_its_recording_whatever_its_secrets_are(body: dict[str, str]):
    path = "/envvar"
    other = {name: f"other {value}" if name not in {"hostname", "name"} else value for name, value in body.items()}
    recorded = Scrubber().scrub(json.dumps(body), path=path)
    assert blank(recorded, path=path) == blank(json.dumps(body), path=path) == blank(json.dumps(other), path=path)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("a.", 500_000),
        ("a@", 500_000),
        (".b", 500_000),
        ("-----BEGIN PRIVATE KEY-----", 40_000),
        ("A PRIVATE KEY", 80_000),
        ('"token":"', 100_000),
        ('\\"', 500_000),
        (":token ", 150_000),
        ("&_api_key", 100_000),
        ("AKIA-", 200_000),
        (" ", 1_000_000),
    ],
)
@pytest.mark.parametrize("head", ["", "-----BEGIN PRIVATE KEY-----", "x@y", '"token":"', '"output_url"'])
def test_a_megabyte_that_looks_like_secrets_costs_no_more_than_another(head: str, text: str, times: int):
    """Each pattern that reads a part again and again would take minutes, and be interrupted."""

    def interrupt(*_: object) -> None:
        raise AssertionError("30 seconds of work for what takes less than one")

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, 30)
    try:
        scrub(head + text * times, path="/api/v1.1/project/gh/acme/web/envvar")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_many_secrets_are_numbered_one_by_one():
    scrubber = Scrubber()
    text = "".join(f"u{number}@acme.example " for number in range(50_000))
    assert scrubber.scrub(text, path="/").endswith("email-50000@example.invalid ")
    assert len(scrubber.report()) == 50_000


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("git@github.com:acme/web.git", "git@github.com:acme/web.git"),
        ("digit@acme.example", "email-1@example.invalid"),
        ("x-git@acme.example", "email-1@example.invalid"),
        ("nobody@localhost", "nobody@localhost"),
    ],
)
def test_addresses_of_people_are_told_from_others(text: str, scrubbed: str):
    assert scrub(text) == scrubbed
