"""Which token commands send where."""

import pytest
from cli_runner import run, run_beside
from yarl import URL

from circleci_v1_async import InvalidInputError
from circleci_v1_async._cli.login import choose_base_url, parse_login

OFFICIAL = 'host: {}\nendpoint: graphql-unstable\ntoken: {}\nrest_endpoint: api/v2\ntls_cert: ""\n'


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / ".circleci" / "cli.yml"
    file.parent.mkdir()
    return file


async def test_without_a_token_in_the_environment_the_settings_of_circlecis_command_are_used(fake, settings):
    settings.write_text(OFFICIAL.format(URL(fake.base_url).origin(), fake.token))

    result = await run_beside("whoami")

    assert result.exit_code == 0
    assert fake.requests[0].headers["Circle-Token"] == fake.token


async def test_a_token_of_the_environment_goes_to_no_host_of_the_settings(fake, settings, service):
    settings.write_text(OFFICIAL.format("https://elsewhere.invalid", "another-token"))

    result = await run_beside("whoami")

    assert result.exit_code == 0
    assert [request.headers["Circle-Token"] for request in service.requests] == [fake.token]


async def test_a_token_of_the_settings_goes_to_no_address_of_the_environment(fake, settings, monkeypatch):
    settings.write_text(OFFICIAL.format("https://circleci.com", "another-token"))
    monkeypatch.setenv("CIRCLE_API_URL", fake.base_url)

    result = await run_beside("whoami")

    assert result.exit_code == 2
    assert result.output.startswith("Error: Expected a token for 127.0.0.1 in CIRCLE_TOKEN: the token in ")
    assert result.output.endswith(" is only for circleci.com\n")
    assert "another-token" not in result.output
    assert fake.requests == []


async def test_an_address_of_the_environment_at_the_host_of_the_settings_is_used(fake, settings, monkeypatch):
    settings.write_text(OFFICIAL.format(URL(fake.base_url).origin(), fake.token))
    monkeypatch.setenv("CIRCLE_API_URL", fake.base_url)

    assert (await run_beside("whoami")).exit_code == 0


@pytest.mark.parametrize("text", [b"host: https://circleci.com\n", b"\xff", b"token: [s3cret", None])
def test_settings_that_are_no_login_are_as_good_as_none(text, settings):
    if text is not None:
        settings.write_bytes(text)

    result = run("whoami")

    assert result.exit_code == 2
    assert "Expected a token in one of CIRCLE_TOKEN, " in result.output
    assert "s3cret" not in result.output


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just text",
        "- host",
        "token: s3cret",
        "host: https://circleci.com\ntoken: ''",
        "host: ''\ntoken: s3cret",
        "host: https://circleci.com\ntoken: 7",
        "host: https://circleci.com\ntoken: !!python/object:os.system {}",
    ],
)
def test_host_and_token_count_only_as_a_pair(text):
    assert parse_login(text) is None


@pytest.mark.parametrize(
    ("base_url", "is_same"),
    [
        ("https://CircleCI.com:443/api/v1.1", True),
        ("https://circleci.com./api/v1.1", True),
        ("http://circleci.com/api/v1.1", False),
        ("https://circleci.com:8443/api/v1.1", False),
        ("https://circleci.com.evil.example/api/v1.1", False),
    ],
)
def test_a_login_is_for_one_origin(base_url, is_same, tmp_path):
    login = parse_login(OFFICIAL.format("https://circleci.com", "a-token"))
    assert "a-token" not in repr(login)
    if is_same:
        assert choose_base_url(login, base_url, tmp_path) == base_url
    else:
        with pytest.raises(InvalidInputError, match="is only for"):
            choose_base_url(login, base_url, tmp_path)
