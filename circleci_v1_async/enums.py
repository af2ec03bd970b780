"""String enums of the API. All but `BuildFilter` are open: the service may add values at any time."""

from enum import StrEnum
from typing import Literal, Self

__all__ = [
    "BuildFilter",
    "BuildStatus",
    "CheckoutKeyType",
    "Lifecycle",
    "Outcome",
    "TestResult",
    "TokenScope",
    "VcsType",
]


class OpenStrEnum(StrEnum):
    """A string enum that keeps a value it does not know.

    An unknown value becomes a member for itself: it equals, hashes, prints and pickles as its string. It is not
    remembered, so values that keep changing cost no memory, and two of them are equal but not identical.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value
        return member


class BuildStatus(OpenStrEnum):
    """Status of a build or an action (openapi.yml; `killed` from CircleCI's former web front end)."""

    RETRIED = "retried"
    CANCELED = "canceled"
    INFRASTRUCTURE_FAIL = "infrastructure_fail"
    TIMEDOUT = "timedout"
    NOT_RUN = "not_run"
    RUNNING = "running"
    FAILED = "failed"
    QUEUED = "queued"
    SCHEDULED = "scheduled"
    NOT_RUNNING = "not_running"
    NO_TESTS = "no_tests"
    FIXED = "fixed"
    SUCCESS = "success"
    KILLED = "killed"


class Outcome(OpenStrEnum):
    """Result of a build (openapi.yml)."""

    CANCELED = "canceled"
    INFRASTRUCTURE_FAIL = "infrastructure_fail"
    TIMEDOUT = "timedout"
    FAILED = "failed"
    NO_TESTS = "no_tests"
    SUCCESS = "success"


class Lifecycle(OpenStrEnum):
    """Phase of a build (openapi.yml)."""

    QUEUED = "queued"
    SCHEDULED = "scheduled"
    NOT_RUN = "not_run"
    NOT_RUNNING = "not_running"
    RUNNING = "running"
    FINISHED = "finished"


class TestResult(OpenStrEnum):
    """Result of one test (openapi.yml)."""

    __test__ = False  # pytest would collect a class of this name

    SUCCESS = "success"
    FAILURE = "failure"
    SKIPPED = "skipped"


class CheckoutKeyType(OpenStrEnum):
    """Owner of a checkout key: the repository, or a GitHub user (openapi.yml)."""

    DEPLOY_KEY = "deploy-key"
    GITHUB_USER_KEY = "github-user-key"


class TokenScope(OpenStrEnum):
    """Permission of a project's API token: see the status, read builds, or everything (CircleCI's docs)."""

    STATUS = "status"
    VIEW_BUILDS = "view-builds"
    ALL = "all"


class VcsType(OpenStrEnum):
    """Code host of a project.

    `circleci` marks projects of the GitHub App, GitLab and Bitbucket Data Center (CircleCI's docs); openapi.yml
    has the other two.
    """

    GITHUB = "github"
    BITBUCKET = "bitbucket"
    CIRCLECI = "circleci"


class BuildFilter(StrEnum):
    """Filter of a list of builds (openapi.yml). Closed: other values are refused before anything is sent."""

    COMPLETED = "completed"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    RUNNING = "running"


# The values of closed sets, as the annotations of arguments have them: checkers and editors then see typos.
BuildFilterName = Literal["completed", "successful", "failed", "running"]
CheckoutKeyTypeName = Literal["deploy-key", "github-user-key"]
TokenScopeName = Literal["status", "view-builds", "all"]
