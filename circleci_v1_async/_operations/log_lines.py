"""Lines of build logs, read once or polled. The public operations are in `logs`."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from circleci_v1_async.errors import CircleCIError, SessionClosedError
from circleci_v1_async.models import Action
from circleci_v1_async.slug import ProjectSlug

from .builds import BuildOperations
from .output import OutputOperations, log_remark

if TYPE_CHECKING:
    from circleci_v1_async.logs import LogLine
    from circleci_v1_async.logs._actions import ActionLines, FollowedBuild


class LogLineOperations(BuildOperations, OutputOperations):
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
                    note_failure(error, followed.failures, len(actions) if build.is_finished else None)
                    for line in explain_failure(slug, number, action, run_lines, error):
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
            note_failure(error, failures, count)
            for line in explain_failure(slug, number, action, run_lines, error):
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


def explain_failure(
    slug: ProjectSlug, number: int, action: Action, run_lines: "ActionLines", error: CircleCIError
) -> "Iterator[LogLine]":
    """Yield the lines that were read before an error, and a line with the error."""
    from circleci_v1_async.logs import _text

    yield from run_lines.finish()
    remark = _text.explain_failure(error, has_begun=run_lines.begun)
    log_remark(slug, number, action, remark)
    yield from run_lines.feed(remark)
    run_lines.is_done = True


def note_failure(error: CircleCIError, failures: list[CircleCIError], count: int | None) -> None:
    """Add the error of an unreadable log to those of others. If no log can be read, raise the first.

    The number of logs is `None` if not known yet. The error of a closed session is raised immediately.
    """
    failures.append(error)
    if isinstance(error, SessionClosedError):
        raise error
    if len(failures) == count:
        raise failures[0]
