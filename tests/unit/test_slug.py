"""The many ways in which people write a project."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circleci_v1_async import InvalidInputError, ProjectSlug
from circleci_v1_async.enums import VcsType

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


@pytest.mark.parametrize("name", ["", "a/b", "/", " a", "a\n", None, 5])
def test_a_name_that_is_no_single_part_is_refused(name: object):
    with pytest.raises(InvalidInputError, match=r"^ProjectSlug\.username: expected a non-empty string without '/'"):
        ProjectSlug("github", name, "bleach")
    with pytest.raises(InvalidInputError, match=r"^ProjectSlug\.reponame: expected a non-empty string without '/'"):
        ProjectSlug("github", "mozilla", name)


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
