"""Projects."""

from collections.abc import Mapping
from typing import Any, Final

from circleci_v1_async._core.arguments import check_one_of, check_settings
from circleci_v1_async.models import CacheResult, FollowResult, Project, ProjectSettings
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import PROJECT, project_values

__all__ = ["ProjectOperations"]

_SETTINGS: Final = f"{PROJECT}/settings"


class ProjectOperations(Operations):
    """Projects: following, settings and caches."""

    async def list_projects(self, *, shallow: bool | None = None) -> list[Project]:
        """All projects that the user follows, in one reply that may have megabytes.

        `GET /projects` (openapi.yml: listProjects; `shallow` from CircleCI's changelog).

        An item that does not fit is left out, so the list may be shorter than the list that was sent.

        Args:
            shallow: Whether to leave out `branches`. CircleCI's cloud leaves it out for good from 2026-12-07 on,
                whatever is asked for; until then `False` asks for it, also on the days that it is left out for trial.

        Returns:
            With `branches` as `None` where the service left it out.

        Raises:
            AuthenticationError: There is no personal token.
        """
        return await self.send(Request("GET", "/projects", query={"shallow": shallow}, returns=list[Project]))

    async def follow_project(self, project: ProjectSlug | str) -> FollowResult:
        """Follow a project. CircleCI sets it up if nobody did, and may start a build.

        `POST /project/{project}/follow` (openapi.yml: followProject). It is resent as a `PUT` is.

        Returns:
            Whether the user follows the project, and the first build. `first_build` can be `None` although a build
            was started: if the request was resent, the reply that named the build may be lost.

        Raises:
            BadRequestError: Seen although the project is followed now, when there is nothing to build.

        Examples:
            ```python
            result = await ci.follow_project("gh/mozilla/bleach")
            print(result.following)
            ```
        """
        values = project_values(project)
        return await self.send(Request("POST", f"{PROJECT}/follow", values, returns=FollowResult, idempotent=True))

    async def unfollow_project(self, project: ProjectSlug | str) -> FollowResult:
        """Follow a project no more. It stays set up, and others who follow it still do.

        `POST /project/{project}/unfollow` (seen in use, undocumented). It is resent as a `PUT` is.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.

        Examples:
            ```python
            await ci.unfollow_project("gh/acme/web")
            ```
        """
        values = project_values(project)
        return await self.send(Request("POST", f"{PROJECT}/unfollow", values, returns=FollowResult, idempotent=True))

    async def enable_project(self, project: ProjectSlug | str) -> ProjectSettings:
        """Set a project up, so that pushes are built. The token's owner must administer the repository.

        `POST /project/{project}/enable` (seen in use, undocumented). It is resent as a `PUT` is.

        Returns:
            The project's settings. Enabling a project does not follow it.

        Raises:
            PermissionDeniedError: The token's owner does not administer the repository.
            NotFoundError: The project does not exist, or the token may not see it.

        Examples:
            ```python
            await ci.enable_project("gh/acme/web")
            ```
        """
        values = project_values(project)
        return await self.send(Request("POST", f"{PROJECT}/enable", values, returns=ProjectSettings, idempotent=True))

    async def disable_project(self, project: ProjectSlug | str) -> ProjectSettings:
        """Stop building pushes to a project, for everyone who follows it. Its builds stay.

        `DELETE /project/{project}/enable` (seen in use, undocumented).

        Returns:
            The project's settings.

        Raises:
            PermissionDeniedError: The token's owner does not administer the repository.
            NotFoundError: The project does not exist, or the token may not see it.

        Examples:
            ```python
            await ci.disable_project("gh/acme/web")
            ```
        """
        return await self.send(Request("DELETE", f"{PROJECT}/enable", project_values(project), returns=ProjectSettings))

    async def get_project_settings(
        self, project: ProjectSlug | str, *, ssh_key_digest: str | None = None
    ) -> ProjectSettings:
        """Fetch the settings of a project.

        `GET /project/{project}/settings` (seen in use, undocumented; so is `ssh-key-digest`). `branches` is not
        requested: CircleCI's cloud no longer sends it from 2026-12-07 on.

        Args:
            project: The project's slug or URL.
            ssh_key_digest: Digest of the fingerprints in `ssh_keys`: `md5`, the default, or `sha256`, which
                configurations can use in `add_ssh_keys` too.

        Raises:
            InvalidInputError: An argument is invalid. Nothing was sent.
            NotFoundError: The project does not exist, or the token has no access to it.
        """
        digest = check_one_of("ssh_key_digest", ssh_key_digest, ("md5", "sha256"))
        query = {"skip-branches": True, "ssh-key-digest": digest}
        return await self.send(Request("GET", _SETTINGS, project_values(project), query=query, returns=ProjectSettings))

    async def update_project_settings(self, project: ProjectSlug | str, *, feature_flags: Mapping[str, Any]) -> None:
        """Change settings of a project.

        `PUT /project/{project}/settings` (seen in use, undocumented). What the service answers says nothing:
        `get_project_settings` does.

        Args:
            project: A slug or URL of it.
            feature_flags: The new values of some of the flags, such as `{"build-fork-prs": True}`. The names are in
                kebab case, as `get_project_settings` has them.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.

        Examples:
            ```python
            await ci.update_project_settings(
                "gh/acme/web", feature_flags={"build-fork-prs": False}
            )
            ```
        """
        body = {"feature_flags": check_settings("feature_flags", feature_flags)}
        await self.send(Request("PUT", _SETTINGS, project_values(project), body=body, returns=None))

    async def clear_build_cache(self, project: ProjectSlug | str) -> CacheResult:
        """Delete the caches of a project's dependencies. Those of CircleCI 2.0 have keys, and stay.

        `DELETE /project/{project}/build-cache` (documented by CircleCI).

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.

        Examples:
            ```python
            await ci.clear_build_cache("gh/acme/web")
            ```
        """
        return await self.send(
            Request("DELETE", f"{PROJECT}/build-cache", project_values(project), returns=CacheResult)
        )
