"""Names of lists of builds, for messages."""

from typing import Any, Final

from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

_SHORT: Final = {"github": "gh", "bitbucket": "bb"}


def name_list(request: Request[Any]) -> str:
    """Return a short name for the list that a request fetches, such as `gh/acme/web` or `/recent-builds`."""
    project = request.path_values.get("project")
    if not isinstance(project, ProjectSlug):
        return request.path
    vcs_type = _SHORT.get(project.vcs_type, project.vcs_type)
    name = f"{vcs_type}/{project.username}/{project.reponame}"
    return f"{name} {request.path_values['branch']}" if "branch" in request.path_values else name
