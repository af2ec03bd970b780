"""Paths that operations share, and the checked values for them."""

from typing import Any, Final

from ._arguments import integer
from .errors import InvalidInputError
from .models import BuildSummary
from .request import Request
from .slug import ProjectSlug, find_build_num

__all__ = ["BUILD", "MAX_PAGE", "PROJECT", "find_build", "in_build", "in_project", "name_list"]

PROJECT: Final = "/project/{project}"
BUILD: Final = f"{PROJECT}/{{build_num}}"
# The service quietly serves 100 for more, and a full page would look like the last one.
MAX_PAGE: Final = 100
_SHORT: Final = {"github": "gh", "bitbucket": "bb"}
_BOTH_WAYS: Final = (
    "Name a build by its project and number, such as ('gh/acme/web', 7), or by itself: a build that says where it "
    "belongs, or the URL of a build or job"
)


def in_project(project: ProjectSlug | str) -> dict[str, Any]:
    """Return the checked value for `PROJECT`."""
    return {"project": ProjectSlug.parse(project)}


def find_build(project: ProjectSlug | str | BuildSummary, build_num: int | None) -> tuple[ProjectSlug, int]:
    """Return the project and the number of a build that is named by both, by itself, or by a URL.

    Raises:
        InvalidInputError: One of them is missing, or there are two numbers.
    """
    slug: ProjectSlug | None
    own: int | None
    if isinstance(project, BuildSummary):
        slug, own = project.project, project.build_num
        if slug is None:
            raise InvalidInputError(f"project: build {own} does not say where it belongs. {_BOTH_WAYS}")
    else:
        slug = ProjectSlug.parse(project)
        own = find_build_num(project) if isinstance(project, str) else None
    number = own if build_num is None else build_num
    if number is None:
        raise InvalidInputError(f"build_num: expected an integer from 1, got None. {_BOTH_WAYS}")
    if own not in {None, integer("build_num", number, 1)}:
        raise InvalidInputError(f"build_num: expected {own}, as what is beside it says, got {number}. {_BOTH_WAYS}")
    return slug, number


def in_build(project: ProjectSlug | str | BuildSummary, build_num: int | None) -> dict[str, Any]:
    """Return the checked values for `BUILD`."""
    slug, number = find_build(project, build_num)
    return {"project": slug, "build_num": number}


def name_list(request: Request[Any]) -> str:
    """Return a short name for the list that a request asks for, such as `gh/acme/web` or `/recent-builds`."""
    project = request.path_values.get("project")
    if not isinstance(project, ProjectSlug):
        return request.path
    vcs_type = _SHORT.get(project.vcs_type, project.vcs_type)
    name = f"{vcs_type}/{project.username}/{project.reponame}"
    return f"{name} {request.path_values['branch']}" if "branch" in request.path_values else name
