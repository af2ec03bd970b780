"""Logs of builds."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, cast, overload

from circleci_v1_async._arguments import integer
from circleci_v1_async._boundary import Boundary
from circleci_v1_async._paths import BUILD, find_build, in_build
from circleci_v1_async._secret import hide
from circleci_v1_async._tasks import stop
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import Action, BuildSummary, Step, StepOutput
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .builds import BuildOperations

__all__ = ["LogOperations"]

_AT_ONCE: Final = 8


class LogOperations(BuildOperations):
    """Logs of builds."""

    @overload
    def iter_output(
        self, project: ProjectSlug | str | BuildSummary, build_num: int, action: Action
    ) -> AsyncGenerator[StepOutput, None]: ...

    @overload
    def iter_output(self, build: str | BuildSummary, action: Action, /) -> AsyncGenerator[StepOutput, None]: ...

    def iter_output(
        self,
        project: ProjectSlug | str | BuildSummary,
        build_num: int | Action | None = None,
        action: Action | None = None,
    ) -> AsyncGenerator[StepOutput, None]:
        """Yield the output of one run of a step in pieces. Pieces are not lines: most logs have one or two.

        `GET` of the action's `output_url`, without the token, which it does not want (CircleCI's docs). When there is
        none, or it has expired, `GET /project/{project}/{build_num}/output/{step}/{index}?file=true` (seen in use,
        undocumented), which gives the whole log as one piece without `time` and `type`, also while the build runs.

        Args:
            project: A slug or URL of it; or, without a number, the build or its URL: `iter_output(build, action)`.
            build_num: The number of the action's build.
            action: The run of the step, from a recent `get_build`: an `output_url` expires after some minutes.

        Returns:
            An iterator for `async for`, without an `await`. It is empty when nothing was written, or the build was
            cancelled before it began. A log may have any size: one piece at a time is kept.

        Raises:
            InvalidInputError: At once. The other errors come out of the loop.
            BodyTooLargeError: A piece is larger than the session's `max_body`.
            TruncatedError: The log broke off, and trying again did not help; likewise `TransportError`.
            DecodeError: The reply is no log.
        """
        from circleci_v1_async._logs.stream import stream_output

        if isinstance(build_num, Action) and action is None:
            build_num, action = None, build_num
        if not isinstance(action, Action):
            raise InvalidInputError(f"action: expected an Action of a step of the build, got {action!r}")
        values = in_build(project, cast("int | None", build_num))
        values["step"] = integer("action.step", action.step, 0)
        values["index"] = integer("action.index", action.index, 0)
        query = {"file": True, "allocation-id": action.allocation_id}
        request = Request("GET", f"{BUILD}/output/{{step}}/{{index}}", values, query=query)
        return stream_output(self._calls, request, hide(action.output_url or None))

    async def get_build_log(
        self,
        project: ProjectSlug | str | BuildSummary,
        build_num: int | None = None,
        *,
        failed_only: bool = False,
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
            tail: Number of the last lines to return of each run of a step, from 1; `None` for all.
            strip_ansi: Whether to leave out escape sequences, such as colours, and what progress bars wrote over. No
                ESC and no 8-bit control character is left.

        Returns:
            The text; empty when there are no such steps. CircleCI forgets the steps of old builds.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
            BodyTooLargeError: The lines to return of a run of a step have more characters than `max_body` allows.
            TransportError: And the other errors of `iter_output`.
        """
        from circleci_v1_async._logs.text import LogText, has_failed, heading

        if tail is not None:
            integer("tail", tail, 1)
        slug, number = find_build(project, build_num)
        build = await self.get_build(slug, number)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def section(step: Step, action: Action) -> str:
            text = LogText(tail=tail, strip_ansi=strip_ansi, max_size=self._calls.options.max_body)
            async with slots, aclosing(self.iter_output(slug, number, action)) as output:
                async for piece in output:
                    text.add(piece)
            return heading(step, action, strip_ansi=strip_ansi) + text.finish()

        with Boundary():
            # Not in a TaskGroup: before 3.13, one that fails leaves its task half cancelled (`cancelling()` is 1), and
            # the caller's `asyncio.timeout` then raises CancelledError.
            tasks = [
                asyncio.create_task(section(step, action))
                for step in build.steps
                for action in step.actions
                if has_failed(action) or not failed_only
            ]
            try:
                return "\n".join(await asyncio.gather(*tasks))
            finally:
                await stop(tasks)
