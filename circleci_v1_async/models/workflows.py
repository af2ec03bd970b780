"""Workflows that builds are jobs of."""

from collections.abc import Mapping
from typing import Any

from ._model import Model, Timestamp, model

__all__ = ["BranchWorkflow", "Workflow"]


@model(kw_only=True)
class Workflow(Model):
    """The workflow that a build is a job of."""

    job_name: str | None = None
    """Name of the job in the configuration. `Build.job` gives it too."""

    job_id: str | None = None
    """UUID of the job, which API v2 takes."""

    workflow_id: str | None = None
    """UUID of the workflow's run, which API v2 takes. All jobs of the run share it."""

    workspace_id: str | None = None
    """UUID of the workspace, which a workflow's run and its reruns share."""

    upstream_job_ids: tuple[str, ...] = ()
    """UUIDs of the jobs that this one waited for. Always empty since 2026."""

    upstream_concurrency_map: Mapping[str, Any] | None = None
    """Jobs that those waited for, by UUID; internal to CircleCI. Always empty since 2026."""

    workflow_name: str | None = None
    """Name of the workflow in the configuration."""


@model(kw_only=True)
class BranchWorkflow(Model):
    """The latest run of a workflow on a branch."""

    id: str | None = None
    """UUID of the run, which API v2 takes."""

    status: str | None = None
    """Status of the run. Not a `BuildStatus`: it has values of its own, such as `error`."""

    created_at: Timestamp | None = None
    """Time at which the run was started."""
