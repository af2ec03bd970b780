"""Builds that are named by their project and number, by themselves, or by a URL."""

import re

import pytest

from circleci_v1_async import (
    BranchBuild,
    Build,
    BuildDetail,
    BuildSummary,
    CircleCISession,
    InvalidInputError,
    PreviousBuild,
    ProjectSlug,
)
from circleci_v1_async._operations.paths import parse_build_reference

WEB = ProjectSlug("github", "acme", "web")
IDS = ProjectSlug("circleci", "43G3kM5RtfFE7v5sa4nWAU", "9e9f3d70-bd8c-4957-a27e-ada96d967706")
URL = "https://circleci.com/gh/acme/web/456"
BOTH_WAYS = re.escape(
    "by its project and number, such as ('gh/acme/web', 7), or pass a build that names its project, or"
)


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        (URL, WEB),
        (f" {URL}\n", WEB),
        (f"{URL}/?utm=1#tests/containers/0", WEB),
        ("//circleci.com//gh/acme/web//456", WEB),
        ("https://circleci.acme.example/gh/acme/web/456", WEB),
        ("https://app.circleci.com/jobs/github/acme/web/456", WEB),
        ("https://app.circleci.com/jobs/gh/acme/web/456/parallel-runs/0/steps/0-101", WEB),
        ("https://app.circleci.com/pipelines/github/acme/web/12/workflows/aa-bb/jobs/456", WEB),
        ("https://app.circleci.com/pipelines/github/acme/web/12/workflows/aa-bb/jobs/456/artifacts", WEB),
        (f"https://app.circleci.com/pipelines/{IDS}/12/workflows/aa-bb/jobs/456", IDS),
        ("https://circleci.acme.example/pipelines/github/acme/web/12/workflows/aa-bb/jobs/456", WEB),
        ("https://circleci.com/api/v1.1/project/github/acme/web/456", WEB),
        ("https://circleci.com/api/v2/project/gh/acme/web/job/456", WEB),
    ],
)
def test_a_url_of_a_build_or_job_names_it(url: str, slug: ProjectSlug):
    assert parse_build_reference(url, None) == parse_build_reference(url, 456) == (slug, 456)


@pytest.mark.parametrize(
    "project",
    [
        WEB,
        "gh/acme/web",
        "git@github.com:acme/web.git",
        "https://github.com/acme/web/456",
        "https://github.com/acme/web/tree/456",
        "https://circleci.com/gh/acme/web",
        "https://circleci.com/gh/acme/web/tree/456",
        "https://circleci.com/gh/acme/web/0",
        "https://circleci.com/gh/acme/web/0456",
        f"https://circleci.com/gh/acme/web/{'4' * 5000}",
        "https://app.circleci.com/pipelines/github/acme/web/456",
        "https://app.circleci.com/pipelines/github/acme/web/456/workflows/aa-bb",
        "https://app.circleci.com/insights/github/acme/web/workflows/ci/jobs/456",
        "https://circleci.com/api/v2/project/gh/acme/web/pipeline/456",
    ],
)
def test_a_project_without_a_number_names_no_build(project: ProjectSlug | str):
    assert parse_build_reference(project, 7) == (WEB, 7)
    with pytest.raises(InvalidInputError, match=f"^build_num: expected an integer from 1, got None.*{BOTH_WAYS}"):
        parse_build_reference(project, None)


@pytest.mark.parametrize("kind", [BuildSummary, BranchBuild, Build, BuildDetail])
def test_a_build_that_says_where_it_belongs_names_itself(kind: type[BuildSummary]):
    build = kind(build_num=456, build_url=URL)
    assert parse_build_reference(build, None) == parse_build_reference(build, 456) == (WEB, 456)


@pytest.mark.parametrize("build_num", [None, 7])
def test_a_build_that_does_not_say_where_it_belongs_is_refused(build_num: int | None):
    with pytest.raises(InvalidInputError, match=f"^project: build 7 does not name its project.*{BOTH_WAYS}"):
        parse_build_reference(BranchBuild(build_num=7), build_num)


@pytest.mark.parametrize("build", [URL, Build(build_num=456, build_url=URL)])
def test_another_number_beside_a_build_is_refused(build: str | BuildSummary):
    with pytest.raises(
        InvalidInputError, match=f"^build_num: expected 456 from the given build or URL, got 7.*{BOTH_WAYS}"
    ):
        parse_build_reference(build, 7)


@pytest.mark.parametrize("build_num", [0, -1, "7", 7.0, True])
def test_what_is_no_number_is_refused(build_num: object):
    with pytest.raises(InvalidInputError, match=r"^build_num: expected an integer from 1, got"):
        parse_build_reference(WEB, build_num)


def test_what_is_neither_a_project_nor_a_build_is_refused():
    with pytest.raises(InvalidInputError, match=r"expected a project as .*; got PreviousBuild"):
        parse_build_reference(PreviousBuild(build_num=7), None)


def test_output_without_an_action_is_refused_before_any_io():
    with pytest.raises(InvalidInputError, match=r"^action: expected an Action of a step of the build, got None"):
        CircleCISession().iter_output(URL)
    with pytest.raises(InvalidInputError, match=r"^action: expected an Action of a step of the build, got 'x'"):
        CircleCISession().iter_output(WEB, 7, "x")
