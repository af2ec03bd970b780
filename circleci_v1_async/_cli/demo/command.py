"""The demo: streams a build history, then fetches the log and artifacts of the latest failure."""

import asyncio
from tempfile import TemporaryDirectory
from typing import Final

import click
from rich.console import Console

from circleci_v1_async import CircleCISession, Outcome, ProjectSlug
from circleci_v1_async._cli.bars import open_download_bars
from circleci_v1_async._cli.command import Command
from circleci_v1_async._cli.login import open_session
from circleci_v1_async.testing import FakeCircleCI

from . import screen as demo_screen
from .report import Failure, Report
from .team import PROJECT, Team

SECONDS: Final = 2.5  # long enough to watch and short enough to wait for, together with the work itself
_BUILDS: Final = 3000
_LIMIT: Final = 1000
_PAGE: Final = 95  # new builds per page: 100 minus the overlap
_MAX_DELAY: Final = 0.08  # after an interrupt, the fake waits a tenth of a second for replies that are being sent
_TAIL: Final = 6
_NEXT: Final = "Your own project: circleci-v1 demo gh/ORG/REPO"


@click.command(cls=Command, example="demo --builds 500")
@click.argument("project", required=False)
@click.option(
    "--builds",
    type=click.IntRange(1),
    metavar="N",
    help=f"Number of builds in the fake's history.  [default: {_BUILDS}]",
)
@click.option(
    "-L",
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help=f"Number of builds to read.  [default: all builds of the fake, {_LIMIT} of a project]",
)
@click.option(
    "--prefetch",
    type=click.IntRange(0),
    metavar="N",
    default=1,
    show_default=True,
    help="Number of pages to fetch ahead.",
)
@click.pass_obj
async def demo(console: Console, project: str | None, builds: int | None, limit: int | None, prefetch: int) -> None:
    """Stream a build history, as a demonstration.

    Without PROJECT, the demo reads the history of a fake CircleCI on your machine, while builds arrive, finish and
    disappear. You need neither an account nor a network. The demo also downloads the log and the artifacts of the
    latest failure to a temporary folder. With PROJECT, such as gh/acme/web, it reads the history of that project.
    """
    if project is not None and builds is not None:
        raise click.UsageError("--builds sets the size of the fake's history, and cannot be used with a PROJECT.")
    if project is None:
        report = await read_fake(console, builds=builds or _BUILDS, limit=limit, prefetch=prefetch)
    else:
        async with open_session() as ci:
            report = Report(str(ProjectSlug.parse(project)), "CircleCI")
            await _follow(console, ci, report, limit=limit or _LIMIT, prefetch=prefetch)
    console.print(demo_screen.render_summary(report))
    if project is None:
        console.print(_NEXT, style="dim")
    if not report.is_exact:
        raise click.exceptions.Exit(1)


async def read_fake(console: Console, *, builds: int = _BUILDS, limit: int | None = None, prefetch: int = 1) -> Report:
    """Stream a fake's history while its builds change, then fetch the files of its latest failure.

    Args:
        console: Shows the progress.
        builds: Number of builds at the start.
        limit: Number of builds to read; `None` for all.
        prefetch: Number of pages to fetch ahead.
    """
    async with FakeCircleCI() as fake, CircleCISession(fake.token, base_url=fake.base_url) as ci:
        team = Team(fake, builds)
        if console.is_interactive:
            fake.delay = min(_MAX_DELAY, SECONDS / (builds / _PAGE))
            team.upload_slowly(SECONDS / 2)
        report = Report(PROJECT, "a fake CircleCI on loopback", team)
        await _follow(console, ci, report, limit=limit, prefetch=prefetch)
        report.count_lost(team.survivors, limit)
        team.stop()
        report.failure = await _fetch_latest_failure(console, ci)
    return report


async def _follow(console: Console, ci: CircleCISession, report: Report, *, limit: int | None, prefetch: int) -> None:
    with demo_screen.open_progress(console) as show:
        await report.follow(ci.iter_project_builds(report.project, limit=limit, prefetch=prefetch), show)


async def _fetch_latest_failure(console: Console, ci: CircleCISession) -> Failure | None:
    failures = await ci.list_project_builds(PROJECT, filter="failed")
    build = next((build for build in failures if build.outcome == Outcome.FAILED), None)
    if build is None:
        return None
    log = await ci.get_build_log(PROJECT, build.build_num, failed_only=True, tail=_TAIL)
    artifacts = await ci.list_build_artifacts(PROJECT, build.build_num)
    folder = await asyncio.to_thread(TemporaryDirectory)
    try:
        with open_download_bars(console) as bars:
            downloads = await ci.download_artifacts(artifacts, folder.name, progress=bars).collect()
    finally:
        await asyncio.to_thread(folder.cleanup)
    return Failure(build, log, downloads)
