"""The user and the projects."""

from circleci_v1_async._caller import Caller
from circleci_v1_async.models import FollowResult, Project, User
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .paths import in_project

__all__ = ["ProjectOperations"]


class ProjectOperations(Caller):
    """The user and the projects."""

    async def get_current_user(self) -> User:
        """The user whom the token belongs to. It must be a personal token.

        `GET /me` (openapi.yml: getCurrentUser).

        Raises:
            AuthenticationError: There is no token, or it is not a personal one.
        """
        return await self.send(Request("GET", "/me", returns=User))

    async def list_projects(self, *, shallow: bool | None = None) -> list[Project]:
        """All projects that the user follows, in one reply that may have megabytes.

        `GET /projects` (openapi.yml: listProjects; `shallow` from CircleCI's changelog).

        Args:
            shallow: Whether to leave out `branches`. CircleCI's cloud leaves it out for good from 2026-12-07 on;
                until then `False` asks for it.

        Raises:
            AuthenticationError: There is no personal token.
        """
        return await self.send(Request("GET", "/projects", query={"shallow": shallow}, returns=list[Project]))

    async def follow_project(self, project: ProjectSlug | str) -> FollowResult:
        """Follow a project. CircleCI sets it up if nobody did, and may start a build.

        `POST /project/{project}/follow` (openapi.yml: followProject).

        Raises:
            BadRequestError: Seen although the project is followed now, when there is nothing to build.
        """
        return await self.send(Request("POST", "/project/{project}/follow", in_project(project), returns=FollowResult))
