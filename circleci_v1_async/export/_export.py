"""The export of projects' builds: it selects the data to read, and the order to write it in."""

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, TypeVarTuple, cast

import attrs

from circleci_v1_async._core.arguments import check_callback, check_integer
from circleci_v1_async._core.tasks import call_back, run_in_thread, run_together
from circleci_v1_async.errors import InvalidInputError, NotFoundError, OffsetRefusedError
from circleci_v1_async.models import Build
from circleci_v1_async.session import CircleCISession
from circleci_v1_async.slug import ProjectSlug

from ._sqlite_file import ExportFile, Pending, Record

B = TypeVar("B", Build, Pending)
R = TypeVar("R")
Ts = TypeVarTuple("Ts")

_log = logging.getLogger("circleci_v1_async")

PARTS: Final = ("steps", "tests", "artifacts")
_CHUNK: Final = 100


@attrs.frozen
class ExportProgress:
    """Progress of an export after a page of builds is on disk.

    Attributes:
        project: The project.
        builds: Number of the project's builds that this run has written so far.
        left: Maximum number of older builds that are still to be read.
    """

    project: ProjectSlug
    builds: int
    left: int


@attrs.frozen
class ExportSummary:
    """Totals of an export over all projects.

    Attributes:
        builds: Number of builds that were read and written, including builds that were already in the file.
        requested: Number of builds with requests for their steps, tests or artifacts.
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
    progress: Callable[[ExportProgress], object] | None = None,
) -> ExportSummary:
    """Write all builds of projects to an SQLite file. If the file has builds, write only newer builds.

    Each page is written in one transaction, so you can kill the program and run it again at any time. Two exports can
    write to one file at the same time, even for the same project.

    A run reads from the newest build down to the builds that an earlier run has read completely. If a run was killed,
    the next run reads the lists again, with one request per 100 builds, but not the steps, tests and artifacts. Builds
    that were unfinished are requested again, one by one. Data that the service has deleted stays in the file. If the
    service rejects requests for a list from some offset on, the walk ends there, with a warning in the log.

    The steps, tests and artifacts of a build are exported when the build has finished, with one request for each of the
    three, even for builds that are already in the file. URLs of outputs and build parameters are secrets, and left out.

    Args:
        ci: The session.
        projects: Slugs or URLs of the projects.
        path: Path of the file. The file can contain other tables. Tables of an older version get the missing columns.
        include: Names of additional data to export: `steps`, `tests`, `artifacts`.
        concurrency: Maximum number of builds to request steps, tests and artifacts for at the same time.
        progress: A function or coroutine function, called with an `ExportProgress` after each page. If it raises an
            error, the export ends with this error.

    Returns:
        The totals of the export.

    Raises:
        InvalidInputError: An argument is invalid, or the file belongs to a newer version or another program.
        ModuleNotFoundError: The extra `export` is not installed.
        NotFoundError: A project does not exist, or the token has no access to the project.
        PaginationDriftError: A list changes faster than the export can read it.
        sqlite3.Error: The file cannot be written, is not a database, or was locked by another program for 60 seconds.
    """
    if isinstance(projects, str | ProjectSlug):
        raise InvalidInputError(f"projects: expected a list of projects, got {projects!r}")
    slugs = list(dict.fromkeys(map(ProjectSlug.parse, projects)))
    unknown = include if isinstance(include, str) else sorted(set(include).difference(PARTS))
    if unknown:
        raise InvalidInputError(f"include: expected a list of {', '.join(PARTS)}, got {unknown!r}")
    check_callback("progress", progress)
    limit = asyncio.Semaphore(check_integer("concurrency", concurrency, 1))
    database = _check_path(path)

    # A separate thread, because an SQLite connection must stay in the thread that opened it.
    thread = ThreadPoolExecutor(1, "export")
    # A cancellation while the file is opened leaves a file to close.
    opened: list[ExportFile] = []
    try:
        await run_in_thread(lambda: opened.append(ExportFile(database)), thread)
        (file,) = opened
        exports = [_ProjectExport(ci, slug, file, thread, frozenset(include), limit, progress) for slug in slugs]
        for export in exports:
            await export.run()
    finally:
        try:
            for each in opened:
                await run_in_thread(each.close, thread)
        finally:
            # The thread is idle. Waiting for the end of the thread would block the event loop.
            thread.shutdown(wait=False)
    return ExportSummary(sum(export.builds for export in exports), sum(export.requested for export in exports))


def _check_path(path: str | os.PathLike[str]) -> Path:
    text = cast("object", os.fspath(path) if isinstance(path, os.PathLike) else path)
    if not isinstance(text, str) or text in {"", ":memory:"} or text.startswith("file:"):
        raise InvalidInputError(f"path: expected the path of a file, got {text!r}")
    return Path(text)


@attrs.define(eq=False)
class _ProjectExport:
    """The export of one project, with the numbers of builds written, and of builds requested."""

    _ci: CircleCISession
    _project: ProjectSlug
    _file: ExportFile
    _thread: ThreadPoolExecutor
    _include: frozenset[str]
    _limit: asyncio.Semaphore
    _progress: Callable[[ExportProgress], object] | None
    builds: int = attrs.field(default=0, init=False)
    requested: int = attrs.field(default=0, init=False)

    async def run(self) -> None:
        """Write the new builds, then the builds that were unfinished or lack a part."""
        read = await self._write_new_builds()
        pending = await self._in_thread(self._file.find_pending, self._include)
        pending = [build for build in pending if build.build_num not in read]
        for start in range(0, len(pending), _CHUNK):
            chunk = pending[start : start + _CHUNK]
            await self._write(chunk, self._read_again)
            await self._tell(len(chunk), 0)

    async def _write_new_builds(self) -> set[int]:
        """Write the builds from the newest down to the known builds. Return the numbers of the read builds."""
        known_through = await self._in_thread(self._file.get_known_through)
        newest: int | None = None
        read = set[int]()
        walk = self._ci.iter_project_builds(self._project)
        try:
            async with aclosing(walk.pages()) as pages:
                async for page in pages:
                    await self._write(page, self._read)
                    if newest is None:
                        newest = page[0].build_num
                    read.update(build.build_num for build in page)
                    await self._tell(len(page), page[-1].build_num - known_through - 1)
                    if page[-1].build_num <= known_through:
                        break
        except OffsetRefusedError as error:
            # No run can read further. Save the mark, or each run would read all of these builds again.
            _log.warning("%s: the service lists no builds below %d: %s", self._project, min(read), error)
        if newest is not None:
            # Not the newest build in the file: another export may have written it, with a gap below.
            await self._in_thread(self._file.raise_known_through, newest)
        return read

    async def _write(
        self, builds: Sequence[B], read: Callable[[B, frozenset[str]], Coroutine[Any, Any, Record]]
    ) -> None:
        """Read the parts of builds that the file does not have, and write them."""
        complete = await self._in_thread(self._file.find_complete_parts, [build.build_num for build in builds])
        records = await run_together(read(build, self._include - complete[build.build_num]) for build in builds)
        await self._in_thread(self._file.write, records)

    async def _read_again(self, pending: Pending, parts: frozenset[str]) -> Record:
        if pending.is_finished:
            return Record(pending.build_num, None, await self._read_parts(pending, parts))
        try:
            async with self._limit:
                build = await self._ci.get_build(self._project, pending.build_num)
        except NotFoundError:
            # The build was deleted. Keep its data in the file.
            return Record(pending.build_num, None, {})
        return await self._read(build, parts)

    async def _read(self, build: Build, parts: frozenset[str]) -> Record:
        return Record(build.build_num, build, await self._read_parts(build, parts))

    async def _read_parts(self, build: Build | Pending, parts: frozenset[str]) -> dict[str, Sequence[Any]]:
        """Fetch the parts of a build, if the build is finished."""
        found = dict[str, Sequence[Any]]()
        if parts and build.is_finished:
            self.requested += 1
            async with self._limit:
                for part in sorted(parts):
                    try:
                        found[part] = await self._fetch(part, build.build_num)
                    except NotFoundError:
                        # The build was deleted or never ran, so the part stays empty.
                        found[part] = ()
        return found

    async def _fetch(self, part: str, build_num: int) -> Sequence[Any]:
        if part == "steps":
            return (await self._ci.get_build(self._project, build_num)).steps
        if part == "tests":
            return await self._ci.list_build_tests(self._project, build_num)
        return await self._ci.list_build_artifacts(self._project, build_num)

    async def _in_thread(self, method: Callable[[str, *Ts], R], *arguments: *Ts) -> R:
        """Call a method of the file for this project."""
        return await run_in_thread(partial(method, str(self._project), *arguments), self._thread)

    async def _tell(self, builds: int, left: int) -> None:
        self.builds += builds
        if self._progress is not None:
            await call_back(self._progress, ExportProgress(self._project, self.builds, max(0, left)))
