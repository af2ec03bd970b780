"""Logs of builds. Made of `get_build` and `iter_output`."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast, overload

from circleci_v1_async._core.arguments import check_integer, check_seconds, check_text
from circleci_v1_async._core.tasks import run_together
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async._files.threads import FileThreads
from circleci_v1_async.errors import BodyTooLargeError, CircleCIError, InvalidInputError
from circleci_v1_async.models import Action, BuildSummary, Step
from circleci_v1_async.slug import ProjectSlug

from .builds import BuildOperations
from .output import OutputOperations
from .paths import parse_build_reference

if TYPE_CHECKING:
    from circleci_v1_async.logs import LogLine
    from circleci_v1_async.logs._actions import ActionLines, FollowedAction

__all__ = ["LogOperations"]

_AT_ONCE: Final = 8


class LogOperations(BuildOperations, OutputOperations):
    """Logs of builds."""

    _file_threads: FileThreads

    async def get_build_log(
        self,
        project: ProjectSlug | str | BuildSummary,
        build_num: int | None = None,
        *,
        failed_only: bool = False,
        step: str | None = None,
        tail: int | None = None,
        strip_ansi: bool = True,
    ) -> str:
        """Return the output of all steps of a build as text, each under a heading.

        It takes one `get_build`, and `iter_output` for each run of a step, several at a time.

        Args:
            project: A slug or URL of it; or, without a number, a build that says where it belongs, or the URL of a
                build or job.
            build_num: The build's number.
            failed_only: Only steps whose status is `failed`, `timedout`, `infrastructure_fail` or `canceled`.
            step: Only steps of this name.
            tail: Number of the last lines to return of each run of a step, from 1; `None` for all.
            strip_ansi: Whether lines are as a terminal would show them: without colours, and without what progress bars
                wrote over. No control characters are left. `False` gives the text as it was written.

        Returns:
            The text; empty when there are no such steps. CircleCI forgets the steps of old builds.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
            BodyTooLargeError: The lines to return of a run of a step have more characters than `max_body` allows.
            TransportError: And the other errors of `iter_output`.

        Examples:
            ```python
            print(await ci.get_build_log("gh/acme/web", 7, failed_only=True, tail=40))
            ```
        """
        from circleci_v1_async.logs._actions import select_actions
        from circleci_v1_async.logs._stream import take_turns
        from circleci_v1_async.logs._text import LogText, heading

        check_text("step", step)
        if tail is not None:
            tail = check_integer("tail", tail, 1)
        slug, number = parse_build_reference(project, build_num)
        build = await self.get_build(slug, number)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def read(step: Step, action: Action) -> str:
            log = LogText(tail=tail, strip_ansi=strip_ansi, max_size=self._max_size)
            async with slots, aclosing(take_turns(self.iter_output(slug, number, action))) as output:
                async for piece in output:
                    log.add(piece)
            return heading(step, action, strip_ansi=strip_ansi) + log.finish()

        with TracebackScrubber():
            runs = select_actions(build, step, failed_only=failed_only)
            return "\n".join(await run_together(read(*run) for run in runs))

    def iter_build_log(
        self,
        project: ProjectSlug | str | BuildSummary,
        build_num: int | None = None,
        *,
        failed_only: bool = False,
        step: str | None = None,
        follow: bool = False,
        interval: float = 5.0,
    ) -> "AsyncGenerator[LogLine, None]":
        """Yield the lines of a build's log as a terminal would show them, also while the build runs.

        It takes one `get_build`, and `iter_output` for each run of a step, one after the other. With `follow` it makes
        these requests again and again until the build has finished, for the steps that had not; and once more after
        the end of each, as what it wrote last may be stored a little later.

        Args:
            project: A slug or URL of it; or, without a number, a build that says where it belongs, or the URL of a
                build or job.
            build_num: The build's number.
            failed_only: Only steps whose status is `failed`, `timedout`, `infrastructure_fail` or `canceled`.
            step: Only steps of this name.
            follow: Whether to go on until the build has finished. While it runs, a line is given when it has ended, and
                later redraws of it come as lines of their own. The output of a step that is larger than `max_body` is
                given when the step has ended.
            interval: With `follow`, seconds from one look to the next. Errors that may pass are logged, and the next
                look comes later.

        Returns:
            An iterator for `async for`, without an `await`. Each line comes once. Memory stays flat: at most 100 rows
            are kept until they are final.

        Raises:
            InvalidInputError: At once. The other errors come out of the loop.
            NotFoundError: There is no such build, or the token may not see it.
            BodyTooLargeError: A line, or what the window keeps, is larger than the session's `max_body`.
            TransportError: And the other errors of `iter_output`.

        Examples:
            ```python
            async for line in ci.iter_build_log("gh/acme/web", 7, follow=True):
                print(line.step, line.text)
            ```
        """
        slug, number = parse_build_reference(project, build_num)
        check_text("step", step)
        check_seconds("interval", interval)
        if follow:
            return self._follow_log(slug, number, step, interval, failed_only=failed_only)
        return self._read_log(slug, number, step, failed_only=failed_only)

    @overload
    async def save_build_log(
        self,
        project: ProjectSlug | str | BuildSummary,
        build_num: int,
        path: str | os.PathLike[str],
        *,
        failed_only: bool = ...,
        step: str | None = ...,
        strip_ansi: bool = ...,
        overwrite: bool = ...,
    ) -> Path: ...

    @overload
    async def save_build_log(
        self,
        build: str | BuildSummary,
        path: str | os.PathLike[str],
        /,
        *,
        failed_only: bool = ...,
        step: str | None = ...,
        strip_ansi: bool = ...,
        overwrite: bool = ...,
    ) -> Path: ...

    async def save_build_log(
        self,
        project: ProjectSlug | str | BuildSummary,
        build_num: int | str | os.PathLike[str] | None = None,
        path: str | os.PathLike[str] | None = None,
        *,
        failed_only: bool = False,
        step: str | None = None,
        strip_ansi: bool = True,
        overwrite: bool = False,
    ) -> Path:
        """Save the log of a build as text, each step under a heading. The file gets its name when it is whole.

        The requests are those of `iter_build_log`, whose lines are written as they come: a log may have any size.

        Args:
            project: A slug or URL of it; or, without a number, the build or its URL: `save_build_log(build, path)`.
            build_num: The build's number.
            path: The file's path. Missing folders are made.
            failed_only: Only steps whose status is `failed`, `timedout`, `infrastructure_fail` or `canceled`.
            step: Only steps of this name.
            strip_ansi: Whether lines are as a terminal would show them, as of `get_build_log`.
            overwrite: Whether a file of that name may be replaced.

        Returns:
            The file's path. The file is empty when there are no such steps.

        Raises:
            InvalidInputError: The path is that of a folder. Nothing was sent; likewise with the next two.
            PathConflictError: There is something at the path.
            UnsafePathError: There is a symbolic link at the path, which is not replaced with `overwrite` either.
            DownloadError: The file system refuses something.
            NotFoundError: There is no such build, or the token may not see it.
            TransportError: And the other errors of `iter_build_log`.

        Examples:
            ```python
            await ci.save_build_log("gh/acme/web", 7, "build-7.log")
            ```
        """
        from circleci_v1_async._files.text_file import write_text_file
        from circleci_v1_async.logs._actions import ActionLines, select_actions
        from circleci_v1_async.logs._text import heading

        if path is None and isinstance(build_num, str | os.PathLike):
            build_num, path = None, build_num
        if path is None:
            raise InvalidInputError("path: expected the path of a file, got None")
        slug, number = parse_build_reference(project, cast("int | None", build_num))
        check_text("step", step)
        with TracebackScrubber():
            async with write_text_file(self._file_threads, Path(path), overwrite=overwrite) as file:
                build = await self.get_build(slug, number)
                between = ""
                for run in select_actions(build, step, failed_only=failed_only):
                    await file.write(between + heading(*run, strip_ansi=strip_ansi))
                    between = "\n"
                    run_lines = ActionLines(*run, self._max_size, strip_ansi=strip_ansi)
                    async with aclosing(self._read_run(slug, number, run[1], run_lines)) as lines:
                        async for line in lines:
                            await file.write(f"{line}\n")
        return Path(path)

    @property
    def _max_size(self) -> int:
        return self._caller.options.max_body

    async def _read_log(
        self, slug: ProjectSlug, number: int, step_name: str | None, *, failed_only: bool
    ) -> "AsyncGenerator[LogLine, None]":
        from circleci_v1_async.logs._actions import ActionLines, select_actions

        build = await self.get_build(slug, number)
        for step, action in select_actions(build, step_name, failed_only=failed_only):
            run_lines = ActionLines(step, action, self._max_size)
            async with aclosing(self._read_run(slug, number, action, run_lines)) as lines:
                async for line in lines:
                    yield line

    async def _follow_log(
        self, slug: ProjectSlug, number: int, step_name: str | None, interval: float, *, failed_only: bool
    ) -> "AsyncGenerator[LogLine, None]":
        from circleci_v1_async._polling.pauses import pause_after_error
        from circleci_v1_async.logs._actions import ActionLines, FollowedAction, select_actions
        from circleci_v1_async.logs._screen import HEIGHT

        runs: dict[tuple[object, ...], FollowedAction] = {}
        # One that has finished before the first look is read once, as without `follow`.
        was_running = False
        quiet = 0
        while True:
            delay = interval
            try:
                build = await self.get_build(slug, number)
                was_running = was_running or not build.is_finished
                is_done = build.is_finished
                for step, action in select_actions(build, step_name, failed_only=failed_only):
                    key = action.step, action.index, action.allocation_id, action.auto_rerun_number
                    run = runs.setdefault(key, FollowedAction(is_over=not was_running))
                    if not run.is_done:
                        is_over = build.is_finished or action.end_time is not None
                        run_lines = ActionLines(step, action, self._max_size, height=1 if was_running else HEIGHT)
                        new = self._read_new(slug, number, action, run_lines, run, is_over=is_over)
                        async with aclosing(new) as lines:
                            async for line in lines:
                                yield line
                    is_done = is_done and run.is_done
                if is_done:
                    return
                quiet = 0
            except CircleCIError as error:
                if not error.transient:
                    raise
                quiet += 1
                delay = pause_after_error(self._caller, f"log of build {number}", interval, quiet, error)
            await self._caller.clock.sleep(delay)

    async def _read_new(
        self,
        slug: ProjectSlug,
        number: int,
        action: Action,
        run_lines: "ActionLines",
        run: "FollowedAction",
        *,
        is_over: bool,
    ) -> "AsyncGenerator[LogLine, None]":
        """Yield the lines of a followed run that were not given before."""
        is_last, run.is_over = run.is_over, is_over
        position = 0
        try:
            async with aclosing(self._read_run(slug, number, action, run_lines, is_last=is_last)) as lines:
                async for line in lines:
                    position += 1
                    if position > run.given:
                        run.given = position
                        yield line
        except BodyTooLargeError:
            # While it runs it comes in one piece, later in many.
            if is_last:
                raise
        else:
            run.is_done = is_last

    async def _read_run(
        self, slug: ProjectSlug, number: int, action: Action, run_lines: "ActionLines", *, is_last: bool = True
    ) -> "AsyncGenerator[LogLine, None]":
        """Yield the lines of a run of a step that are final; all of them if it has ended."""
        from circleci_v1_async.logs._stream import take_turns

        async with aclosing(take_turns(self.iter_output(slug, number, action))) as output:
            async for piece in output:
                for line in run_lines.feed(piece):
                    yield line
        if is_last:
            for line in run_lines.finish():
                yield line
