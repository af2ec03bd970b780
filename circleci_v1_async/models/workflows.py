"""Workflows of builds and branches."""

from collections.abc import Mapping
from typing import Any

from ._model import Model, Timestamp, model

__all__ = ["BranchWorkflow", "Workflow"]


@model(kw_only=True)
class Workflow(Model):
    """The workflow that contains a build's job."""

    job_name: str | None = None
    """Name of the job in the configuration. `Build.job` also returns it."""

    job_id: str | None = None
    """UUID of the job, for API v2."""

    workflow_id: str | None = None
    """UUID of the workflow run, for API v2. All jobs of the run have the same ID."""

    workspace_id: str | None = None
    """UUID of the workspace. A workflow run and its reruns share one workspace."""

    upstream_job_ids: tuple[str, ...] = ()
    """UUIDs of the jobs that this job waited for. Always empty since 2026."""

    upstream_concurrency_map: Mapping[str, Any] | None = None
    """Jobs that the upstream jobs waited for, by UUID; internal to CircleCI. Always empty since 2026."""

    workflow_name: str | None = None
    """Name of the workflow in the configuration."""


@model(kw_only=True)
class BranchWorkflow(Model):
    """The latest run of a workflow on a branch."""

    id: str | None = None
    """UUID of the workflow run, for API v2."""

    status: str | None = None
    """Status of the workflow run. It is not a `BuildStatus`: it has different values, such as `error`."""

    created_at: Timestamp | None = None
    """Time at which the workflow run was started."""
