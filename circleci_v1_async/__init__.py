"""The asyncio client for the CircleCI REST API v1.1.

Importing the package is fast: each public name is imported from its module at its first use.
"""

from typing import TYPE_CHECKING  # with another constant, editors that use jedi would not find the names

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .artifacts import (
        ArtifactDownloads as ArtifactDownloads,
        ArtifactStream as ArtifactStream,
        Download as Download,
        DownloadEvent as DownloadEvent,
        DownloadFinished as DownloadFinished,
        DownloadProgress as DownloadProgress,
        DownloadStarted as DownloadStarted,
        DownloadStatus as DownloadStatus,
        DownloadTotals as DownloadTotals,
        OnError as OnError,
        OnExists as OnExists,
        Progress as Progress,
    )
    from .converter import CircleCIConverter as CircleCIConverter, loads as loads, make_converter as make_converter
    from .enums import (
        BuildFilter as BuildFilter,
        BuildStatus as BuildStatus,
        CheckoutKeyType as CheckoutKeyType,
        Lifecycle as Lifecycle,
        Outcome as Outcome,
        TestResult as TestResult,
        TokenScope as TokenScope,
        VcsType as VcsType,
    )
    from .errors import (
        AuthenticationError as AuthenticationError,
        BadRequestError as BadRequestError,
        BodyTooLargeError as BodyTooLargeError,
        CircleCIError as CircleCIError,
        DecodeError as DecodeError,
        DownloadError as DownloadError,
        GoneError as GoneError,
        InvalidInputError as InvalidInputError,
        NotFoundError as NotFoundError,
        OffsetRefusedError as OffsetRefusedError,
        PaginationDriftError as PaginationDriftError,
        PathConflictError as PathConflictError,
        PermissionDeniedError as PermissionDeniedError,
        RateLimitError as RateLimitError,
        RedirectError as RedirectError,
        RequestTimeoutError as RequestTimeoutError,
        ServerError as ServerError,
        SessionClosedError as SessionClosedError,
        StatusError as StatusError,
        TransportError as TransportError,
        TruncatedError as TruncatedError,
        UnsafePathError as UnsafePathError,
        UsageError as UsageError,
        WaitTimeoutError as WaitTimeoutError,
    )
    from .logs import LogLine as LogLine
    from .models import (
        Action as Action,
        Artifact as Artifact,
        Branch as Branch,
        BranchBuild as BranchBuild,
        BranchWorkflow as BranchWorkflow,
        Build as Build,
        BuildAgent as BuildAgent,
        BuildDetail as BuildDetail,
        BuildMessage as BuildMessage,
        BuildSummary as BuildSummary,
        BuildUser as BuildUser,
        CacheResult as CacheResult,
        CheckoutKey as CheckoutKey,
        CircleYml as CircleYml,
        Commit as Commit,
        EnvVar as EnvVar,
        FollowResult as FollowResult,
        Message as Message,
        Node as Node,
        Picard as Picard,
        PipelineResult as PipelineResult,
        PreviousBuild as PreviousBuild,
        Project as Project,
        ProjectPreferences as ProjectPreferences,
        ProjectSettings as ProjectSettings,
        ProjectToken as ProjectToken,
        PullRequest as PullRequest,
        SSHKey as SSHKey,
        SSHUser as SSHUser,
        Step as Step,
        StepOutput as StepOutput,
        TestMetadata as TestMetadata,
        User as User,
        Workflow as Workflow,
    )
    from .models.encoding import dumps as dumps
    from .request import Request as Request, Response as Response
    from .retry import Retry as Retry, RetryPolicy as RetryPolicy
    from .session import (
        CircleCISession as CircleCISession,
        SessionOptions as SessionOptions,
        ViewOptions as ViewOptions,
    )
    from .slug import ProjectSlug as ProjectSlug
    from .sunset import CircleCISunsetWarning as CircleCISunsetWarning, Sunset as Sunset
    from .verdict import Verdict as Verdict
    from .walk import PageWalk as PageWalk, WalkOptions as WalkOptions
    from .watch import (
        BuildEvent as BuildEvent,
        BuildWatch as BuildWatch,
        CursorFile as CursorFile,
        WatchCursor as WatchCursor,
    )
    from .workflows import WorkflowRun as WorkflowRun, group_builds as group_builds

else:
    # The names above, by module. `__getattr__` imports them at run time.
    _NAMES = {
        "artifacts": (
            "ArtifactDownloads ArtifactStream Download DownloadEvent DownloadFinished DownloadProgress"
            " DownloadStarted DownloadStatus DownloadTotals OnError OnExists Progress"
        ),
        "converter": "CircleCIConverter loads make_converter",
        "enums": "BuildFilter BuildStatus CheckoutKeyType Lifecycle Outcome TestResult TokenScope VcsType",
        "errors": (
            "AuthenticationError BadRequestError BodyTooLargeError CircleCIError DecodeError DownloadError"
            " GoneError InvalidInputError NotFoundError OffsetRefusedError PaginationDriftError"
            " PathConflictError PermissionDeniedError RateLimitError RedirectError RequestTimeoutError"
            " ServerError SessionClosedError StatusError TransportError TruncatedError UnsafePathError"
            " UsageError WaitTimeoutError"
        ),
        "logs": "LogLine",
        "models": (
            "Action Artifact Branch BranchBuild BranchWorkflow Build BuildAgent BuildDetail BuildMessage"
            " BuildSummary BuildUser CacheResult CheckoutKey CircleYml Commit EnvVar FollowResult Message Node"
            " Picard PipelineResult PreviousBuild Project ProjectPreferences ProjectSettings ProjectToken"
            " PullRequest SSHKey SSHUser Step StepOutput TestMetadata User Workflow"
        ),
        "models.encoding": "dumps",
        "request": "Request Response",
        "retry": "Retry RetryPolicy",
        "session": "CircleCISession SessionOptions ViewOptions",
        "slug": "ProjectSlug",
        "sunset": "CircleCISunsetWarning Sunset",
        "verdict": "Verdict",
        "walk": "PageWalk WalkOptions",
        "watch": "BuildEvent BuildWatch CursorFile WatchCursor",
        "workflows": "WorkflowRun group_builds",
    }
    _HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}
    __all__ = sorted([*_HOMES, "__version__"], key=lambda name: (not name[0].isupper(), name))  # noqa: PLE0605

    def __getattr__(name):
        """Import a public name from its module, or import a module, at the first access."""
        from importlib import import_module  # noqa: PLC0415

        if name in _NAMES:
            return import_module(f".{name}", __name__)
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        return value

    def __dir__():
        """List all public names, including names that are not imported yet."""
        return sorted({*globals(), *__all__})
