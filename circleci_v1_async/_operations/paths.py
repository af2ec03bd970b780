"""Paths that operations share, and checked values for the paths."""

from typing import Any, Final, cast

from circleci_v1_async._core.arguments import check_commit, check_integer, check_uuid
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import Build, BuildSummary
from circleci_v1_async.slug import ProjectSlug, find_build_num

PROJECT: Final = "/project/{project}"
BUILD: Final = f"{PROJECT}/{{build_num}}"
_BOTH_WAYS: Final = (
    "Name a build by its project and number, such as ('gh/acme/web', 7), or pass a build that names its project, or "
    "the URL of a build or job"
)


def project_values(project: ProjectSlug | str) -> dict[str, Any]:
    return {"project": ProjectSlug.parse(project)}


def parse_build_reference(project: ProjectSlug | str | BuildSummary, build_num: int | None) -> tuple[ProjectSlug, int]:
    """Return the project and number of a build, given as both of them, as a build, or as a URL."""
    own: int | None
    if isinstance(project, BuildSummary):
        slug, own = _find_project(project), project.build_num
    else:
        slug = ProjectSlug.parse(project)
        own = find_build_num(project) if isinstance(project, str) else None
    if own is None and build_num is None:
        raise InvalidInputError(f"build_num: expected an integer from 1, got None. {_BOTH_WAYS}")
    number = check_integer("build_num", own if build_num is None else build_num, 1)
    if own not in {None, number}:
        raise InvalidInputError(f"build_num: expected {own} from the given build or URL, got {number}. {_BOTH_WAYS}")
    return slug, number


def build_values(project: ProjectSlug | str | BuildSummary, build_num: int | None) -> dict[str, Any]:
    slug, number = parse_build_reference(project, build_num)
    return {"project": slug, "build_num": number}


def parse_commit_reference(project: ProjectSlug | str | BuildSummary, sha: str | None) -> tuple[ProjectSlug, str]:
    """Return the project and hash of a commit, given as both of them, or as a build of the commit."""
    if not isinstance(project, BuildSummary):
        return ProjectSlug.parse(project), check_commit("sha", sha)
    slug = _find_project(project)
    if not project.vcs_revision:
        raise InvalidInputError(f"project: build {project.build_num} has no vcs_revision, which names its commit")
    own = check_commit("vcs_revision", project.vcs_revision)
    if sha is not None and not own.startswith(check_commit("sha", sha)):
        raise InvalidInputError(f"sha: expected {own} from the given build, got {sha}")
    return slug, own


def parse_workflow_reference(project: ProjectSlug | str | Build, workflow_id: str | None) -> tuple[ProjectSlug, str]:
    """Return the project and ID of a workflow run, given as both of them, or as a build of the run."""
    if not isinstance(project, BuildSummary):
        return ProjectSlug.parse(project), check_uuid("workflow_id", workflow_id)
    slug = _find_project(project)
    workflow = project.workflows if isinstance(cast("object", project), Build) else None
    if workflow is None or not workflow.workflow_id:
        raise InvalidInputError(f"project: build {project.build_num} is outside of workflows: it has no workflow_id")
    own = check_uuid("workflow_id", workflow.workflow_id)
    if workflow_id is not None and check_uuid("workflow_id", workflow_id) != own:
        raise InvalidInputError(f"workflow_id: expected {own} from the given build, got {workflow_id}")
    return slug, own


def _find_project(build: BuildSummary) -> ProjectSlug:
    if (slug := build.project) is None:
        raise InvalidInputError(f"project: build {build.build_num} does not name its project. {_BOTH_WAYS}")
    return slug
