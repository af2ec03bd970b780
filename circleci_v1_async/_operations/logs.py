"""Logs of builds. Built on `get_build` and `iter_output`."""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast, overload

from circleci_v1_async._core.arguments import check_integer, check_seconds, check_text
from circleci_v1_async._core.tasks import run_together
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async.errors import CircleCIError, InvalidInputError, SessionClosedError
from circleci_v1_async.models import Action, BuildSummary, Step
from circleci_v1_async.slug import ProjectSlug

from .builds import BuildOperations
from .output import OutputOperations, log_remark
from .paths import parse_build_reference

if TYPE_CHECKING:
    from circleci_v1_async.logs import LogLine
    from circleci_v1_async.logs._actions import ActionLines, FollowedBuild

_AT_ONCE: Final = 8


class LogOperations(BuildOperations, OutputOperations):
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
        """Return the output of all steps of a build as one string, each step under a heading.

        This method calls `get_build` once, and `iter_output` for each step run, several at the same time.

        If the log of a step run cannot be read, one line in brackets replaces the log, or the rest of the log. If
        CircleCI did not keep all of a log, one line in brackets precedes the log. Both lines are logged as warnings.

        Args:
            project: The project's slug or URL; or, without a number, the build or its URL.
            build_num: The build's number.
            failed_only: Whether to include only steps with the status `failed`, `timedout`, `infrastructure_fail` or
                `canceled`.
            step: The name of the steps to return; `None` for all steps.
            tail: Number of last lines to return of each step run, from 1; `None` for all lines.
            strip_ansi: Whether to return lines as a terminal would show them: without colors, without the parts that
                progress bars have overwritten, and without control characters. `False` returns the raw output.

        Returns:
            The log. It is empty if CircleCI no longer returns the steps of an old build, or, with `failed_only`, if no
            step has failed.

        Raises:
            InvalidInputError: An argument is invalid, or the build has steps, but no step named `step`.
            NotFoundError: The build does not exist, or the token has no access to it.
            BodyTooLargeError: No log can be read, and the lines to return of a step run are larger than `max_body`.
            TransportError: No log can be read. The other errors of `iter_output` are also raised if no log can be read.

        Examples:
            ```python
            print(await ci.get_build_log("gh/acme/web", 7, failed_only=True, tail=40))
            ```
        """
        from circleci_v1_async.logs._actions import select_actions
        from circleci_v1_async.logs._line import Remark
        from circleci_v1_async.logs._stream import take_turns
        from circleci_v1_async.logs._text import LogText, heading

        check_text("step", step)
        if tail is not None:
            tail = check_integer("tail", tail, 1)
        slug, number = parse_build_reference(project, build_num)
        build = await self.get_build(slug, number)
        runs = select_actions(build, step, failed_only=failed_only)
        slots = asyncio.Semaphore(_AT_ONCE)
        failures: list[CircleCIError] = []

        async def read(step: Step, action: Action) -> str:
            log = LogText(tail=tail, strip_ansi=strip_ansi, max_size=self._caller.options.max_body)
            try:
                async with slots, aclosing(take_turns(self._open_output(slug, number, action))) as output:
                    async for piece in output:
                        log.add(piece)
                        if isinstance(piece, Remark):
                            log_remark(slug, number, action, piece)
                text = log.finish()
            except CircleCIError as error:
                _note_failure(error, failures, len(runs))
                text, failure = log.fail(error)
                log_remark(slug, number, action, failure)
            return heading(step, action, strip_ansi=strip_ansi) + text

        with TracebackScrubber():
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
        """Yield the lines of a build's log as a terminal would show them, even while the build runs.

        This method calls `get_build` once, and `iter_output` for each step run, one after the other. With `follow`, it
        polls: it repeats these requests for the unfinished steps until the build has finished. Each step is polled a
        last time after its end, because CircleCI may store its last output a little later.

        If the log of a step run cannot be read, or CircleCI did not keep all of the log, one line in brackets reports
        it, as in `get_build_log`. This line has neither `time` nor `type`, and is logged as a warning.

        Args:
            project: The project's slug or URL; or, without a number, the build or its URL.
            build_num: The build's number.
            failed_only: Whether to include only steps that have failed, as in `get_build_log`.
            step: The name of the steps to yield; `None` for all steps.
            follow: Whether to continue until the build has finished. While the build runs, each line is yielded when it
                is complete. If the step redraws a line later, the redraw is yielded as a separate line. If the output
                of a step is larger than `max_body`, its lines are yielded when the step has finished.
            interval: Number of seconds between two polls with `follow`. Transient errors are logged, and delay the next
                poll.

        Returns:
            An async iterator. Use `async for` on it, without `await`. It yields each line once. Only if CircleCI did
            not keep all of a polled log, it yields the line in brackets and the remaining lines, even if it has yielded
            these lines before. At most 100 rows are kept in memory until they are final.

        Raises:
            InvalidInputError: An argument is invalid. Raised by the call itself; other errors during iteration. Also
                raised if the build has steps, but no step named `step`; with `follow`, when the build has finished.
            NotFoundError: The build does not exist, or the token has no access to it.
            BodyTooLargeError: No log can be read, and a line, or the rows in memory, are larger than `max_body`.
            TransportError: No log can be read. The other errors of `iter_output` are also raised if no log can be read.

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
        """Save the log of a build to a text file, each step under a heading, completely or not at all.

        This method makes the same requests as `iter_build_log`. It writes each line when the line is final, so that a
        log can have any size. The file contains the same lines in brackets as the result of `get_build_log`. Use
        `save_output` for the raw output of one step run.

        Args:
            project: The project's slug or URL; or, without a number, the build or its URL:
                `save_build_log(build, path)`.
            build_num: The build's number.
            path: The file's path. Missing folders are created.
            failed_only: Whether to include only steps that have failed, as in `get_build_log`.
            step: The name of the steps to save; `None` for all steps.
            strip_ansi: Whether to write lines as a terminal would show them, as in `get_build_log`.
            overwrite: Whether to replace an existing file.

        Returns:
            The file's path. The file is empty in the same cases as the result of `get_build_log`.

        Raises:
            InvalidInputError: An argument is invalid, or the path is a folder. Nothing was sent. Also raised if the
                build has steps, but no step named `step`.
            NotFoundError: The build does not exist, or the token has no access to it.
            PathConflictError: The path is not a regular file, or it exists and `overwrite` is false. Nothing was sent.
            UnsafePathError: The path is a symbolic link, which `overwrite` does not replace. Nothing was sent.
            DownloadError: The file system reports an error.
            TransportError: No log can be read. The other errors of `iter_build_log` are raised in the same case.

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
                runs = select_actions(build, step, failed_only=failed_only)
                failures: list[CircleCIError] = []
                between = ""
                for run in runs:
                    await file.write(between + heading(*run, strip_ansi=strip_ansi))
                    between = "\n"
                    run_lines = ActionLines(*run, self._caller.options.max_body, strip_ansi=strip_ansi)
                    async with aclosing(self._read_run(slug, number, run[1], run_lines, failures, len(runs))) as lines:
                        async for line in lines:
                            await file.write(f"{line}\n")
        return Path(path)

    async def _read_log(
        self, slug: ProjectSlug, number: int, step_name: str | None, *, failed_only: bool
    ) -> "AsyncGenerator[LogLine, None]":
        from circleci_v1_async.logs._actions import ActionLines, select_actions

        build = await self.get_build(slug, number)
        runs = select_actions(build, step_name, failed_only=failed_only)
        failures: list[CircleCIError] = []
        for step, action in runs:
            run_lines = ActionLines(step, action, self._caller.options.max_body)
            async with aclosing(self._read_run(slug, number, action, run_lines, failures, len(runs))) as lines:
                async for line in lines:
                    yield line

    async def _follow_log(
        self, slug: ProjectSlug, number: int, step_name: str | None, interval: float, *, failed_only: bool
    ) -> "AsyncGenerator[LogLine, None]":
        from circleci_v1_async._polling.pauses import pause_after_error
        from circleci_v1_async.logs._actions import FollowedBuild

        followed = FollowedBuild()
        quiet = 0
        while True:
            delay = interval
            try:
                polling = self._poll_log(slug, number, step_name, followed, failed_only=failed_only)
                async with aclosing(polling) as lines:
                    async for line in lines:
                        yield line
                quiet = 0
            except CircleCIError as error:
                if not error.transient:
                    raise
                quiet += 1
                delay = pause_after_error(self._caller, f"log of build {number}", interval, quiet, error)
            if followed.is_done:
                return
            await self._caller.clock.sleep(delay)

    async def _poll_log(
        self, slug: ProjectSlug, number: int, step_name: str | None, followed: "FollowedBuild", *, failed_only: bool
    ) -> "AsyncGenerator[LogLine, None]":
        """Yield the new lines of all step runs. After that, raise a transient error of one log, if any."""
        from circleci_v1_async.logs._actions import select_actions
        from circleci_v1_async.logs._screen import HEIGHT

        build = await self.get_build(slug, number)
        followed.was_running = followed.was_running or not build.is_finished
        actions = select_actions(build, step_name, failed_only=failed_only, may_appear=not build.is_finished)
        max_size = self._caller.options.max_body
        selected = [(action, followed.find_lines(step, action, max_size)) for step, action in actions]
        transient: CircleCIError | None = None
        for action, run_lines in selected:
            if run_lines.is_done:
                continue
            is_last, run_lines.is_over = run_lines.is_over, build.is_finished or action.end_time is not None
            run_lines.begin(height=1 if followed.was_running else HEIGHT)
            try:
                async with aclosing(self._read_lines(slug, number, action, run_lines, is_last=is_last)) as lines:
                    async for line in lines:
                        yield line
            except CircleCIError as error:
                if error.transient:
                    transient = error
                elif is_last:
                    _note_failure(error, followed.failures, len(actions) if build.is_finished else None)
                    for line in _explain_failure(slug, number, action, run_lines, error):
                        yield line
                # Otherwise, the log may be readable at a later poll, when it is stored.
        if transient is not None:
            raise transient
        followed.is_done = build.is_finished and all(run_lines.is_done for _, run_lines in selected)

    async def _read_run(
        self,
        slug: ProjectSlug,
        number: int,
        action: Action,
        run_lines: "ActionLines",
        failures: list[CircleCIError],
        count: int,
    ) -> "AsyncGenerator[LogLine, None]":
        """Yield the lines of a step run. If they cannot be read, yield a line with the error."""
        try:
            async with aclosing(self._read_lines(slug, number, action, run_lines)) as lines:
                async for line in lines:
                    yield line
        except CircleCIError as error:
            _note_failure(error, failures, count)
            for line in _explain_failure(slug, number, action, run_lines, error):
                yield line

    async def _read_lines(
        self, slug: ProjectSlug, number: int, action: Action, run_lines: "ActionLines", *, is_last: bool = True
    ) -> "AsyncGenerator[LogLine, None]":
        """Yield the new final lines of a step run; at the last poll, all new lines."""
        from circleci_v1_async.logs._line import Remark
        from circleci_v1_async.logs._stream import take_turns

        async with aclosing(take_turns(self._open_output(slug, number, action))) as output:
            async for piece in output:
                if isinstance(piece, Remark):
                    if not is_last:
                        # The log may be more complete at the next poll.
                        return
                    log_remark(slug, number, action, piece)
                for line in run_lines.feed(piece):
                    yield line
        if is_last:
            for line in run_lines.finish():
                yield line
            run_lines.is_done = True


def _explain_failure(
    slug: ProjectSlug, number: int, action: Action, run_lines: "ActionLines", error: CircleCIError
) -> "Iterator[LogLine]":
    """Yield the lines that were read before an error, and a line with the error."""
    from circleci_v1_async.logs import _text

    yield from run_lines.finish()
    remark = _text.explain_failure(error, has_begun=run_lines.begun)
    log_remark(slug, number, action, remark)
    yield from run_lines.feed(remark)
    run_lines.is_done = True


def _note_failure(error: CircleCIError, failures: list[CircleCIError], count: int | None) -> None:
    """Add the error of an unreadable log to those of others. If no log can be read, raise the first.

    The number of logs is `None` if not known yet. The error of a closed session is raised immediately.
    """
    failures.append(error)
    if isinstance(error, SessionClosedError):
        raise error
    if len(failures) == count:
        raise failures[0]
