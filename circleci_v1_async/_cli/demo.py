"""The demo: a build history is streamed, and the latest failure in it looked into."""

from tempfile import TemporaryDirectory
from typing import Final

import click
from rich.console import Console

from circleci_v1_async import CircleCISession, Outcome, ProjectSlug
from circleci_v1_async.testing import FakeCircleCI

from . import demo_screen, screen
from .history import Failure, Report
from .shell import Command
from .team import PROJECT, Team

__all__ = ["SECONDS", "demo", "read_fake"]

SECONDS: Final = 2.5  # with the work that it is, long enough to watch, short enough to wait for
_BUILDS: Final = 3000
_LIMIT: Final = 1000
_PAGE: Final = 95  # new builds that a page brings: 100 less the overlap
_MAX_DELAY: Final = 0.08  # the fake, once interrupted, waits a tenth of a second for replies under way
_TAIL: Final = 6


@click.command(cls=Command)
@click.argument("project", required=False)
@click.option("--builds", type=click.IntRange(1), help=f"Builds in the fake's history.  [default: {_BUILDS}]")
@click.option(
    "--limit", type=click.IntRange(1), help=f"Builds to read.  [default: the fake's all, a project's {_LIMIT}]"
)
@click.option("--prefetch", type=click.IntRange(0), default=1, show_default=True, help="Pages to fetch ahead.")
@click.pass_obj
async def demo(console: Console, project: str | None, builds: int | None, limit: int | None, prefetch: int) -> None:
    """Watch a build history being streamed.

    Without PROJECT, a fake CircleCI on loopback serves it, while builds arrive, finish and disappear; no account or
    network is needed. The log and the artifacts of its latest failure are fetched too, into a folder that is gone
    afterwards. With PROJECT, such as gh/acme/web, it is the history of a real one.
    """
    if project is not None and builds is not None:
        raise click.UsageError("--builds is the size of the fake, which takes no part when there is a PROJECT.")
    if project is None:
        report = await read_fake(console, builds=builds or _BUILDS, limit=limit, prefetch=prefetch)
    else:
        async with CircleCISession.from_env() as ci:
            report = Report(str(ProjectSlug.parse(project)), "CircleCI")
            await _follow(console, ci, report, limit=limit or _LIMIT, prefetch=prefetch)
    console.print(demo_screen.summary(report))
    if not report.is_exact:
        raise click.exceptions.Exit(1)


async def read_fake(console: Console, *, builds: int = _BUILDS, limit: int | None = None, prefetch: int = 1) -> Report:
    """Stream the history of a fake whose builds arrive, finish and disappear meanwhile, and look into a failure.

    Args:
        console: Shows how far it is.
        builds: How many builds there are at the start.
        limit: How many to read; `None` for all.
        prefetch: Pages to fetch ahead.
    """
    async with FakeCircleCI() as fake, CircleCISession(fake.token, base_url=fake.base_url) as ci:
        team = Team(fake, builds)
        if console.is_interactive:
            fake.delay = min(_MAX_DELAY, SECONDS / (builds / _PAGE))
            team.upload_slowly(SECONDS / 2)
        report = Report(PROJECT, "a fake CircleCI on loopback", team)
        await _follow(console, ci, report, limit=limit, prefetch=prefetch)
        report.count_lost(team.survivors, limit)
        team.rest()
        report.failure = await _look_into_latest_failure(console, ci)
    return report


async def _follow(console: Console, ci: CircleCISession, report: Report, *, limit: int | None, prefetch: int) -> None:
    with demo_screen.progress(console) as show:
        await report.follow(ci.iter_project_builds(report.project, limit=limit, prefetch=prefetch), show)


async def _look_into_latest_failure(console: Console, ci: CircleCISession) -> Failure | None:
    failures = await ci.list_project_builds(PROJECT, filter="failed")
    build = next((build for build in failures if build.outcome == Outcome.FAILED), None)
    if build is None:
        return None
    log = await ci.get_build_log(PROJECT, build.build_num, failed_only=True, tail=_TAIL)
    artifacts = await ci.list_build_artifacts(PROJECT, build.build_num)
    with TemporaryDirectory() as folder, screen.download_bars(console, len(artifacts)) as bars:
        downloads = await ci.download_artifacts(artifacts, folder, progress=bars).collect()
    return Failure(build, log, downloads)
