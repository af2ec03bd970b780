"""Models of all that the service sends.

Fields have the wire's names. All but a few may be absent: they are then `None`, or an empty tuple for lists that the
service never sends as null, and in no repr. Times are aware `datetime`s. Fields that openapi.yml lacks were seen in
use. Keys that no model has are dropped; `send` with a request that has no `returns` gives everything.

Secrets (keys, API tokens, webhook URLs, presigned URLs, environment variables) are fields like others, and in no repr.
"""

from ._model import Timestamp as Timestamp
from ._model import model
from .artifacts import Artifact
from .branches import Branch, BranchBuild
from .builds import Build, BuildDetail, BuildMessage, BuildSummary, PreviousBuild
from .commits import Commit, PullRequest
from .credentials import CheckoutKey, EnvVar, ProjectToken, SSHKey
from .machines import BuildAgent, CircleYml, Node, Picard
from .projects import OTHER_NAMES as OTHER_NAMES
from .projects import FollowResult, Project, ProjectSettings
from .results import CacheResult, Message, PipelineResult
from .steps import Action, Step, StepOutput
from .test_results import TestMetadata
from .test_results import TestReport as TestReport
from .users import BuildUser, ProjectPreferences, SSHUser, User
from .workflows import BranchWorkflow, Workflow

__all__ = [
    "Action",
    "Artifact",
    "Branch",
    "BranchBuild",
    "BranchWorkflow",
    "Build",
    "BuildAgent",
    "BuildDetail",
    "BuildMessage",
    "BuildSummary",
    "BuildUser",
    "CacheResult",
    "CheckoutKey",
    "CircleYml",
    "Commit",
    "EnvVar",
    "FollowResult",
    "Message",
    "Node",
    "Picard",
    "PipelineResult",
    "PreviousBuild",
    "Project",
    "ProjectPreferences",
    "ProjectSettings",
    "ProjectToken",
    "PullRequest",
    "SSHKey",
    "SSHUser",
    "Step",
    "StepOutput",
    "TestMetadata",
    "User",
    "Workflow",
    "model",
]

model.__module__ = __name__  # as users import it
