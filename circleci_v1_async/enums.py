"""String enums of the API. All except `BuildFilter` are open: the service can add values anytime."""

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
    """A string enum that keeps unknown values.

    An unknown value becomes a new member, which compares, hashes, prints and pickles like its string. The enum does not
    store this member, so even many different values do not use memory. Two members of the same unknown value are equal,
    but not identical.
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
    """Status of a build or a step run (openapi.yml; `killed`: from CircleCI's former web front end)."""

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

    __test__ = False  # otherwise, pytest would collect the class because of its name

    SUCCESS = "success"
    FAILURE = "failure"
    SKIPPED = "skipped"


class CheckoutKeyType(OpenStrEnum):
    """Owner of a checkout key: the repository, or a GitHub user (openapi.yml)."""

    DEPLOY_KEY = "deploy-key"
    GITHUB_USER_KEY = "github-user-key"


class TokenScope(OpenStrEnum):
    """Permission of a project token: see the status, read builds, or everything (CircleCI's docs)."""

    STATUS = "status"
    VIEW_BUILDS = "view-builds"
    ALL = "all"


class VcsType(OpenStrEnum):
    """Code host of a project.

    `circleci` stands for projects of the GitHub App, GitLab and Bitbucket Data Center (CircleCI's docs). The other two
    values are in openapi.yml.
    """

    GITHUB = "github"
    BITBUCKET = "bitbucket"
    CIRCLECI = "circleci"


class BuildFilter(StrEnum):
    """Filter of a list of builds (openapi.yml). Other values are rejected before a request is sent."""

    COMPLETED = "completed"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    RUNNING = "running"


# Annotations for arguments with a closed set of values, so that type checkers and editors find typos.
BuildFilterName = Literal["completed", "successful", "failed", "running"]
CheckoutKeyTypeName = Literal["deploy-key", "github-user-key"]
TokenScopeName = Literal["status", "view-builds", "all"]
