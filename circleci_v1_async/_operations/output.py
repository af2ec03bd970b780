"""What the steps of a build wrote."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any, Final

from circleci_v1_async._arguments import integer
from circleci_v1_async._caller import Attempt, Caller
from circleci_v1_async._secret import Secret, hide
from circleci_v1_async._transport import Stream
from circleci_v1_async.artifacts import chunks, length
from circleci_v1_async.errors import CircleCIError, DecodeError, StatusError, TransportError, TruncatedError
from circleci_v1_async.models import Action, BuildDetail, Step, StepOutput
from circleci_v1_async.output import ArrayItems, LogText, has_failed, heading
from circleci_v1_async.request import Request, shown
from circleci_v1_async.slug import ProjectSlug

from .paths import BUILD, in_build

__all__ = ["OutputOperations"]

# A presigned URL that has expired, and a log that is no longer there.
_NOT_THERE: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_AT_ONCE: Final = 8


class OutputOperations(Caller):
    """What the steps of a build wrote."""

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
        return self._output(request, hide(action.output_url))

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
        build = await self.send(Request("GET", BUILD, in_build(project, build_num), returns=BuildDetail))
        slots = asyncio.Semaphore(_AT_ONCE)

        async def section(step: Step, action: Action) -> str:
            text = LogText(tail=tail, strip_ansi=strip_ansi)
            async with slots, aclosing(self.iter_output(project, build_num, action)) as output:
                async for piece in output:
                    text.add(piece)
            return heading(step, action) + text.finish()

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

    async def _output(self, request: Request[Any], output_url: Secret | None) -> AsyncGenerator[StepOutput, None]:
        if output_url:
            begun = False
            try:
                async with aclosing(self._pieces(output_url)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
            except (CircleCIError, asyncio.CancelledError) as error:
                if begun or not (isinstance(error, StatusError) and error.status in _NOT_THERE):
                    # The frames below hold the URL, which is all that it takes to read the log.
                    raise error.with_traceback(None)  # noqa: B904 - it is the same
            else:
                return
        with self._transport.call():
            try:
                message = await self._retried(request, partial(self._text, request))
            except StatusError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                message = ""
        if message:
            yield StepOutput(message=message)

    async def _pieces(self, output_url: str) -> AsyncGenerator[StepOutput, None]:
        url = self._transport.found_at(output_url)
        request = shown(url)
        given = 0
        for number in count(1):  # pragma: no branch - the policy says when it was the last time
            failure: CircleCIError
            content_type: str | None = None
            try:
                with self._transport.call():
                    stream = await self._opened(request, url, Attempt(number, maybe_done=False), with_token=False)
                content_type = stream.headers.get("Content-Type")
                with closing(stream):
                    async with aclosing(_items(stream)) as items:
                        async for position, item in items:
                            # Whoever reads has those from before it broke off.
                            if position >= given:
                                given += 1
                                yield self._piece(item, position)
            except (TransportError, StatusError, TruncatedError) as error:
                failure = error
            except DecodeError as error:
                failure = self._decode_error(request, error, HTTPStatus.OK.value, content_type)
            else:
                self._budget.succeeded(number)
                return
            with self._transport.call():
                may_try_again = await self._may_try_again(request, failure, number)
            if not may_try_again:
                raise failure

    def _piece(self, item: bytes, position: int) -> StepOutput:
        try:
            return self._options.decoder.decode(item, StepOutput)
        except DecodeError as error:
            failure = DecodeError(error.reason, f"$[{position}]{error.path[1:]}", error.size)
        raise failure

    async def _text(self, request: Request[Any], attempt: Attempt) -> str:
        stream = await self._opened(request, self._transport.below(request.target), attempt)
        with closing(stream):
            if stream.status == HTTPStatus.NO_CONTENT:
                return ""
            pieces = [piece async for piece in chunks(stream, length(stream))]
        return b"".join(pieces).decode("utf-8", "replace")


async def _items(stream: Stream) -> AsyncGenerator[tuple[int, bytes], None]:
    """The items of a JSON array, and their positions."""
    items = ArrayItems()
    position = 0
    async with aclosing(chunks(stream, length(stream))) as coming:
        async for chunk in coming:
            for item in items.feed(chunk):
                yield position, item
                position += 1
    if not items.complete:
        raise TruncatedError(f"The log broke off after {position} pieces")
