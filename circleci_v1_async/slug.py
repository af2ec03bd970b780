"""Project slugs, and the forms that they can be parsed from."""

import os
import re
from functools import lru_cache
from itertools import dropwhile
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit

import attrs

from ._core.errors import InvalidInputError

__all__ = ["ProjectSlug"]

_VCS_TYPES = {"gh": "github", "github": "github", "bb": "bitbucket", "bitbucket": "bitbucket", "circleci": "circleci"}
_VCS_HOSTS = {"github.com": "github", "www.github.com": "github", "bitbucket.org": "bitbucket"}
# For these hosts, accept URLs without a scheme, because browsers hide the scheme.
_KNOWN_HOSTS = {*_VCS_HOSTS, "circleci.com", "app.circleci.com"}
_SCP_LIKE = r"(?:[^@/]+@)?(?P<host>[^:/]+):(?P<path>[^/].*)"
# A pasted URL can contain a password before its host, or a token in its query.
_CREDENTIALS = r"(?is)^([a-z+]*:?//)?.+(?=@)|(?<=[?#]).+"
# A string of these characters cannot contain a password or a token, so its slug can be cached.
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
# Segments before the slug in the URLs of CircleCI.
_CIRCLECI_PREFIXES = {"pipelines", "jobs", "project", "projects", "api", "v1", "v1.1", "v2", "insights", "settings"}
_GITLAB = r"(?i)(?:[a-z+]*:?//)?(?:[^/]*@)?(?:gl|gitlab(?:\.[^/:]*)?)(?:[/:]|\Z)"
_GITLAB_HINT = "a GitLab project is named 'circleci/<org>/<project>', by the two IDs in the URLs of its builds"
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_EXPECTED = (
    "expected a project as 'github/org/repo' (or gh, bitbucket, bb, circleci), as a repository URL "
    "such as 'https://github.com/org/repo', or as a CircleCI build or pipeline URL"
)


def _vcs_type(value: str) -> str:
    try:
        return _VCS_TYPES[value]
    except (KeyError, TypeError):
        hint = f" ({_GITLAB_HINT})" if _is_gitlab(value) else ""
        raise InvalidInputError(f"unknown VCS type {value!r}{hint}: expected one of {', '.join(_VCS_TYPES)}") from None


def _is_gitlab(value: object) -> bool:
    return isinstance(value, str) and re.match(_GITLAB, value) is not None


def _check_name(_slug: "ProjectSlug", attribute: "attrs.Attribute[str]", value: object) -> None:
    if not isinstance(value, str) or not value or "/" in value or value != value.strip():
        raise InvalidInputError(
            f"ProjectSlug.{attribute.name}: expected a non-empty string without '/' or space around it, got {value!r}",
        )


@attrs.frozen(cache_hash=True)
class ProjectSlug:
    """The name of a project in the API, in three parts. `str(slug)` joins the parts with slashes.

    Args:
        vcs_type: `github`, `bitbucket` or `circleci`; `gh` and `bb` are expanded.
        username: The organization or user. For `circleci`, the organization's ID.
        reponame: The repository. For `circleci`, the project's ID.

    Raises:
        InvalidInputError: A name is empty, contains a slash, or has whitespace around it, or the VCS type is unknown.
    """

    vcs_type: str = attrs.field(converter=_vcs_type)
    username: str = attrs.field(validator=_check_name)
    reponame: str = attrs.field(validator=_check_name)

    def __str__(self) -> str:
        return f"{self.vcs_type}/{self.username}/{self.reponame}"

    @classmethod
    def parse(cls, project: "ProjectSlug | str") -> Self:
        """Parse a slug from a string. A slug is returned unchanged.

        Accepts `gh/org/repo` and similar slugs, repository URLs (`https://`, `ssh://`, `git@github.com:org/repo.git`,
        `github.com/org/repo`), and the URLs of builds, jobs and pipelines on CircleCI and CircleCI Server.

        Raises:
            InvalidInputError: The string does not contain a project in any of these forms.
        """
        if isinstance(project, cls):
            return project
        if not isinstance(project, str):
            raise InvalidInputError(f"{_EXPECTED}; got {type(project).__name__}")
        text = project.strip()
        slug: Self | None = _from_plain(cast("Any", cls), text) if _PLAIN.fullmatch(text) else cls._from_text(text)
        if slug is None:
            shown = re.sub(_CREDENTIALS, r"\1***", text)
            hint = f"; {_GITLAB_HINT}" if _is_gitlab(text) else ""
            raise InvalidInputError(f"{_EXPECTED}{hint}; got {shown!r}")
        return slug

    @classmethod
    def from_env(cls) -> Self:
        """Return the project of the current CircleCI job, from the job's environment variables.

        `CIRCLE_PROJECT_USERNAME` and `CIRCLE_PROJECT_REPONAME` contain the names. `CIRCLE_REPOSITORY_URL` or
        `CIRCLE_BUILD_URL` determines whether the code host is GitHub or Bitbucket. Slugs that begin with `circleci`
        have IDs instead of names; for these, `CIRCLE_BUILD_URL` contains the complete slug. An empty variable counts as
        unset.

        Raises:
            InvalidInputError: Variables are missing. The message contains their names, but no values.

        Examples:
            ```python
            from circleci_v1_async import CircleCISession, ProjectSlug


            async def list_latest() -> None:
                async with CircleCISession.from_env() as ci:
                    for build in await ci.list_project_builds(ProjectSlug.from_env()):
                        print(build.build_num, build.status)
            ```
        """
        of_build, of_repository = map(cls._from_variable, ("CIRCLE_BUILD_URL", "CIRCLE_REPOSITORY_URL"))
        if of_build is not None and of_build.vcs_type == "circleci":
            return of_build
        names = {name: os.environ.get(name, "") for name in ("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME")}
        missing = [name for name, value in names.items() if not value]
        slug = of_repository or of_build
        if slug is None:
            missing.append("CIRCLE_REPOSITORY_URL or CIRCLE_BUILD_URL, with the URL of the repository or of the build")
        if slug is None or missing:
            raise InvalidInputError(f"expected the variables of a CircleCI job; missing: {', '.join(missing)}")
        return cls(slug.vcs_type, *names.values())

    @classmethod
    def _from_variable(cls, name: str) -> Self | None:
        return cls._from_text(os.environ.get(name, "").strip())

    @classmethod
    def _from_text(cls, text: str) -> Self | None:
        if (location := _split_url(text)) is not None:
            return cls._from_location(*location)
        if (scp := re.fullmatch(_SCP_LIKE, text)) is not None:
            return cls._from_location(scp["host"], _split_path(scp["path"]))
        return cls._from_segments(text.strip("/").split("/"), exact=True)

    @classmethod
    def _from_location(cls, host: str, segments: list[str]) -> Self | None:
        if (vcs_type := _VCS_HOSTS.get(host)) is not None:
            if len(segments) < 2:  # noqa: PLR2004 - organization and repository
                return None
            return cls._from_segments([vcs_type, segments[0], segments[1].removesuffix(".git")], exact=True)
        return cls._from_segments(_without_prefixes(segments), exact=False)

    @classmethod
    def _from_segments(cls, segments: list[str], *, exact: bool) -> Self | None:
        if len(segments) < 3 or (exact and len(segments) > 3) or segments[0] not in _VCS_TYPES:  # noqa: PLR2004 - a slug has three parts
            return None
        try:
            return cls(*segments[:3])
        except InvalidInputError:
            return None


def find_build_num(text: str) -> int | None:
    """Return the build number in the URL of a build or job; `None` for any other string."""
    host, segments = _split_url(text.strip()) or ("", [])
    if host in _VCS_HOSTS:
        # A number in the URL of a code host can be the name of a folder.
        return None
    match _without_prefixes(segments)[3:]:
        case [_, "workflows", _, "jobs", number, *_] | ["job", number, *_]:
            pass
        # In the URLs of pipelines, this number is the pipeline's number.
        case [number, *_] if segments[0] != "pipelines":
            pass
        case _:
            return None
    return int(number) if _NUMBER.fullmatch(number) else None


def _split_url(text: str) -> tuple[str, list[str]] | None:
    """Return the host of a URL and the segments of its path; `None` if the text is not a valid URL."""
    if "://" not in text and not text.startswith("//"):
        if text.partition("/")[0].lower() not in _KNOWN_HOSTS:
            return None
        text = f"//{text}"
    try:
        parts = urlsplit(text)
        return parts.hostname or "", _split_path(parts.path)
    except ValueError:
        return None


def _split_path(path: str) -> list[str]:
    return [unquote(segment) for segment in path.split("/") if segment]


def _without_prefixes(segments: list[str]) -> list[str]:
    return list(dropwhile(_CIRCLECI_PREFIXES.__contains__, segments))


# Most programs use the same few projects repeatedly.
@lru_cache
def _from_plain(kind: Any, text: str) -> Any:
    return kind._from_text(text)  # noqa: SLF001 - of this module
