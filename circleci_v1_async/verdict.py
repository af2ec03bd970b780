"""Verdicts on commits and workflows."""

import attrs

from .models import Build

__all__ = ["Verdict"]


@attrs.frozen
class Verdict:
    """The result of waiting for a commit or a workflow.

    Of each job of each workflow only the newest build counts, as with `latest_only` of `builds_for_commit`: a job that
    failed and is run again is what its rerun is. A build that was not run (`BuildStatus.NOT_RUN`) counts as neither
    success nor failure.

    Attributes:
        builds: The newest build of each job, newest first; with `jobs`, of these jobs only.
        is_success: Whether there is a success among `builds`, every other one succeeded too or was not run, and no job
            is missing.
        failed: The builds that finished and did not succeed: cancelled ones too, and those that had no tests.
        missing: The names of `jobs` that never came, or were not run. Empty without `jobs`.
    """

    builds: tuple[Build, ...]
    is_success: bool
    failed: tuple[Build, ...]
    missing: tuple[str, ...]
