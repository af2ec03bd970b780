"""What the fake answers is made of what CircleCI really sent: every key and every JSON type was recorded.

A reply's shape is the set of its places, each with a JSON type. `openapi.yml` with its overlay says what may be there;
the recordings say what was.
"""

import csv
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from contract import exchanges

if not os.environ.get("CIRCLECI_RECORDINGS"):
    pytest.skip("CIRCLECI_RECORDINGS names no folder of recordings", allow_module_level=True)

FOLDER = Path(os.environ["CIRCLECI_RECORDINGS"])
REAL = {"recorded(VCR)", "fixture(recorded)"}
Shape = set[tuple[str, str]]

# What an operation's replies are, by the names in INDEX.tsv. A build is the same object wherever it is sent: in one
# piece, in a list, or as the answer to a command.
BUILD = frozenset(
    {
        "build",
        "cancel",
        "project_builds",
        "recent_builds",
        "retry",
        "ssh_users",
        "trigger_branch_build",
        "trigger_build",
    }
)
RECORDED_AS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("get_build", "list_branch_builds", "list_project_builds", "list_recent_builds"), BUILD),
    **dict.fromkeys(("trigger_build", "trigger_branch_build", "retry_build", "retry_build_with_ssh"), BUILD),
    **dict.fromkeys(("cancel_build", "add_ssh_users"), BUILD),
    **dict.fromkeys(("list_build_artifacts", "list_latest_artifacts"), frozenset({"artifacts"})),
    **dict.fromkeys(("add_env_var", "delete_env_var", "get_env_var", "list_env_vars"), frozenset({"envvars"})),
    "get_current_user": frozenset({"me"}),
    "list_projects": frozenset({"projects"}),
    "follow_project": frozenset({"follow"}),
    "unfollow_project": frozenset({"unfollow"}),
    "get_project_settings": frozenset({"settings"}),
    **dict.fromkeys(("enable_project", "disable_project"), frozenset({"enable", "projects", "settings"})),
    "list_build_tests": frozenset({"tests"}),
    "list_checkout_keys": frozenset({"checkout_keys"}),
    "create_checkout_key": frozenset({"checkout_key"}),
    "get_checkout_key": frozenset({"checkout_key"}),
    "delete_checkout_key": frozenset({"delete_checkout_key"}),
    "clear_build_cache": frozenset({"build_cache"}),
    "add_heroku_key": frozenset({"heroku_key"}),
    "trigger_pipeline": frozenset({"trigger_pipeline"}),
}

# The operations whose replies nobody has recorded, and what is known of them.
UNRECORDED = {
    "add_ssh_key": '`""`, recorded in 2017 elsewhere',
    "delete_ssh_key": "as add_ssh_key",
    "update_project_settings": "a bare JSON string: a client's notes",
    "create_project_token": "CircleCI's former web front end, which shows the token once",
    "list_project_tokens": "likewise, without the token",
    "delete_project_token": "`message`, as every other deletion",
}

# What the fake sends although no recording has it, and why.
EXCEPTIONS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "the one Bitbucket build that is known, recorded elsewhere": (
        "build",
        (
            ("all_commit_details[].committer_email", "null"),
            ("all_commit_details[].committer_login", "null"),
            ("all_commit_details[].committer_name", "null"),
            ("user.id", "string"),
        ),
    ),
    "shallow lists: two samples, and CircleCI's changelog of 2026": ("build", (("fleet", "null"),)),
    "users with SSH access: two builds, recorded elsewhere": (
        "build",
        (
            ("ssh_users[]", "object"),
            ("ssh_users[].external_id", "number"),
            ("ssh_users[].login", "string"),
            ("ssh_users[].type", "string"),
        ),
    ),
    "no build was recorded while its steps ran": (
        "build",
        (("steps[].actions[].end_time", "null"), ("steps[].actions[].run_time_millis", "null")),
    ),
    "no build of a tag was recorded": ("build", (("vcs_tag", "string"),)),
    "users without a name, and whom no one asked whether they are admins": (
        "get_current_user",
        (("admin", "null"), ("name", "null")),
    ),
    "a failed test: CircleCI's docs; the samples have none": (
        "list_build_tests",
        (("tests[].file", "string"), ("tests[].message", "string")),
    ),
    "a user's key: CircleCI's docs; the keys recorded when made belong to projects": (
        "create_checkout_key",
        (("login", "string"),),
    ),
    "the name of `followed` since 2017": ("unfollow_project", (("following", "boolean"),)),
}

# Objects whose keys are data.
MAPPINGS = {
    *("branches", "build_parameters", "identities", "latest_completed_workflows", "latest_workflows"),
    *("organization_prefs", "projects"),
}


def shape(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The places in a JSON value. Lists of things are as one thing: a list of builds has the shape of a build."""
    match value:
        case dict():
            yield path, "object"
            for key, child in value.items():
                yield from shape(child, f"{path}.{'*' if path.rsplit('.', 1)[-1] in MAPPINGS else key}".lstrip("."))
        case list():
            if path:
                yield path, "array"
            for child in value:
                yield from shape(child, path and f"{path}[]")
        case bool():
            yield path, "boolean"
        case int() | float():
            yield path, "number"
        case str():
            yield path, "string"
        case _:
            yield path, "null"


@cache
def recorded(operations: frozenset[str]) -> Shape:
    """What was recorded of them. Where nothing was, what people wrote down counts."""
    with (FOLDER / "INDEX.tsv").open(encoding="utf-8", newline="") as index:
        rows = [row for row in csv.DictReader(index, delimiter="\t") if row["operation"] in operations]
    real = [row for row in rows if row["kind"] in REAL]
    return {place for row in real or rows for place in shape(json.loads((FOLDER / row["file"]).read_bytes()))}


def sent(operation: str) -> Shape:
    """What the fake sends."""
    replies = (e.body for e in exchanges().values() if e.request.operation == operation)
    return {place for body in replies for place in shape(json.loads(body))}


def unrecorded(operation: str) -> Shape:
    return sent(operation) - recorded(RECORDED_AS[operation])


def concerns(name: str, operation: str) -> bool:
    """Whether an exception under this name is one for the operation."""
    return name == operation or name in RECORDED_AS[operation]


@pytest.mark.parametrize("operation", RECORDED_AS)
def test_a_reply_of_the_fake_has_no_place_that_was_not_recorded(operation: str):
    excepted = (places for name, places in EXCEPTIONS.values() if concerns(name, operation))
    assert unrecorded(operation) <= {place for places in excepted for place in places}


@pytest.mark.parametrize("reason", EXCEPTIONS)
def test_no_exception_is_made_in_vain(reason: str):
    name, places = EXCEPTIONS[reason]
    assert set(places) <= {
        place for operation in RECORDED_AS if concerns(name, operation) for place in unrecorded(operation)
    }


def test_every_operation_was_recorded_or_is_known_not_to_be():
    assert {e.request.operation for e in exchanges().values()} == RECORDED_AS.keys() | UNRECORDED.keys()
