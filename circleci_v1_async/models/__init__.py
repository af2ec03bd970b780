"""Models of the service's replies.

Fields have the same names as in the JSON replies. Almost all fields can be absent. An absent field is `None`, or an
empty tuple for a list that the service never sends as null; the repr omits it. Times are aware `datetime`s. Fields that
are not in openapi.yml were found in real replies. JSON keys without a field are dropped; to get all keys, use `send`
with a request without `returns`.

You can read secrets (keys, API tokens, webhook URLs, presigned URLs, environment variables) like other fields, but the
repr omits them.
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

model.__module__ = __name__  # the module that users import it from
