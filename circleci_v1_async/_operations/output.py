"""The output of single step runs."""

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

from circleci_v1_async._core.arguments import check_integer
from circleci_v1_async._core.secret import wrap_secret
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async._files.threads import FileThreads
from circleci_v1_async.errors import InvalidInputError, TruncatedError
from circleci_v1_async.models import Action, BuildSummary, StepOutput
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import BUILD, parse_build_reference

if TYPE_CHECKING:
    from circleci_v1_async.logs._line import Remark

_log = logging.getLogger("circleci_v1_async")


class OutputOperations(Operations):
    _file_threads: FileThreads

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
        """Yield the output of one step run in pieces. Pieces are not lines: most logs have one or two pieces.

        `GET` of the action's `output_url`, without the token, which this signed URL does not need (CircleCI's docs). If
        the URL is absent or has expired, or if the log at the URL is truncated,
        `GET /project/{project}/{build_num}/output/{step}/{index}?file=true` (seen in use, undocumented). This endpoint
        returns the complete log as one piece without `time` and `type`, even while the build runs.

        Args:
            project: The project's slug or URL; or, without a number, the build or its URL:
                `iter_output(build, action)`.
            build_num: The number of the action's build.
            action: The step run, from a recent `get_build`: an `output_url` expires after some minutes.

        Returns:
            An async iterator. Use `async for` on it, without `await`. The iterator is empty if the step wrote
            nothing, or if the build was canceled before the step began. A log can have any size, because only one piece
            is kept in memory. If CircleCI has truncated the log and the API has more text, the complete text is fetched
            as one piece. If the API has no more text, a warning is logged, and `truncated` is true for each piece.

        Raises:
            InvalidInputError: An argument is invalid. Raised by the call itself; other errors during iteration.
            BodyTooLargeError: A piece, or a truncated log, is larger than the session's `max_body`.
            TruncatedError: The log broke off, and all retries failed.
            TransportError: No usable reply arrived, and all retries failed.
            DecodeError: The reply is not a log.

        Examples:
            ```python
            build = await ci.get_build("gh/acme/web", 7)
            for step in build.steps:
                for action in step.actions:
                    async for piece in ci.iter_output("gh/acme/web", 7, action):
                        print(piece.message, end="")
            ```
        """
        slug, number, action = _parse_action(project, build_num, action)
        return self._without_remarks(slug, number, action, self._open_output(slug, number, action))

    @overload
    async def save_output(
        self,
        project: ProjectSlug | str | BuildSummary,
        build_num: int,
        action: Action,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = ...,
    ) -> Path: ...

    @overload
    async def save_output(
        self, build: str | BuildSummary, action: Action, path: str | os.PathLike[str], /, *, overwrite: bool = ...
    ) -> Path: ...

    async def save_output(
        self,
        project: ProjectSlug | str | BuildSummary,
        build_num: int | Action | None = None,
        action: Action | str | os.PathLike[str] | None = None,
        path: str | os.PathLike[str] | None = None,
        *,
        overwrite: bool = False,
    ) -> Path:
        """Save the raw output of one step run to a file, completely or not at all.

        This method makes the same requests as `iter_output`. The file has no heading.

        Args:
            project: The project's slug or URL; or, without a number, the build or its URL:
                `save_output(build, action, path)`.
            build_num: The number of the action's build.
            action: The step run, from a recent `get_build`: an `output_url` expires after some minutes.
            path: The file's path. Missing folders are created.
            overwrite: Whether to replace an existing file.

        Returns:
            The file's path. The file is empty if the step wrote nothing.

        Raises:
            InvalidInputError: An argument is invalid, or the path is a folder. Nothing was sent.
            PathConflictError: The path is not a regular file, or it exists and `overwrite` is false. Nothing was sent.
            UnsafePathError: The path is a symbolic link, which `overwrite` does not replace. Nothing was sent.
            DownloadError: The file system reports an error.
            TruncatedError: CircleCI did not keep all of the output, or the output broke off and all retries failed.
            TransportError: No usable reply arrived, and all retries failed.

        Examples:
            ```python
            build = await ci.get_build("gh/acme/web", 7)
            action = build.steps[-1].actions[0]
            await ci.save_output("gh/acme/web", 7, action, "step.log")
            ```
        """
        from circleci_v1_async._files.text_file import write_text_file
        from circleci_v1_async.logs._stream import take_turns

        if isinstance(build_num, Action) and not isinstance(action, Action) and path is None:
            build_num, action, path = None, build_num, action
        if not isinstance(path, str | os.PathLike):
            raise InvalidInputError(f"path: expected the path of a file, got {path!r}")
        slug, number, action = _parse_action(project, build_num, action)
        output = self._open_output(slug, number, action)
        with TracebackScrubber():
            async with (
                write_text_file(self._file_threads, Path(path), overwrite=overwrite) as file,
                aclosing(take_turns(output)) as pieces,
            ):
                async for piece in pieces:
                    if isinstance(piece, StepOutput):
                        await file.write(piece.message)
                    else:
                        raise TruncatedError(f"{path}: {piece.text}")
        return Path(path)

    def _open_output(
        self, slug: ProjectSlug, number: int, action: Action
    ) -> "AsyncGenerator[StepOutput | Remark, None]":
        """Yield the output of a step run. If it is incomplete, yield a remark before the remaining output."""
        from circleci_v1_async.logs._stream import stream_output

        values: dict[str, Any] = {"project": slug, "build_num": number}
        values["step"] = check_integer("action.step", action.step, 0)
        values["index"] = check_integer("action.index", action.index, 0)
        query = {"file": True, "allocation-id": action.allocation_id}
        request = Request("GET", f"{BUILD}/output/{{step}}/{{index}}", values, query=query)
        output_url = wrap_secret(action.output_url or None)
        return stream_output(self._caller, request, output_url, is_truncated=action.truncated is True)

    async def _without_remarks(
        self, slug: ProjectSlug, number: int, action: Action, output: "AsyncGenerator[StepOutput | Remark, None]"
    ) -> AsyncGenerator[StepOutput, None]:
        async with aclosing(output):
            async for piece in output:
                if isinstance(piece, StepOutput):
                    yield piece
                else:
                    log_remark(slug, number, action, piece)


def log_remark(slug: ProjectSlug, number: int, action: Action, remark: "Remark") -> None:
    """Log a warning that the log of a step run is incomplete."""
    _log.warning("%s %d, step %s of container %s: %s", slug, number, action.step, action.index, remark.text)


def _parse_action(
    project: ProjectSlug | str | BuildSummary, build_num: int | Action | None, action: object
) -> tuple[ProjectSlug, int, Action]:
    """Return the project and number of a build, and one of its actions."""
    if isinstance(build_num, Action) and action is None:
        build_num, action = None, build_num
    if not isinstance(action, Action):
        raise InvalidInputError(f"action: expected an Action of a step of the build, got {action!r}")
    return *parse_build_reference(project, cast("int | None", build_num)), action
