"""The many ways in which people write a project."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circleci_v1_async import InvalidInputError, ProjectSlug
from circleci_v1_async.enums import VcsType
from circleci_v1_async.slug import find_build_num

BLEACH = ProjectSlug("github", "mozilla", "bleach")
IDS = ProjectSlug("circleci", "43G3kM5RtfFE7v5sa4nWAU", "9e9f3d70-bd8c-4957-a27e-ada96d967706")


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("github/mozilla/bleach", BLEACH),
        ("gh/mozilla/bleach", BLEACH),
        (" gh/mozilla/bleach\n", BLEACH),
        ("/gh/mozilla/bleach/", BLEACH),
        ("bitbucket/acme/web", ProjectSlug("bitbucket", "acme", "web")),
        ("bb/acme/web", ProjectSlug("bitbucket", "acme", "web")),
        ("circleci/43G3kM5RtfFE7v5sa4nWAU/9e9f3d70-bd8c-4957-a27e-ada96d967706", IDS),
        ("gh/acme/a b#1?x", ProjectSlug("github", "acme", "a b#1?x")),
        ("gh/ünï/web", ProjectSlug("github", "ünï", "web")),
        ("gh/acme/web.git", ProjectSlug("github", "acme", "web.git")),
        ("gh/X/X", ProjectSlug("github", "X", "X")),
        # Repositories.
        ("https://github.com/mozilla/bleach", BLEACH),
        ("https://github.com/mozilla/bleach/", BLEACH),
        ("https://github.com/mozilla/bleach.git", BLEACH),
        ("https://www.github.com/mozilla/bleach/tree/main/docs?tab=readme#top", BLEACH),
        ("http://GitHub.com/mozilla/bleach", BLEACH),
        ("//github.com/mozilla/bleach", BLEACH),
        ("git://github.com/mozilla/bleach.git", BLEACH),
        ("https://ada:s3cret@github.com/mozilla/bleach.git", BLEACH),
        ("ssh://git@github.com/mozilla/bleach.git", BLEACH),
        ("ssh://git@github.com:22/mozilla/bleach.git", BLEACH),
        ("git@github.com:mozilla/bleach.git", BLEACH),
        ("github.com:mozilla/bleach", BLEACH),
        ("git@bitbucket.org:acme/web.git", ProjectSlug("bitbucket", "acme", "web")),
        ("https://ada@bitbucket.org/acme/web/src/main/", ProjectSlug("bitbucket", "acme", "web")),
        # As browsers show them.
        ("github.com/mozilla/bleach", BLEACH),
        ("GitHub.com/mozilla/bleach.git", BLEACH),
        ("www.github.com/mozilla/bleach/tree/main?tab=readme", BLEACH),
        ("bitbucket.org/acme/web/src", ProjectSlug("bitbucket", "acme", "web")),
        ("app.circleci.com/pipelines/github/mozilla/bleach", BLEACH),
        ("circleci.com/gh/mozilla/bleach/542", BLEACH),
        ("https://github.com/acme/a%20b", ProjectSlug("github", "acme", "a b")),
        # Builds, jobs, pipelines and the API, of the cloud and of CircleCI Server.
        ("https://circleci.com/gh/mozilla/bleach", BLEACH),
        ("https://circleci.com/gh/mozilla/bleach/542", BLEACH),
        ("https://circleci.com/gh/mozilla/bleach/tree/main", BLEACH),
        ("https://circleci.com/bb/acme/web/7#tests/containers/0", ProjectSlug("bitbucket", "acme", "web")),
        ("https://app.circleci.com/jobs/github/mozilla/bleach/542", BLEACH),
        ("https://app.circleci.com/jobs/gh/mozilla/bleach/542/parallel-runs/0", BLEACH),
        ("https://app.circleci.com/pipelines/github/mozilla/bleach", BLEACH),
        ("https://app.circleci.com/pipelines/github/mozilla/bleach/9/workflows/aa-bb/jobs/542", BLEACH),
        ("https://app.circleci.com/pipelines/gh/mozilla/bleach?branch=main", BLEACH),
        (f"https://app.circleci.com/pipelines/{IDS}/9/workflows/aa-bb", IDS),
        ("https://app.circleci.com/settings/project/github/mozilla/bleach", BLEACH),
        ("https://app.circleci.com/insights/github/mozilla/bleach/workflows/ci", BLEACH),
        ("https://app.circleci.com/projects/gh/mozilla/bleach/", BLEACH),
        ("https://circleci.com/api/v1.1/project/github/mozilla/bleach/542", BLEACH),
        ("https://circleci.com/api/v1.1/project/github/mozilla/bleach/542?circle-token=s3cret", BLEACH),
        ("https://circleci.com/api/v1/project/gh/mozilla/bleach", BLEACH),
        ("https://circleci.com/api/v2/project/gh/mozilla/bleach/pipeline", BLEACH),
        ("https://circleci.acme.example/gh/mozilla/bleach/542", BLEACH),
        ("https://circleci.acme.example:8443/api/v1.1/project/github/mozilla/bleach/542", BLEACH),
        ("https://app.circleci.acme.example/pipelines/github/mozilla/bleach/9", BLEACH),
    ],
)
def test_a_project_is_read_from(text: str, slug: ProjectSlug):
    assert ProjectSlug.parse(text) == slug


def test_a_slug_is_its_own_parse():
    assert ProjectSlug.parse(BLEACH) is BLEACH


def test_a_slug_prints_as_the_api_names_it():
    assert str(ProjectSlug("gh", "mozilla", "bleach")) == "github/mozilla/bleach"


def test_slugs_are_values():
    assert {BLEACH, ProjectSlug("gh", "mozilla", "bleach")} == {BLEACH}
    assert pickle.loads(pickle.dumps(BLEACH)) == BLEACH  # noqa: S301 - our own
    assert type(ProjectSlug(VcsType.GITHUB, "mozilla", "bleach").vcs_type) is str
    with pytest.raises(AttributeError):
        BLEACH.username = "acme"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "/",
        "bleach",
        "mozilla/bleach",
        "gh/mozilla",
        "gh//bleach",
        "gh/mozilla/",
        "gh/ /bleach",
        "gh/mozilla/bleach/542",
        "GH/mozilla/bleach",
        "gitlab/mozilla/bleach",
        "https://",
        "https://[",
        "https://github.com",
        "https://github.com/mozilla",
        "https://github.com/mozilla/.git",
        "https://github.com/mozilla%2Fbleach",
        "https://github.com/a%2Fb/bleach",
        "https://gitlab.com/mozilla/bleach",
        "git@gitlab.com:mozilla/bleach.git",
        "git@github.com:bleach.git",
        "https://circleci.com/gh/mozilla",
        "https://circleci.com/workflow-run/9e9f3d70",
        "https://app.circleci.com/pipelines",
        "https://circleci.com/api/v1.1/me",
        None,
        5,
        b"gh/mozilla/bleach",
        ("gh", "mozilla", "bleach"),
    ],
)
def test_what_names_no_project_is_refused_with_the_forms_that_do(text: object):
    with pytest.raises(InvalidInputError) as caught:
        ProjectSlug.parse(text)
    message = str(caught.value)
    assert "'github/org/repo'" in message
    assert "'https://github.com/org/repo'" in message
    assert "CircleCI build or pipeline URL" in message
    assert (repr(text.strip()) if isinstance(text, str) and "@" not in text else "got ") in message


def test_the_error_about_what_names_no_project_ends_with_what_it_is():
    for wrong, shown in (("bleach", "'bleach'"), (5, "int")):
        with pytest.raises(InvalidInputError, match=f"as a CircleCI build or pipeline URL; got {shown}$"):
            ProjectSlug.parse(wrong)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ada:s3cret@github.com/mozilla", "'https://***@github.com/mozilla'"),
        ("https://ada:s3/cr@et@github.com/mozilla", "'https://***@github.com/mozilla'"),
        ("s3cret@gitlab.com:mozilla/bleach", "'***@gitlab.com:mozilla/bleach'"),
        ("ada:s3cret@github.com/mozilla/bleach", "'***@github.com/mozilla/bleach'"),
        ("//s3cret@github.com/mozilla", "'//***@github.com/mozilla'"),
        ("https://circleci.com/api/v1.1/me?circle-token=s3cret", "'https://circleci.com/api/v1.1/me?***'"),
        ("https://ada:s3cret@circleci.com/me?circle-token=s3cret", "'https://***@circleci.com/me?***'"),
        ("https://circleci.com/me#s3cret", "'https://circleci.com/me#***'"),
        ("https://ada:s3cret\n@github.com/mozilla", "'https://***@github.com/mozilla'"),
    ],
)
def test_credentials_in_a_pasted_url_are_not_shown(text: str, shown: str):
    with pytest.raises(InvalidInputError) as caught:
        ProjectSlug.parse(text)
    assert str(caught.value).endswith(f"got {shown}")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("vcs_type", ["gitlab", "", "GitHub", None, 5, ["github"]])
def test_an_unknown_vcs_type_is_refused_with_the_known_ones(vcs_type: object):
    with pytest.raises(InvalidInputError, match=r"expected one of gh, github, bb, bitbucket, circleci$"):
        ProjectSlug(vcs_type, "mozilla", "bleach")


def test_only_an_error_about_the_vcs_type_gitlab_says_how_these_projects_are_named():
    expected = "expected one of gh, github, bb, bitbucket, circleci"
    hint = "a GitLab project is named 'circleci/<org>/<project>', by the two IDs in the URLs of its builds"
    for wrong, shown in (("gitlab", f"'gitlab' ({hint})"), ("GitHub", "'GitHub'"), (5, "5")):
        with pytest.raises(InvalidInputError) as caught:
            ProjectSlug(wrong, "acme", "web")
        assert str(caught.value) == f"unknown VCS type {shown}: {expected}"


@pytest.mark.parametrize("name", ["", "a/b", "/", " a", "a\n", None, 5])
def test_a_name_that_is_no_single_part_is_refused(name: object):
    with pytest.raises(InvalidInputError, match=r"^ProjectSlug\.username: expected a non-empty string without '/'"):
        ProjectSlug("github", name, "bleach")
    with pytest.raises(InvalidInputError, match=r"^ProjectSlug\.reponame: expected a non-empty string without '/'"):
        ProjectSlug("github", "mozilla", name)


@pytest.mark.parametrize(
    "text",
    [
        "gitlab/acme/web",
        "gl/acme/web",
        "GitLab/acme/web",
        "https://gitlab.com/acme/web",
        "gitlab.com/acme/web",
        "git@gitlab.com:acme/web.git",
        "ssh://git@gitlab.acme.example/acme/web.git",
    ],
)
def test_an_error_about_a_gitlab_project_says_how_these_are_named(text: str):
    with pytest.raises(InvalidInputError, match="a GitLab project is named 'circleci/<org>/<project>', by the two IDs"):
        ProjectSlug.parse(text)


def test_an_error_about_another_project_does_not_speak_of_gitlab():
    for text in ("gitlabs/acme/web", "gh/gitlab", "https://github.com/gitlab"):
        with pytest.raises(InvalidInputError) as caught:
            ProjectSlug.parse(text)
        assert "GitLab" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("https://circleci.com/gh/mozilla/bleach/542", 542),
        (" circleci.com/gh/mozilla/bleach/542\n", 542),
        ("https://circleci.com/gh/mozilla/bleach/542#tests/containers/0", 542),
        ("https://circleci.com/api/v1.1/project/github/mozilla/bleach/542/artifacts", 542),
        ("https://app.circleci.com/jobs/gh/mozilla/bleach/542/parallel-runs/0", 542),
        ("https://app.circleci.com/pipelines/gh/mozilla/bleach/9/workflows/aa-bb/jobs/542/steps", 542),
        ("https://circleci.com/api/v2/project/gh/mozilla/bleach/job/542", 542),
        ("https://circleci.acme.example/gh/mozilla/bleach/542", 542),
        ("https://circleci.com/gh/mozilla/bleach/" + "9" * 18, int("9" * 18)),
        # The number of a pipeline.
        ("https://app.circleci.com/pipelines/gh/mozilla/bleach/9", None),
        ("https://app.circleci.com/pipelines/gh/mozilla/bleach/9/workflows/aa-bb", None),
        ("https://github.com/mozilla/bleach/542", None),
        ("https://circleci.com/gh/mozilla/bleach", None),
        ("https://circleci.com/gh/mozilla/bleach/tree/542", None),
        ("https://circleci.com/gh/mozilla/bleach/0542", None),
        ("https://circleci.com/gh/mozilla/bleach/" + "9" * 19, None),
        ("https://[", None),
        ("gh/mozilla/bleach/542", None),
        ("", None),
    ],
)
def test_the_number_of_a_build_is_read_from_the_url_of_its_page(text: str, number: int | None):
    assert find_build_num(text) == number


# Within a job

JOB = {
    "CIRCLE_PROJECT_USERNAME": "mozilla",
    "CIRCLE_PROJECT_REPONAME": "bleach",
    "CIRCLE_REPOSITORY_URL": "git@github.com:mozilla/bleach.git",
    "CIRCLE_BUILD_URL": "https://circleci.com/gh/mozilla/bleach/542",
}


URLS = "CIRCLE_REPOSITORY_URL or CIRCLE_BUILD_URL, with the URL of the repository or of the build"


def set_job(monkeypatch: pytest.MonkeyPatch, **variables: str | None) -> None:
    for name, value in (JOB | variables).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "slug"),
    [
        ({}, BLEACH),
        ({"CIRCLE_BUILD_URL": None}, BLEACH),
        ({"CIRCLE_REPOSITORY_URL": None}, BLEACH),
        ({"CIRCLE_REPOSITORY_URL": ""}, BLEACH),
        ({"CIRCLE_REPOSITORY_URL": "https://bitbucket.org/mozilla/bleach"}, ProjectSlug("bb", "mozilla", "bleach")),
        # A host of their own.
        ({"CIRCLE_REPOSITORY_URL": "git@ghe.acme.example:mozilla/bleach.git"}, BLEACH),
        # Names are not part of these slugs.
        ({"CIRCLE_BUILD_URL": f"https://app.circleci.com/jobs/{IDS}/7"}, IDS),
        (
            {
                "CIRCLE_BUILD_URL": f"https://app.circleci.com/jobs/{IDS}/7",
                "CIRCLE_REPOSITORY_URL": "git@gitlab.com:mozilla/bleach.git",
                "CIRCLE_PROJECT_USERNAME": None,
            },
            IDS,
        ),
    ],
)
def test_a_job_knows_its_project(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str | None], slug: ProjectSlug):
    set_job(monkeypatch, **variables)
    assert ProjectSlug.from_env() == slug


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"CIRCLE_PROJECT_USERNAME": None}, "CIRCLE_PROJECT_USERNAME"),
        ({"CIRCLE_PROJECT_REPONAME": ""}, "CIRCLE_PROJECT_REPONAME"),
        (
            {"CIRCLE_BUILD_URL": None, "CIRCLE_REPOSITORY_URL": "https://s3cret@gitlab.com/mozilla/bleach"},
            URLS,
        ),
        (
            dict.fromkeys(JOB),
            f"CIRCLE_PROJECT_USERNAME, CIRCLE_PROJECT_REPONAME, {URLS}",
        ),
    ],
)
def test_outside_of_a_job_the_error_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str | None], missing: str
):
    set_job(monkeypatch, **variables)
    with pytest.raises(InvalidInputError) as caught:
        ProjectSlug.from_env()
    assert str(caught.value) == f"expected the variables of a CircleCI job; missing: {missing}"


names = st.text(min_size=1).filter(lambda name: "/" not in name and name == name.strip())


@given(st.sampled_from(["gh", "github", "bb", "bitbucket", "circleci"]), names, names)
def test_a_slug_is_read_back_from_its_text(vcs_type: str, username: str, reponame: str):
    slug = ProjectSlug(vcs_type, username, reponame)
    assert ProjectSlug.parse(str(slug)) == slug


@given(st.text() | st.text(alphabet="gh/:@.?#%[]\\ \n-2Fcomtiu", max_size=30))
def test_any_text_is_a_project_or_refused(text: str):
    try:
        slug = ProjectSlug.parse(text)
    except InvalidInputError:
        return
    assert ProjectSlug.parse(str(slug)) == slug
