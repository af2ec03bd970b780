"""The asyncio client for the CircleCI REST API v1.1."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from ._codec import dumps, loads
from ._version import __version__
from .enums import BuildFilter, BuildStatus, CheckoutKeyType, Lifecycle, Outcome, TestResult, TokenScope, VcsType
from .errors import (
    AuthenticationError,
    BadRequestError,
    BodyTooLargeError,
    CircleCIError,
    DecodeError,
    DownloadError,
    GoneError,
    InvalidInputError,
    NotFoundError,
    PaginationDriftError,
    PathConflictError,
    PermissionDeniedError,
    RateLimitError,
    RedirectError,
    RequestTimeoutError,
    ServerError,
    SessionClosedError,
    StatusError,
    TransportError,
    TruncatedError,
    UnsafePathError,
    UsageError,
    WaitTimeoutError,
)
from .models import (
    Action,
    Artifact,
    Branch,
    BranchBuild,
    BranchWorkflow,
    Build,
    BuildAgent,
    BuildDetail,
    BuildMessage,
    BuildSummary,
    BuildUser,
    CacheResult,
    CheckoutKey,
    CircleYml,
    Commit,
    EnvVar,
    FollowResult,
    Message,
    Node,
    Picard,
    PipelineResult,
    PreviousBuild,
    Project,
    ProjectPreferences,
    ProjectSettings,
    ProjectToken,
    PullRequest,
    SSHKey,
    SSHUser,
    Step,
    StepOutput,
    TestMetadata,
    User,
    Workflow,
)
from .request import Request, Response
from .retry import Retry, RetryPolicy
from .session import CircleCISession, SessionOptions, ViewOptions
from .slug import ProjectSlug
from .sunset import CircleCISunsetWarning, Sunset

if TYPE_CHECKING:
    from .artifacts import (
        ArtifactDownloads,
        ArtifactStream,
        Download,
        DownloadEvent,
        DownloadFinished,
        DownloadProgress,
        DownloadStarted,
        DownloadStatus,
        DownloadTotals,
        OnError,
        OnExists,
        Progress,
    )
    from .logs import LogLine
    from .verdict import Verdict
    from .walk import PageWalk, WalkOptions
    from .watch import BuildEvent, BuildWatch, CursorFile, WatchCursor
else:
    # Many programs need none of these, and the modules take as long to import as all of the models.
    _LATE = {
        **dict.fromkeys(
            (
                "ArtifactDownloads",
                "ArtifactStream",
                "Download",
                "DownloadEvent",
                "DownloadFinished",
                "DownloadProgress",
                "DownloadStarted",
                "DownloadStatus",
                "DownloadTotals",
                "OnError",
                "OnExists",
                "Progress",
            ),
            "artifacts",
        ),
        "LogLine": "logs",
        "Verdict": "verdict",
        **dict.fromkeys(("PageWalk", "WalkOptions"), "walk"),
        **dict.fromkeys(("BuildEvent", "BuildWatch", "CursorFile", "WatchCursor"), "watch"),
    }

    def __getattr__(name: str) -> object:
        """Import a name from its module when it is first asked for."""
        if name not in _LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(_import_module(f".{_LATE[name]}", __name__), name)
        return value

    def __dir__() -> list[str]:
        """List the names that have not been asked for as well."""
        return sorted({*globals(), *__all__})


__all__ = [
    "Action",
    "Artifact",
    "ArtifactDownloads",
    "ArtifactStream",
    "AuthenticationError",
    "BadRequestError",
    "BodyTooLargeError",
    "Branch",
    "BranchBuild",
    "BranchWorkflow",
    "Build",
    "BuildAgent",
    "BuildDetail",
    "BuildEvent",
    "BuildFilter",
    "BuildMessage",
    "BuildStatus",
    "BuildSummary",
    "BuildUser",
    "BuildWatch",
    "CacheResult",
    "CheckoutKey",
    "CheckoutKeyType",
    "CircleCIError",
    "CircleCISession",
    "CircleCISunsetWarning",
    "CircleYml",
    "Commit",
    "CursorFile",
    "DecodeError",
    "Download",
    "DownloadError",
    "DownloadEvent",
    "DownloadFinished",
    "DownloadProgress",
    "DownloadStarted",
    "DownloadStatus",
    "DownloadTotals",
    "EnvVar",
    "FollowResult",
    "GoneError",
    "InvalidInputError",
    "Lifecycle",
    "LogLine",
    "Message",
    "Node",
    "NotFoundError",
    "OnError",
    "OnExists",
    "Outcome",
    "PageWalk",
    "PaginationDriftError",
    "PathConflictError",
    "PermissionDeniedError",
    "Picard",
    "PipelineResult",
    "PreviousBuild",
    "Progress",
    "Project",
    "ProjectPreferences",
    "ProjectSettings",
    "ProjectSlug",
    "ProjectToken",
    "PullRequest",
    "RateLimitError",
    "RedirectError",
    "Request",
    "RequestTimeoutError",
    "Response",
    "Retry",
    "RetryPolicy",
    "SSHKey",
    "SSHUser",
    "ServerError",
    "SessionClosedError",
    "SessionOptions",
    "StatusError",
    "Step",
    "StepOutput",
    "Sunset",
    "TestMetadata",
    "TestResult",
    "TokenScope",
    "TransportError",
    "TruncatedError",
    "UnsafePathError",
    "UsageError",
    "User",
    "VcsType",
    "Verdict",
    "ViewOptions",
    "WaitTimeoutError",
    "WalkOptions",
    "WatchCursor",
    "Workflow",
    "__version__",
    "dumps",
    "loads",
]
