"""Models: values, each field explained, nothing secret shown."""

import ast
import copy
import inspect
import json
import pickle
import re
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest
from model_payloads import MODELS, full
from rich.pretty import pretty_repr

from circleci_v1_async import make_converter, models
from circleci_v1_async.enums import BuildStatus, Lifecycle, Outcome, VcsType
from circleci_v1_async.models import (
    Artifact,
    BranchBuild,
    Build,
    BuildDetail,
    BuildSummary,
    CheckoutKey,
    EnvVar,
    PipelineResult,
    Project,
    ProjectSettings,
    PullRequest,
    StepOutput,
    TestMetadata,
    TestReport,
    User,
    Workflow,
)
from circleci_v1_async.slug import ProjectSlug

EACH = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
CONVERTER = make_converter(strict=True)
WEB = ProjectSlug("github", "acme", "web")
# Fields whose name does not give them away.
SECRET = {"output_url", "build_parameters", "aws", "jira", "pusher_id", "value"}
HIDDEN_SETTINGS = {
    *("aws", "campfire_token", "flowdock_api_token", "hipchat_api_token", "irc_password", "jira", "slack_api_token"),
    *("slack_integration_access_token", "slack_integration_webhook_url", "slack_webhook_url"),
}
SECRET_WORDS = re.compile(r"token|api_key|password|webhook|private")
SECRET_VALUES = re.compile("the [a-z_]*(token|api_key|password|webhook|output_url|value)")
REQUIRED = {
    Artifact: {"path", "url"},
    CheckoutKey: {"fingerprint"},
    EnvVar: {"name"},
    PipelineResult: {"status"},
    StepOutput: {"message"},
}


def filled(model: type) -> Any:
    return CONVERTER.loads(json.dumps(full(model)), model)


@EACH
def test_a_model_is_frozen_slotted_and_keyword_only(model: type):
    value = filled(model)
    for field in attrs.fields(model):
        assert field.kw_only
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field.name, None)
    assert not hasattr(value, "__dict__")
    with pytest.raises(TypeError):
        model(1)


@EACH
def test_a_model_pickles_and_copies(model: type):
    value = filled(model)
    for again in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):  # noqa: S301 - our own
        assert again == value
        assert type(again) is model


@EACH
def test_everything_is_optional_but_what_a_model_is_nothing_without(model: type):
    needed = {field.name for field in attrs.fields(model) if field.default is attrs.NOTHING}
    assert needed == (REQUIRED.get(model) or {"build_num"} & {field.name for field in attrs.fields(model)})
    bare = model(**dict.fromkeys(needed, 1))
    for field in attrs.fields(model):
        if field.name not in needed:
            assert getattr(bare, field.name) == (None if types.NoneType in get_args(field.type) else ())


@pytest.mark.fault(42)
@EACH
def test_no_secret_is_in_a_repr(model: type):
    for field in attrs.fields(model):
        is_secret = field.name in SECRET or SECRET_WORDS.search(field.name) is not None
        assert field.repr is not is_secret, field.name
    value = filled(model)
    assert not SECRET_VALUES.search(repr(value))


@EACH
def test_a_repr_shows_what_is_there_and_nothing_else(model: type):
    value = filled(model)
    shown = {field.name: getattr(value, field.name) for field in attrs.fields(model) if field.repr}
    assert repr(value) == f"{model.__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
    needed = {field.name: 1 for field in attrs.fields(model) if field.default is attrs.NOTHING}
    assert repr(model(**needed)) == f"{model.__name__}({', '.join(f'{name}=1' for name in needed)})"


def test_the_secrets_that_are_known_are_all_hidden():
    hidden = {f"{model.__name__}.{field.name}" for model in MODELS for field in attrs.fields(model) if not field.repr}
    assert hidden == {
        "Action.output_url",
        "Build.build_parameters",
        "BuildDetail.build_parameters",
        "EnvVar.value",
        "ProjectToken.token",
        *(f"{model}.{field}" for model in ("Project", "ProjectSettings") for field in HIDDEN_SETTINGS),
        "User.heroku_api_key",
        "User.pusher_id",
    }


@pytest.mark.fault(42)
@EACH
def test_rich_shows_what_the_repr_shows(model: type):
    value = filled(model)
    shown = pretty_repr(value, max_width=1_000_000)
    assert shown == repr(value)
    assert not SECRET_VALUES.search(pretty_repr(value, max_width=80))


def described_fields() -> Iterator[tuple[str, str, str | None]]:
    """Each field that the sources annotate: its model, its name, and the string under it."""
    for path in sorted(Path(inspect.getfile(models)).parent.glob("[!_]*.py")):
        for model in ast.parse(path.read_text()).body:
            if not isinstance(model, ast.ClassDef) or model.name == "Model":
                continue
            for statement, below in zip(model.body, [*model.body[1:], None], strict=True):
                match statement, below:
                    case ast.AnnAssign(annotation=annotation), _ if "ClassVar" in ast.unparse(annotation):
                        pass
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as text)):
                        yield model.name, name, text
                    case ast.AnnAssign(target=ast.Name(id=name)), _:
                        yield model.name, name, None


def test_every_field_has_a_description_under_it():
    described = list(described_fields())
    for model, name, text in described:
        assert text is not None, f"{model}.{name}"
        assert re.fullmatch(r"[A-Z].*\.", text.strip(), re.DOTALL), f"{model}.{name}"
    assert {(model, name) for model, name, _ in described} == {
        (model.__name__, name) for model in MODELS for name in inspect.get_annotations(model) if name != "__test__"
    }


@EACH
def test_a_model_says_in_a_sentence_or_two_what_it_is(model: type):
    assert model.__doc__ is not None
    assert re.fullmatch(r"[A-Z].*\.", model.__doc__.strip(), re.DOTALL)
    assert "Attributes:" not in model.__doc__


def test_models_extend_each_other_as_the_service_does():
    assert BuildDetail.__mro__[:3] == (BuildDetail, Build, BuildSummary)
    assert issubclass(BranchBuild, BuildSummary)
    assert issubclass(Project, ProjectSettings)
    assert [field.name for field in attrs.fields(BuildSummary)] == ["build_num", "build_url", "status", "vcs_revision"]


def test_all_public_models_are_exported():
    assert set(models.__all__) == {model.__name__ for model in MODELS} - {"TestReport"} | {"model"}


def test_pytest_collects_no_model():
    assert TestMetadata.__test__ is False
    assert TestReport.__test__ is False


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"vcs_url": "https://github.com/acme/web", "build_url": "b"}, ("https://github.com/acme/web", 7)),
        ({"build_url": "https://circleci.com/gh/acme/web/7"}, ("https://circleci.com/gh/acme/web/7", 7)),
        ({"vcs_url": "", "build_url": "b"}, ("b", 7)),
        ({}, (None, 7)),
    ],
)
def test_the_key_of_a_build(fields: dict[str, Any], key: tuple[str | None, int]):
    assert Build(build_num=7, **fields).key == key
    assert BuildDetail(build_num=7, **fields).key == key


@pytest.mark.parametrize(
    ("fields", "project"),
    [
        ({"vcs_type": VcsType.GITHUB, "username": "acme", "reponame": "web"}, WEB),
        # Shallow items have no vcs_type.
        ({"username": "acme", "reponame": "web", "vcs_url": "https://github.com/acme/web"}, WEB),
        ({"username": "acme", "reponame": "web", "build_url": "https://circleci.com/gh/acme/web/7"}, WEB),
        ({"build_url": "https://circleci.com/bb/acme/web/7"}, ProjectSlug("bitbucket", "acme", "web")),
        ({"build_url": "https://circleci.acme.example/gh/acme/web/7"}, WEB),
        # What people see is not how the API names it.
        (
            {
                "build_url": "https://circleci.com/circleci/43G3kM5R/9e9f3d70/7",
                "vcs_type": VcsType.CIRCLECI,
                "username": "Acme",
                "reponame": "web",
            },
            ProjectSlug("circleci", "43G3kM5R", "9e9f3d70"),
        ),
        ({"vcs_type": VcsType("sourcehut"), "username": "acme", "reponame": "web"}, None),
        (
            {"vcs_type": VcsType("sourcehut"), "username": "a", "reponame": "b", "vcs_url": "git@github.com:acme/web"},
            WEB,
        ),
        ({"vcs_type": VcsType.GITHUB, "username": "acme"}, None),
        ({"vcs_type": VcsType.GITHUB, "username": "a/b", "reponame": "web"}, None),
        ({"build_url": "https://circleci.com/", "vcs_url": "https://git.acme.example/acme/web"}, None),
        ({"build_url": "", "vcs_url": ""}, None),
        ({}, None),
    ],
)
def test_the_project_of_a_build(fields: dict[str, Any], project: ProjectSlug | None):
    assert Build(build_num=7, **fields).project == project


def test_a_summary_of_a_build_says_where_it_belongs_by_its_url():
    assert BuildSummary(build_num=7, build_url="https://circleci.com/gh/acme/web/7").project == WEB
    assert BranchBuild(build_num=7).project is None


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"vcs_type": VcsType.GITHUB, "username": "acme", "reponame": "web"}, WEB),
        ({"vcs_url": "https://github.com/acme/web"}, WEB),
        (
            {
                "vcs_type": VcsType("sourcehut"),
                "username": "a",
                "reponame": "b",
                "vcs_url": "https://github.com/acme/web",
            },
            WEB,
        ),
        ({"vcs_url": "https://git.acme.example/acme/web"}, None),
        ({}, None),
    ],
)
def test_the_slug_of_a_project(fields: dict[str, Any], slug: ProjectSlug | None):
    assert Project(**fields).slug == slug


@pytest.mark.parametrize(
    ("lifecycle", "status", "outcome", "stopped", "finished"),
    [
        ("finished", "success", "success", True, True),
        ("finished", "failed", "failed", True, True),
        ("finished", None, None, False, True),
        ("not_run", "not_run", None, False, True),
        ("not_run", None, None, False, True),
        # Recorded; they will never change again.
        ("scheduled", "not_run", None, False, True),
        ("scheduled", "canceled", "canceled", False, True),
        ("queued", "queued", None, False, False),
        ("scheduled", "scheduled", None, False, False),
        ("not_running", "not_running", None, False, False),
        ("running", "running", None, False, False),
        ("running", "running", "failed", False, True),
        ("running", "brand_new", None, True, True),
        ("brand_new", "brand_new", None, False, False),
        ("brand_new", "brand_new", "brand_new", False, True),
        (None, "brand_new", None, False, False),
        (None, "success", None, False, False),
        (None, "not_run", None, False, True),
        (None, None, "", False, False),
        (None, None, None, True, True),
        (None, None, None, False, False),
    ],
)
def test_whether_a_build_is_finished(lifecycle, status, outcome, stopped, finished):
    build = Build(
        build_num=7,
        lifecycle=lifecycle and Lifecycle(lifecycle),
        status=status and BuildStatus(status),
        outcome=None if outcome is None else Outcome(outcome),
        stop_time=filled(Build).stop_time if stopped else None,
    )
    assert build.is_finished is finished


def test_a_secret_is_an_attribute_like_others():
    assert User(heroku_api_key="s3cret").heroku_api_key == "s3cret"
    assert User(heroku_api_key="s3cret") != User()


# The outcome and the status of a build, which three flags it has, and whether it is a success or a failure.
ENDS = [
    ("success", "success", (), "success"),
    ("success", "fixed", (), "success"),
    # Recorded: a workflow's job whose status lags behind.
    ("success", "running", (), "success"),
    ("failed", "failed", ("failed",), "failure"),
    # Recorded: `failed` is null on time-outs.
    ("timedout", "timedout", ("timedout",), "failure"),
    ("timedout", "timedout", (), "failure"),
    ("infrastructure_fail", "infrastructure_fail", ("failed", "infrastructure_fail"), "failure"),
    ("infrastructure_fail", "retried", ("failed", "infrastructure_fail"), "failure"),
    ("canceled", "canceled", (), None),
    # The outcome decides also when a step had failed before somebody cancelled the build.
    ("canceled", "canceled", ("failed",), None),
    ("no_tests", "no_tests", (), None),
    ("brand_new", "failed", (), None),
    # Recorded: an empty outcome is none.
    ("", "success", (), "success"),
    ("", "failed", (), "failure"),
    (None, "success", (), "success"),
    (None, "fixed", (), "success"),
    (None, "failed", (), "failure"),
    (None, "timedout", (), "failure"),
    (None, "infrastructure_fail", (), "failure"),
    (None, "canceled", (), None),
    (None, "no_tests", (), None),
    (None, "retried", (), None),
    (None, "retried", ("failed",), "failure"),
    (None, "success", ("infrastructure_fail",), "failure"),
    (None, "brand_new", ("timedout",), "failure"),
    (None, None, ("failed",), "failure"),
    (None, "killed", (), None),
    (None, "not_run", (), None),
    (None, "running", (), None),
    (None, "queued", (), None),
    (None, "scheduled", (), None),
    (None, "not_running", (), None),
    (None, "brand_new", (), None),
    (None, None, (), None),
]


@pytest.mark.parametrize(("outcome", "status", "flags", "end"), ENDS)
def test_whether_a_build_is_a_success_or_a_failure(outcome, status, flags, end):
    build = Build(
        build_num=7,
        outcome=None if outcome is None else Outcome(outcome),
        status=status and BuildStatus(status),
        **dict.fromkeys(flags, True),
    )
    assert (build.is_success, build.is_failure) == (end == "success", end == "failure")


@pytest.mark.parametrize(("outcome", "status", "flags", "end"), [row for row in ENDS if not row[2]])
def test_whether_a_build_of_a_branch_is_a_success_or_a_failure(outcome, status, flags, end):
    assert not flags
    build = BranchBuild(
        build_num=7,
        outcome=None if outcome is None else Outcome(outcome),
        status=status and BuildStatus(status),
    )
    assert (build.is_success, build.is_failure) == (end == "success", end == "failure")


@pytest.mark.parametrize(
    ("status", "end"), [("success", "success"), ("fixed", "success"), ("timedout", "failure"), ("running", None)]
)
def test_whether_the_summary_of_a_build_is_a_success_or_a_failure(status, end):
    build = BuildSummary(build_num=7, status=BuildStatus(status))
    assert (build.is_success, build.is_failure) == (end == "success", end == "failure")


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "duration"),
    [
        ({"build_time_millis": 53_597}, timedelta(seconds=53.597)),
        ({"build_time_millis": 0}, timedelta(0)),
        ({"build_time_millis": 10**17}, None),
        ({"build_time_millis": -(10**400)}, None),
        ({"build_time_millis": 5, "start_time": NOON, "stop_time": NOON}, timedelta(milliseconds=5)),
        ({"start_time": NOON, "stop_time": NOON + timedelta(minutes=2)}, timedelta(minutes=2)),
        ({"start_time": NOON, "stop_time": NOON}, timedelta(0)),
        # Recorded, of builds that CircleCI retried by itself.
        ({"start_time": NOON, "stop_time": NOON - timedelta(minutes=1)}, None),
        # It runs.
        ({"start_time": NOON}, None),
        # It was cancelled before it started.
        ({"stop_time": NOON}, None),
        ({}, None),
    ],
)
def test_the_duration_of_a_build(fields: dict[str, Any], duration: timedelta | None):
    assert Build(build_num=7, **fields).duration == duration


@pytest.mark.parametrize(
    ("fields", "queue_time"),
    [
        ({"usage_queued_at": NOON, "start_time": NOON + timedelta(seconds=9)}, timedelta(seconds=9)),
        (
            {
                "usage_queued_at": NOON,
                "queued_at": NOON + timedelta(seconds=4),
                "start_time": NOON + timedelta(seconds=9),
            },
            timedelta(seconds=9),
        ),
        ({"queued_at": NOON, "start_time": NOON + timedelta(seconds=9)}, timedelta(seconds=9)),
        ({"queued_at": NOON, "start_time": NOON}, timedelta(0)),
        ({"queued_at": NOON, "start_time": NOON - timedelta(seconds=1)}, None),
        ({"queued_at": NOON}, None),
        ({"start_time": NOON}, None),
        ({}, None),
    ],
)
def test_the_time_that_a_build_waited(fields: dict[str, Any], queue_time: timedelta | None):
    assert Build(build_num=7, **fields).queue_time == queue_time


@pytest.mark.parametrize(
    ("fields", "job"),
    [
        ({"workflows": Workflow(job_name="test"), "job_name": None}, "test"),
        ({"workflows": Workflow(job_name="test"), "job_name": "other"}, "test"),
        ({"workflows": Workflow(), "job_name": "test"}, "test"),
        ({"job_name": "test"}, "test"),
        ({"workflows": Workflow()}, None),
        ({}, None),
    ],
)
def test_the_job_of_a_build(fields: dict[str, Any], job: str | None):
    assert Build(build_num=7, **fields).job == job


@pytest.mark.parametrize(
    ("url", "numbers"),
    [
        ("https://github.com/acme/web/pull/71", (71,)),
        ("https://github.com/acme/web/pull/71/", (71,)),
        ("https://github.com/acme/web/pull/71/files", (71,)),
        ("https://github.com/acme/web/pull/71#discussion_r1", (71,)),
        ("https://github.com/acme/web/pull/71?w=1", (71,)),
        ("https://github.acme.example/acme/web/pull/71", (71,)),
        ("https://bitbucket.org/acme/web/pull-requests/12", (12,)),
        ("https://bitbucket.org/acme/web/pull-requests/12/add-a-cart", (12,)),
        ("https://git.acme.example/projects/ACME/repos/web/pull-requests/12/overview", (12,)),
        ("https://gitlab.com/acme/shop/web/-/merge_requests/3", (3,)),
        # Names like those of the pages.
        ("https://github.com/pull/7/pull/9", (9,)),
        ("https://github.com/acme/pull/pull/9", (9,)),
        ("https://github.com/acme/web/pull/9?next=/acme/web/pull/8", (9,)),
        # Something else.
        ("https://github.com/acme/web/issues/71", ()),
        ("https://github.com/acme/web/pull/new", ()),
        ("https://github.com/acme/web/pull/71a", ()),
        ("https://github.com/acme/web/pull/\u0667\u0661", ()),
        (f"https://github.com/acme/web/pull/{'7' * 5000}", ()),
        ("https://github.com/acme/web/pull/", ()),
        ("71", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_the_number_in_the_url_of_a_pull_request(url: str | None, numbers: tuple[int, ...]):
    assert Build(build_num=7, pull_requests=(PullRequest(url=url),)).pull_request_numbers == numbers
    assert Build(build_num=7, pull_request_urls=(url or "",)).pull_request_numbers == numbers


def test_the_numbers_of_pull_requests_are_in_order_and_each_is_there_once():
    pages = "https://github.com/acme/web/pull/"
    build = Build(
        build_num=7,
        pull_requests=(PullRequest(url=f"{pages}9"), PullRequest(), PullRequest(url=f"{pages}3")),
        pull_request_urls=(f"{pages}3", f"{pages}1", f"{pages}9"),
    )
    assert build.pull_request_numbers == (9, 3, 1)
    assert Build(build_num=7).pull_request_numbers == ()
