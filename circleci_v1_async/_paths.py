"""Paths that operations share, and the checked values for them."""

from typing import Any, Final

from ._arguments import integer
from .request import Request
from .slug import ProjectSlug

__all__ = ["BUILD", "MAX_PAGE", "PROJECT", "in_build", "in_project", "name_list"]

PROJECT: Final = "/project/{project}"
BUILD: Final = f"{PROJECT}/{{build_num}}"
# The service quietly serves 100 for more, and a full page would look like the last one.
MAX_PAGE: Final = 100
_SHORT: Final = {"github": "gh", "bitbucket": "bb"}


def in_project(project: ProjectSlug | str) -> dict[str, Any]:
    """Return the checked value for `PROJECT`."""
    return {"project": ProjectSlug.parse(project)}


def in_build(project: ProjectSlug | str, build_num: int) -> dict[str, Any]:
    """Return the checked values for `BUILD`."""
    return {"project": ProjectSlug.parse(project), "build_num": integer("build_num", build_num, 1)}


def name_list(request: Request[Any]) -> str:
    """Return a short name for the list that a request asks for, such as `gh/acme/web` or `/recent-builds`."""
    project = request.path_values.get("project")
    if not isinstance(project, ProjectSlug):
        return request.path
    vcs_type = _SHORT.get(project.vcs_type, project.vcs_type)
    name = f"{vcs_type}/{project.username}/{project.reponame}"
    return f"{name} {request.path_values['branch']}" if "branch" in request.path_values else name
