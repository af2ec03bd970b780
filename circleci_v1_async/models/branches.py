"""Branches of projects, with their latest builds."""

from collections.abc import Mapping

from circleci_v1_async.enums import Outcome

from ._model import Model, Timestamp, model
from .builds import BuildSummary
from .workflows import BranchWorkflow

__all__ = ["Branch", "BranchBuild"]


@model(kw_only=True)
class BranchBuild(BuildSummary):
    """A build in the branches of `list_projects`. `build_url` is absent here."""

    outcome: Outcome | None = None
    """Outcome of the build; `None` until it ended, and for builds that were not run."""

    pushed_at: Timestamp | None = None
    """Time at which the commit was pushed."""

    added_at: Timestamp | None = None
    """Time at which the build came into this list: shortly after it ended, or at its creation until then."""

    is_workflow_job: bool | None = None
    """Whether a workflow started the build; absent on old builds."""

    is_2_0_job: bool | None = None
    """Whether the build is of CircleCI 2.0 or later; absent on old builds."""

    @property
    def _result(self) -> str | None:
        return self.outcome or self.status


@model(kw_only=True)
class Branch(Model):
    """A branch of a project in `list_projects`."""

    recent_builds: tuple[BranchBuild, ...] = ()
    """Latest finished builds, newest first."""

    running_builds: tuple[BranchBuild, ...] = ()
    """Builds that are not finished; also those that were not run."""

    last_success: BranchBuild | None = None
    """Latest successful build; absent when there was none."""

    last_non_success: BranchBuild | None = None
    """Latest build that ended without success; absent when there was none."""

    pusher_logins: tuple[str, ...] = ()
    """Logins of the users who pushed to the branch."""

    latest_workflows: Mapping[str, BranchWorkflow] | None = None
    """Latest run of each workflow, by decoded name with `_` for `-`; absent without workflows."""

    latest_completed_workflows: Mapping[str, BranchWorkflow] | None = None
    """Latest finished run of each workflow, by decoded name with `_` for `-`; absent without workflows."""

    is_using_workflows: bool | None = None
    """Whether workflows run on the branch; absent on old branches."""
