"""Output of single steps of builds."""

from collections.abc import AsyncGenerator
from typing import cast, overload

from circleci_v1_async._core.arguments import check_integer
from circleci_v1_async._core.secret import wrap_secret
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import Action, BuildSummary, StepOutput
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import BUILD, build_values

__all__ = ["OutputOperations"]


class OutputOperations(Operations):
    """Output of single steps of builds."""

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

        Examples:
            ```python
            build = await ci.get_build("gh/acme/web", 7)
            for step in build.steps:
                for action in step.actions:
                    async for piece in ci.iter_output("gh/acme/web", 7, action):
                        print(piece.message, end="")
            ```
        """
        from circleci_v1_async.logs._stream import stream_output

        if isinstance(build_num, Action) and action is None:
            build_num, action = None, build_num
        if not isinstance(action, Action):
            raise InvalidInputError(f"action: expected an Action of a step of the build, got {action!r}")
        values = build_values(project, cast("int | None", build_num))
        values["step"] = check_integer("action.step", action.step, 0)
        values["index"] = check_integer("action.index", action.index, 0)
        query = {"file": True, "allocation-id": action.allocation_id}
        request = Request("GET", f"{BUILD}/output/{{step}}/{{index}}", values, query=query)
        return stream_output(self._caller, request, wrap_secret(action.output_url or None))
