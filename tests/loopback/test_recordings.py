"""What CircleCI really sent, sent again over a socket and read by the session."""

import csv
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, Self, get_type_hints
from urllib.parse import unquote

import pytest
from script_server import ScriptServer, reply

from circleci_v1_async import (
    CircleCISession,
    DecodeError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RetryPolicy,
    StatusError,
    dumps,
    loads,
)
from circleci_v1_async.converter._converter import default_converter

if not os.environ.get("CIRCLECI_RECORDINGS"):
    pytest.skip("CIRCLECI_RECORDINGS names no folder of recordings", allow_module_level=True)

FOLDER = Path(os.environ["CIRCLECI_RECORDINGS"])
PROJECT = "gh/acme/web"

Call = Callable[..., Awaitable[Any]]
# By the names in INDEX.tsv.
CALLS: dict[str, tuple[Call, ...]] = {
    "me": (lambda ci: ci.get_current_user(),),
    "projects": (lambda ci: ci.list_projects(),),
    "project_builds": (
        lambda ci: ci.list_project_builds(PROJECT),
        lambda ci: ci.list_project_builds(PROJECT, branch="main"),
    ),
    "recent_builds": (lambda ci: ci.list_recent_builds(),),
    "trigger_build": (lambda ci: ci.trigger_build(PROJECT),),
    "trigger_branch_build": (lambda ci: ci.trigger_branch_build(PROJECT, "main"),),
    "build": (lambda ci, number=7: ci.get_build(PROJECT, number),),
    "retry": (lambda ci: ci.retry_build(PROJECT, 7),),
    "cancel": (lambda ci: ci.cancel_build(PROJECT, 7),),
    "artifacts": (lambda ci: ci.list_build_artifacts(PROJECT, 7),),
    "latest_artifacts": (lambda ci: ci.list_latest_artifacts(PROJECT),),
    "tests": (lambda ci: ci.list_build_tests(PROJECT, 7),),
    "ssh_key": (lambda ci: ci.add_ssh_key(PROJECT, hostname="", private_key="key"),),
    "checkout_keys": (lambda ci: ci.list_checkout_keys(PROJECT),),
    "checkout_key": (
        lambda ci: ci.create_checkout_key(PROJECT, "deploy-key"),
        lambda ci: ci.get_checkout_key(PROJECT, "fingerprint"),
    ),
    "delete_checkout_key": (lambda ci: ci.delete_checkout_key(PROJECT, "fingerprint"),),
    "follow": (lambda ci: ci.follow_project(PROJECT),),
    "unfollow": (lambda ci: ci.unfollow_project(PROJECT),),
    "settings": (lambda ci: ci.get_project_settings(PROJECT),),
    "ssh_users": (lambda ci: ci.add_ssh_users(PROJECT, 7),),
    "build_cache": (lambda ci: ci.clear_build_cache(PROJECT),),
    "heroku_key": (lambda ci: ci.add_heroku_key("key"),),
}
# As the names above; what becomes of these depends on the recording.
CALLS_BY_FILE: dict[str, Call] = {
    "envvars-05.json": lambda ci: ci.add_env_var(PROJECT, "TESTENV", "value"),
    "envvars-06.json": lambda ci: ci.delete_env_var(PROJECT, "TESTENV"),
    "envvars-07.json": lambda ci: ci.list_env_vars(PROJECT),
}
ERROR = "error"
REAL = {"recorded(VCR)", "fixture(recorded)"}
# Endpoints that the session has no method for.
BEYOND = {"enable", "step_output", "user_repos", "webhook_payload"}

# The only wrong values in the recordings, and why.
WRONG_VALUES = {
    f"project_builds-{number}.json": {
        "Build.author_date": "a string of Unix seconds: recorded by pivotal/projectmonitor in 2013 from API v1",
        "Build.committer_date": "likewise",
    }
    for number in (11, 12, 13)
}

# The only keys in the recordings that no model has, and why.
NOT_MODELLED = {
    "BuildDetail.steps.actions.continue": "a keyword of Python, and always null",
    "FollowResult.followed": "read as `following`, its name since 2017",
    "ProjectSettings.branches": "CircleCI leaves them out for good, and was asked to at once",
    "ProjectSettings.vcs-type": "read as `vcs_type`, as it is called elsewhere",
}

# What the error replies say, or how it begins.
ERRORS: dict[str, tuple[type[StatusError], str]] = {
    "error-01.txt": (RateLimitError, "Rate limited."),
    "error-02.json": (NotFoundError, "Not Found"),
    "error-03.json": (NotFoundError, "Not Found"),
    "error-04.json": (PermissionDeniedError, "Permission denied"),
    "error-05.txt": (NotFoundError, "Continuous Integration and Deployment"),
    "error-06.json": (NotFoundError, "Project not found"),
    "error-07.json": (NotFoundError, "Not Found"),
    "error-08.json": (NotFoundError, "checkout key not found"),
    "error-09.json": (PermissionDeniedError, "API rate limit exceeded for 54.210.21.22. (But here's the good news:"),
}


class Recording(NamedTuple):
    file: str
    operation: str
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def content_type(self) -> str:
        if self.file.endswith(".json"):
            return "application/json;charset=utf-8"
        return "text/html" if self.body.startswith(b"<") else "text/plain"


def _recordings() -> Iterator[Recording]:
    with (FOLDER / "INDEX.tsv").open(encoding="utf-8", newline="") as index:
        for row in csv.DictReader(index, delimiter="\t"):
            # What people quote of errors is short enough to be right; other quotes are cut.
            if row["kind"] in REAL or row["operation"] == ERROR:
                status = int(row["HTTP status"] or 200)
                yield Recording(row["file"], row["operation"], status, (FOLDER / row["file"]).read_bytes())


def calls_of(recording: Recording) -> tuple[Call, ...]:
    by_file = CALLS_BY_FILE.get(recording.file)
    return CALLS.get(recording.operation, ()) if by_file is None else (by_file,)


RECORDINGS = list(_recordings())
EXCHANGES = [
    pytest.param(recording, call, id=f"{recording.file}-{call.__code__.co_names[0]}{'-branch' * number}")
    for recording in RECORDINGS
    for number, call in enumerate(calls_of(recording))
]
each_exchange = pytest.mark.parametrize(("recording", "call"), EXCHANGES)
each_error = pytest.mark.parametrize(
    "recording", [pytest.param(r, id=r.file) for r in RECORDINGS if r.operation == ERROR]
)


@asynccontextmanager
async def session_served(recording: Recording, *, strict: bool = False) -> AsyncIterator[CircleCISession]:
    answer = reply(recording.status, recording.body, [("Content-Type", recording.content_type)])
    async with (
        ScriptServer(answer) as server,
        CircleCISession("token", base_url=server.base_url, strict=strict, retry=RetryPolicy(attempts=1)) as ci,
    ):
        yield ci


def promised(call: Call) -> Any:
    """The type that the session's method promises."""
    return get_type_hints(getattr(CircleCISession, call.__code__.co_names[0]))["return"]


def moment(value: Any) -> Any:
    """A time in whatever notation; everything else as it is."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value


class Differences(NamedTuple):
    """How what is on the wire differs from the models made of it."""

    lost: set[str]
    changed: set[str]

    @classmethod
    def between(cls, wire: Any, result: Any) -> Self:
        found = cls(set(), set())
        model = result[0] if isinstance(result, list) and result else result
        found._walk(wire, json.loads(dumps(result)), type(model).__name__)
        return found

    def _walk(self, wire: Any, model: Any, path: str) -> None:
        match wire, model:
            case dict(), dict():
                # The names of branches are percent-encoded by the service more than they need be.
                wire = {unquote(key): value for key, value in wire.items()}
                model = {unquote(key): value for key, value in model.items()}
                self.lost.update(f"{path}.{key}" for key in wire.keys() - model.keys())
                for key in wire.keys() & model.keys():
                    self._walk(wire[key], model[key], f"{path}.{key}")
            case list(), list() if len(wire) == len(model):
                for wire_item, item in zip(wire, model, strict=True):
                    self._walk(wire_item, item, path)
            case ((None | ""), (None | [])):
                pass
            case _ if moment(wire) != moment(model):
                self.changed.add(path)


def test_every_recording_is_of_an_operation_or_of_an_endpoint_that_the_session_has_no_method_for():
    assert {recording.operation for recording in RECORDINGS if not calls_of(recording)} <= {ERROR} | BEYOND


def ask(ci: CircleCISession, call: Call, recording: Recording) -> Awaitable[Any]:
    """Call for what was recorded: a build is only taken for the one that was asked for."""
    return call(ci, recording.json["build_num"]) if call in CALLS["build"] else call(ci)


@each_exchange
async def test_a_recording_comes_back_typed_with_every_value_and_no_warning(
    recording: Recording, call: Call, caplog: pytest.LogCaptureFixture
):
    # The shared converter logs each kind once.
    default_converter.cache_clear()
    with caplog.at_level(logging.WARNING, logger="circleci_v1_async"):
        async with session_served(recording) as ci:
            result = await ask(ci, call, recording)
    wrong = WRONG_VALUES.get(recording.file, {})

    assert Differences.between(recording.json, result).changed == wrong.keys()
    assert len(caplog.records) == len(wrong)
    assert loads(dumps(result), promised(call)) == result


@each_exchange
async def test_a_strict_session_refuses_only_the_recordings_that_have_wrong_values(recording: Recording, call: Call):
    async with session_served(recording, strict=True) as ci:
        if recording.file in WRONG_VALUES:
            with pytest.raises(DecodeError) as caught:
                await ask(ci, call, recording)
            assert caught.value.path.replace("$[0]", "Build") in WRONG_VALUES[recording.file]
        else:
            await ask(ci, call, recording)


def test_the_keys_without_a_field_are_those_that_are_listed():
    lost = {
        key
        for exchange in EXCHANGES
        for recording, call in [exchange.values]
        if promised(call) is not NoneType
        for key in Differences.between(recording.json, loads(recording.body, promised(call))).lost
    }
    assert lost == NOT_MODELLED.keys()


@each_error
async def test_an_error_reply_is_raised_with_what_it_says(recording: Recording):
    kind, message = ERRORS[recording.file]
    async with session_served(recording) as ci:
        with pytest.raises(kind) as caught:
            await ci.get_build(PROJECT, 7)
    assert type(caught.value) is kind
    assert caught.value.status == recording.status
    assert caught.value.message.startswith(message)
