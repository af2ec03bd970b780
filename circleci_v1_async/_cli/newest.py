"""The newest build with some properties, for commands without a BUILD argument."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import attrs
import click

from circleci_v1_async import BuildFilter, CircleCISession

from .messages import print_note
from .targets import Target

F = TypeVar("F", bound=Callable[..., Any])


def _parse_status(_ctx: click.Context, _param: click.Parameter, value: str | None) -> BuildFilter | None:
    return None if value is None else BuildFilter(value)


branch_option: Final = click.option("-b", "--branch", metavar="NAME", help="Only builds of this branch.")
status_option: Final = click.option(
    "-s",
    "--status",
    "--filter",
    "status",
    type=click.Choice([str(value) for value in BuildFilter]),
    callback=_parse_status,
    help="Only builds with this status.",
)


class NothingFoundError(click.ClickException):
    """No build has the properties."""

    exit_code = 4


@attrs.frozen(kw_only=True)
class Newest:
    """Properties that select the newest matching build.

    Attributes:
        branch: The branch.
        job: The name of the job.
        workflow: The name of the workflow.
        status: The status.
    """

    branch: str | None = None
    job: str | None = None
    workflow: str | None = None
    status: BuildFilter | None = None

    @property
    def options(self) -> str:
        """The options that the user gave."""
        return ", ".join(f"--{name}" for name, value in attrs.asdict(self).items() if value is not None)

    def describe(self, noun: str, found: str = "") -> str:
        """Describe builds with the properties, such as `failed builds of job 'test' on branch 'main'`."""
        parts = [
            self.status,
            noun,
            self.job and f"of job '{self.job}'",
            self.workflow and f"of workflow '{self.workflow}'",
            found,
            self.branch and f"on branch '{self.branch}'",
        ]
        return " ".join(filter(None, parts))


def newest_options(function: F) -> F:
    """Add the options that choose the newest build. The command gets them as `newest`, a `Newest`."""

    @wraps(function)
    def collect(
        *args: Any,
        branch: str | None,
        job: str | None,
        workflow: str | None,
        status: BuildFilter | None,
        **options: Any,
    ) -> Any:
        newest = Newest(branch=branch, job=job, workflow=workflow, status=status)
        return function(*args, newest=newest, **options)

    job = click.option("-j", "--job", metavar="NAME", help="Only builds of this job.")
    workflow = click.option("-w", "--workflow", metavar="NAME", help="Only builds of this workflow.")
    return branch_option(job(workflow(status_option(collect))))  # type: ignore[return-value]


def prefer_failed(newest: Newest) -> Newest:
    """Return the properties, with the status `failed` if the user gave no status."""
    return attrs.evolve(newest, status=newest.status or BuildFilter.FAILED)


async def choose_build(ci: CircleCISession, target: Target, newest: Newest) -> int:
    """Return the number of the given build, or of the newest build with the given properties.

    It prints the number of the newest build.

    If the branch is missing and the project comes from the checkout, the build must be of the checked-out branch.

    Raises:
        NothingFoundError: No build has the properties.
        UsageError: The user gave both a build and properties.
    """
    if target.builds:
        if newest.options:
            raise click.UsageError(f"BUILD cannot be used with {newest.options}.")
        return target.builds[0]
    newest = attrs.evolve(newest, branch=newest.branch or target.branch)
    found = await ci.find_latest_build(
        target.project, branch=newest.branch, job=newest.job, workflow=newest.workflow, filter=newest.status
    )
    if found is None:
        raise NothingFoundError(f"No {newest.describe('builds', 'found')}.")
    print_note(f"Build {found.build_num}, the newest {newest.describe('build')}")
    return found.build_num
