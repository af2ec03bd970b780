"""Output of the steps of builds."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from circleci_v1_async._arguments import integer
from circleci_v1_async._boundary import Boundary
from circleci_v1_async._logs import stream_output
from circleci_v1_async._paths import BUILD, in_build
from circleci_v1_async._secret import hide
from circleci_v1_async.models import Action, Step, StepOutput
from circleci_v1_async.output import LogText, has_failed, heading
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .builds import BuildOperations

__all__ = ["OutputOperations"]

_AT_ONCE: Final = 8


class OutputOperations(BuildOperations):
    """Output of the steps of builds."""

    def iter_output(
        self, project: ProjectSlug | str, build_num: int, action: Action
    ) -> AsyncGenerator[StepOutput, None]:
        """What one run of a step wrote, piece by piece. A piece is no line: most logs have one or two.

        `GET` of the action's `output_url`, without the token, which it does not want (CircleCI's docs). When there is
        none, or it has expired, `GET /project/{project}/{build_num}/output/{step}/{index}?file=true` (seen in use,
        undocumented), which gives the whole log as one piece without `time` and `type`, of a running build too.

        Args:
            project: A slug or URL of it.
            build_num: The build that the action is of.
            action: As `get_build` gives it; soon, because an `output_url` is good for minutes.

        Returns:
            To be looped over with `async for`, without an `await`; nothing when nothing was written, or the build was
            cancelled before it began. Logs have no limit of size; of the first kind one piece at a time is kept.

        Raises:
            InvalidInputError: At once. The other errors come out of the loop.
            TruncatedError: The log broke off, and trying again did not help; likewise `TransportError`.
            DecodeError: It is not what logs are.
        """
        values = in_build(project, build_num)
        values["step"] = integer("action.step", action.step, 0)
        values["index"] = integer("action.index", action.index, 0)
        query = {"file": True, "allocation-id": action.allocation_id}
        request = Request("GET", f"{BUILD}/output/{{step}}/{{index}}", values, query=query)
        return stream_output(self._calls, request, hide(action.output_url or None))

    async def get_build_log(
        self,
        project: ProjectSlug | str,
        build_num: int,
        *,
        failed_only: bool = False,
        tail: int | None = None,
        strip_ansi: bool = True,
    ) -> str:
        """What all steps of a build wrote, as text, each under a heading.

        One `get_build`, and `iter_output` for each run of a step, several at a time.

        Args:
            project: A slug or URL of it.
            build_num: The build.
            failed_only: Only steps whose status is `failed`, `timedout`, `infrastructure_fail` or `canceled`.
            tail: Of each run of a step, only so many of the last lines, from 1.
            strip_ansi: Whether to leave out escape sequences, such as colours, and what progress bars wrote over.

        Returns:
            Empty when there are no such steps; CircleCI forgets the steps of old builds.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
            TransportError: And the other errors of `iter_output`.
        """
        if tail is not None:
            integer("tail", tail, 1)
        build = await self.get_build(project, build_num)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def section(step: Step, action: Action) -> str:
            text = LogText(tail=tail, strip_ansi=strip_ansi)
            async with slots, aclosing(self.iter_output(project, build_num, action)) as output:
                async for piece in output:
                    text.add(piece)
            return heading(step, action) + text.finish()

        with Boundary():
            try:
                async with asyncio.TaskGroup() as group:
                    sections = [
                        group.create_task(section(step, action))
                        for step in build.steps
                        for action in step.actions
                        if has_failed(action) or not failed_only
                    ]
            except BaseExceptionGroup as errors:
                # The others were cancelled on its account.
                raise errors.exceptions[0] from None
        return "\n".join(task.result() for task in sections)
