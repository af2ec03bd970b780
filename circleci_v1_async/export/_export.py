"""The history of projects as an SQLite file, for SQL, notebooks and Datasette.

It needs the extra `export`.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from circleci_v1_async._core.arguments import check_integer
from circleci_v1_async._core.tasks import run_in_thread, run_together
from circleci_v1_async.errors import InvalidInputError, NotFoundError, OffsetRefusedError
from circleci_v1_async.models import Build
from circleci_v1_async.session import CircleCISession
from circleci_v1_async.slug import ProjectSlug

from ._sqlite_file import ExportFile, Pending, Record

__all__ = ["PARTS", "ExportProgress", "ExportSummary", "export_builds"]

R = TypeVar("R")

_log = logging.getLogger("circleci_v1_async")

PARTS: Final = ("steps", "tests", "artifacts")
_CHUNK: Final = 100


@attrs.frozen
class ExportProgress:
    """A page of builds is on the disk.

    Attributes:
        project: The project.
        builds: The number of its builds that were written in this run.
        left: At most so many builds are older than those, and still to be read.
    """

    project: ProjectSlug
    builds: int
    left: int


@attrs.frozen
class ExportSummary:
    """The counts of an export, over all projects.

    Attributes:
        builds: The number of builds that were read and written, those that were there before too.
        requested: The number of builds for which steps, tests or artifacts were asked for.
    """

    builds: int
    requested: int


async def export_builds(
    ci: CircleCISession,
    projects: Iterable[ProjectSlug | str],
    path: str | os.PathLike[str],
    *,
    include: Collection[str] = (),
    concurrency: int = 8,
    progress: Callable[[ExportProgress], None] | None = None,
) -> ExportSummary:
    """Write all builds of projects to an SQLite file, or what came since, if they are there.

    Each page is written in one transaction, so that the program may be killed and run again at any time. Two exports
    can write one file at the same time, even of one project. A run goes
    from the newest build down to those that an earlier run has read to the end. Of a run that was killed, lists are
    read again, a request for 100 builds; steps, tests and artifacts are not. Builds that were not finished are asked
    for again, one by one. What the service no longer has stays in the file. If the service refuses to list builds from
    some offset on, the walk ends there, with a warning in the log.

    Steps, tests and artifacts are exported once a build is finished, with one request for each of them; for builds that
    are in the file already too. Neither the URLs of outputs nor build parameters are exported: they are secrets.

    Args:
        ci: The session.
        projects: Slugs or URLs of the projects.
        path: The file. It may hold other tables. Missing columns are added to the tables of an older version.
        include: Names of what is exported beside builds: `steps`, `tests`, `artifacts`.
        concurrency: The number of builds whose steps, tests and artifacts are asked for at once.
        progress: Called after each page.

    Raises:
        InvalidInputError: An argument is invalid, or the file is of a newer version or another program.
        ModuleNotFoundError: The extra `export` is not installed.
        NotFoundError: A project does not exist, or the token may not see it.
        PaginationDriftError: A list changes faster than it can be read.
        sqlite3.Error: The file cannot be written, is no database, or another program kept it locked for 60 seconds.
    """
    if isinstance(projects, str | ProjectSlug):
        raise InvalidInputError(f"projects: expected a list of projects, got {projects!r}")
    slugs = list(dict.fromkeys(map(ProjectSlug.parse, projects)))
    unknown = include if isinstance(include, str) else sorted(set(include).difference(PARTS))
    if unknown:
        raise InvalidInputError(f"include: expected a list of {', '.join(PARTS)}, got {unknown!r}")
    limit = asyncio.Semaphore(check_integer("concurrency", concurrency, 1))
    database = _check_path(path)

    # A thread of its own, since SQLite's connections stay in theirs.
    thread = ThreadPoolExecutor(1, "export")
    try:
        file = await run_in_thread(partial(ExportFile, database), thread)
        try:
            exports = [_ProjectExport(ci, slug, file, thread, frozenset(include), limit, progress) for slug in slugs]
            for export in exports:
                await export.run()
        finally:
            await run_in_thread(file.close, thread)
    finally:
        # Nothing is under way: to wait for the thread's end would block the loop.
        thread.shutdown(wait=False)
    return ExportSummary(sum(export.builds for export in exports), sum(export.requested for export in exports))


def _check_path(path: str | os.PathLike[str]) -> Path:
    text = os.fspath(path)
    if not text or text == ":memory:" or text.startswith("file:"):
        raise InvalidInputError(f"path: expected the path of a file, got {text!r}")
    return Path(path)


@attrs.define(eq=False)
class _ProjectExport:
    """The export of one project.

    Attributes:
        builds: The number of builds written.
        requested: The number of builds for which parts were asked for.
    """

    _ci: CircleCISession
    _project: ProjectSlug
    _file: ExportFile
    _thread: ThreadPoolExecutor
    _include: frozenset[str]
    _limit: asyncio.Semaphore
    _progress: Callable[[ExportProgress], None] | None
    builds: int = attrs.field(default=0, init=False)
    requested: int = attrs.field(default=0, init=False)

    async def run(self) -> None:
        """Write what is new, then what is unfinished or lacks something."""
        read = await self._write_new_builds()
        pending = await self._in_thread(partial(self._file.find_pending, str(self._project), self._include))
        pending = [build for build in pending if build.build_num not in read]
        for start in range(0, len(pending), _CHUNK):
            await self._write_pending(pending[start : start + _CHUNK])

    async def _write_new_builds(self) -> set[int]:
        """Walk down to the builds that are known, and return the numbers of those read."""
        known_through = await self._in_thread(partial(self._file.get_known_through, str(self._project)))
        newest: int | None = None
        read = set[int]()
        walk = self._ci.iter_project_builds(self._project)
        try:
            async with aclosing(walk.pages()) as pages:
                async for page in pages:
                    await self._write_page(page)
                    if newest is None:
                        newest = page[0].build_num
                    read.update(build.build_num for build in page)
                    self._tell(len(page), page[-1].build_num - known_through - 1)
                    if page[-1].build_num <= known_through:
                        break
        except OffsetRefusedError as error:
            # No run can read more. Without a mark, each one would read all of this again.
            _log.warning("%s: the service lists no builds below %d: %s", self._project, min(read), error)
        if newest is not None:
            # Not the newest build in the file, which another export may have written, with a gap below.
            await self._in_thread(partial(self._file.raise_known_through, str(self._project), newest))
        return read

    async def _write_page(self, page: list[Build]) -> None:
        nums = [build.build_num for build in page]
        complete = await self._in_thread(partial(self._file.find_complete_parts, str(self._project), nums))
        await self._write(
            self._read(build.build_num, build, self._include - complete[build.build_num]) for build in page
        )

    async def _write_pending(self, pending: list[Pending]) -> None:
        nums = [build.build_num for build in pending]
        complete = await self._in_thread(partial(self._file.find_complete_parts, str(self._project), nums))
        await self._write(self._read_again(build, self._include - complete[build.build_num]) for build in pending)
        self._tell(len(pending), 0)

    async def _read_again(self, pending: Pending, parts: frozenset[str]) -> Record:
        build = None
        if not pending.is_finished:
            try:
                async with self._limit:
                    build = await self._ci.get_build(self._project, pending.build_num)
            except NotFoundError:
                # It was deleted: what is known of it stays.
                parts = frozenset()
        return await self._read(pending.build_num, build, parts)

    async def _read(self, build_num: int, build: Build | None, parts: frozenset[str]) -> Record:
        """Ask for the parts of a build, if it is finished. Without a build, its row in the file is final."""
        found = dict[str, Sequence[Any]]()
        if parts and (build is None or build.is_finished):
            self.requested += 1
            async with self._limit:
                for part in sorted(parts):
                    try:
                        found[part] = await self._fetch(part, build_num)
                    except NotFoundError:
                        # It was deleted, or never ran: there is nothing to come.
                        found[part] = ()
        return Record(build_num, build, found)

    async def _fetch(self, part: str, build_num: int) -> Sequence[Any]:
        if part == "steps":
            return (await self._ci.get_build(self._project, build_num)).steps
        if part == "tests":
            return await self._ci.list_build_tests(self._project, build_num)
        return await self._ci.list_build_artifacts(self._project, build_num)

    async def _write(self, readings: Iterable[Coroutine[Any, Any, Record]]) -> None:
        records = await run_together(readings)
        await self._in_thread(partial(self._file.write, str(self._project), records))

    async def _in_thread(self, function: Callable[[], R]) -> R:
        return await run_in_thread(function, self._thread)

    def _tell(self, builds: int, left: int) -> None:
        self.builds += builds
        if self._progress is not None:
            self._progress(ExportProgress(self._project, self.builds, max(0, left)))
