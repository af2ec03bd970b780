"""Branches of projects, with their latest builds."""

from collections.abc import Mapping

from circleci_v1_async.enums import Outcome

from ._model import Model, Timestamp, model
from .builds import BuildSummary
from .workflows import BranchWorkflow

__all__ = ["Branch", "BranchBuild"]


@model(kw_only=True)
class BranchBuild(BuildSummary):
    """A build in the branches that `list_projects` returns. Its `build_url` is always absent."""

    outcome: Outcome | None = None
    """Outcome of the build; `None` until the build has finished, and for builds that were not run."""

    pushed_at: Timestamp | None = None
    """Time at which the commit was pushed."""

    added_at: Timestamp | None = None
    """Time at which the build was added to its list.

    For an unfinished build, this is the time of its creation. For a finished build, it is shortly after the end.
    """

    is_workflow_job: bool | None = None
    """Whether a workflow started the build; absent on old builds."""

    is_2_0_job: bool | None = None
    """Whether the build ran on CircleCI 2.0 or later; absent on old builds."""

    @property
    def _result(self) -> str | None:
        return self.outcome or self.status


@model(kw_only=True)
class Branch(Model):
    """A branch of a project that `list_projects` returns."""

    recent_builds: tuple[BranchBuild, ...] = ()
    """Latest finished builds, newest first."""

    running_builds: tuple[BranchBuild, ...] = ()
    """Unfinished builds, and builds that were not run."""

    last_success: BranchBuild | None = None
    """Latest successful build; absent if no build succeeded."""

    last_non_success: BranchBuild | None = None
    """Latest build that finished without success; absent if no build did."""

    pusher_logins: tuple[str, ...] = ()
    """Logins of the users who pushed to the branch."""

    latest_workflows: Mapping[str, BranchWorkflow] | None = None
    """Latest run of each workflow; absent without workflows.

    The keys are decoded names of workflows, with `_` instead of `-`.
    """

    latest_completed_workflows: Mapping[str, BranchWorkflow] | None = None
    """Latest finished run of each workflow; absent without workflows.

    The keys are decoded names of workflows, with `_` instead of `-`.
    """

    is_using_workflows: bool | None = None
    """Whether workflows run on the branch; absent on old branches."""
