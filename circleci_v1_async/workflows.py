"""Workflow runs, as groups of builds. No I/O."""

from collections.abc import Iterable

import attrs

from .models import Build
from .models._jobs import check_builds
from .verdict import Verdict

__all__ = ["WorkflowRun", "group_builds"]


@attrs.frozen
class WorkflowRun:
    """The builds of one workflow run. It contains only the builds that were passed to `group_builds`.

    Attributes:
        workflow_id: UUID of the workflow run; `None` if the build is outside of workflows.
        name: Name of the workflow in the configuration; `None` if the build is outside of workflows.
        builds: The builds of the workflow run, newest first.
        verdict: The verdict on `builds`. Only the newest build of each job counts.
    """

    workflow_id: str | None
    name: str | None
    builds: tuple[Build, ...]
    verdict: Verdict


def group_builds(builds: Iterable[Build]) -> list[WorkflowRun]:
    """Group builds by workflow run, without a request.

    A rerun of a workflow is a separate run with its own ID. Each build outside of workflows is returned as one run.

    Args:
        builds: Builds, such as a page of a list or the builds of a pull request. They can belong to several projects.

    Returns:
        The workflow runs, in the order of their newest builds in `builds`; newest first for a list from CircleCI.

    Raises:
        InvalidInputError: An item of `builds` is not a `Build`.

    Examples:
        ```python
        from circleci_v1_async import group_builds

        builds = await ci.list_project_builds("gh/acme/web", branch="main", limit=100)
        for run in group_builds(builds):
            print(run.name, run.verdict.is_success, len(run.builds))
        ```
    """
    groups: dict[object, list[tuple[int, Build]]] = {}
    for place, build in enumerate(check_builds(builds)):
        workflow_id = build.workflows and build.workflows.workflow_id
        groups.setdefault(workflow_id.lower() if workflow_id else place, []).append((place, build))
    for group in groups.values():
        group.sort(key=lambda placed: placed[1].build_num, reverse=True)
    in_order = sorted(groups.values(), key=lambda group: group[0][0])
    return [_make_run([build for _, build in group]) for group in in_order]


def _make_run(builds: list[Build]) -> WorkflowRun:
    workflow = builds[0].workflows
    return WorkflowRun(
        workflow_id=None if workflow is None else workflow.workflow_id,
        name=None if workflow is None else workflow.workflow_name,
        builds=tuple(builds),
        verdict=Verdict.of(builds),
    )
