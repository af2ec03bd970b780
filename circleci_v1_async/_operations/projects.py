"""Projects: followers, settings and caches."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from circleci_v1_async._core.arguments import check_one_of, check_settings
from circleci_v1_async.models import CacheResult, FollowResult, Project, ProjectSettings
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import PROJECT, project_values

_SETTINGS: Final = f"{PROJECT}/settings"


class ProjectOperations(Operations):
    async def list_projects(self, *, shallow: bool | None = None) -> list[Project]:
        """List all projects that the user follows. The reply can have several megabytes.

        `GET /projects` (openapi.yml: listProjects; `shallow` from CircleCI's changelog).

        Args:
            shallow: Whether to leave out `branches`. CircleCI's cloud permanently leaves out `branches` from 2026-12-07
                on, whatever the value of `shallow`. Until that date, `False` requests `branches`, even on the trial
                days when CircleCI leaves out `branches` by default.

        Returns:
            The projects. `branches` is `None` if the service left it out.

        Raises:
            AuthenticationError: The session has no personal token.
        """
        return await self.send(Request("GET", "/projects", query={"shallow": shallow}, returns=list[Project]))

    async def follow_project(self, project: ProjectSlug | str) -> FollowResult:
        """Follow a project. CircleCI sets up the project if necessary, and may start a build.

        `POST /project/{project}/follow` (openapi.yml: followProject). The request is safe to resend, like a `PUT`.

        Returns:
            Whether the user follows the project, and the first build. If the request was resent, `first_build` can be
            `None` although a build was started, because the reply that contained the build may be lost.

        Raises:
            BadRequestError: CircleCI sometimes answers with this error if it has nothing to build. The user follows the
                project nevertheless.

        Examples:
            ```python
            result = await ci.follow_project("gh/mozilla/bleach")
            print(result.following)
            ```
        """
        values = project_values(project)
        return await self.send(Request("POST", f"{PROJECT}/follow", values, returns=FollowResult, idempotent=True))

    async def unfollow_project(self, project: ProjectSlug | str) -> FollowResult:
        """Stop following a project. The project stays set up, and its other followers are not affected.

        `POST /project/{project}/unfollow` (seen in use, undocumented). The request is safe to resend, like a `PUT`.

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.

        Examples:
            ```python
            await ci.unfollow_project("gh/acme/web")
            ```
        """
        values = project_values(project)
        return await self.send(Request("POST", f"{PROJECT}/unfollow", values, returns=FollowResult, idempotent=True))

    async def enable_project(self, project: ProjectSlug | str) -> ProjectSettings:
        """Set up a project, so that CircleCI builds pushes. Requires the token of a repository administrator.

        `POST /project/{project}/enable` (seen in use, undocumented). The request is safe to resend, like a `PUT`.

        Returns:
            The project's settings. The token's owner does not follow the project automatically.

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.
            PermissionDeniedError: The token's owner is not an administrator of the repository.

        Examples:
            ```python
            await ci.enable_project("gh/acme/web")
            ```
        """
        values = project_values(project)
        return await self.send(Request("POST", f"{PROJECT}/enable", values, returns=ProjectSettings, idempotent=True))

    async def disable_project(self, project: ProjectSlug | str) -> ProjectSettings:
        """Stop building pushes to a project, for all its followers. Existing builds are kept.

        `DELETE /project/{project}/enable` (seen in use, undocumented).

        Returns:
            The project's settings.

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.
            PermissionDeniedError: The token's owner is not an administrator of the repository.

        Examples:
            ```python
            await ci.disable_project("gh/acme/web")
            ```
        """
        return await self.send(Request("DELETE", f"{PROJECT}/enable", project_values(project), returns=ProjectSettings))

    async def get_project_settings(
        self, project: ProjectSlug | str, *, ssh_key_digest: Literal["md5", "sha256"] | None = None
    ) -> ProjectSettings:
        """Fetch the settings of a project.

        `GET /project/{project}/settings` (seen in use, undocumented; so is `ssh-key-digest`). The request leaves
        out `branches`, which CircleCI's cloud no longer sends from 2026-12-07 on.

        Args:
            project: The project's slug or URL.
            ssh_key_digest: Digest of the fingerprints in `ssh_keys`: `md5`, the default, or `sha256`.
                Configurations can also use `sha256` fingerprints in `add_ssh_keys`.

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.
        """
        digest = check_one_of("ssh_key_digest", ssh_key_digest, ("md5", "sha256"))
        query = {"skip-branches": True, "ssh-key-digest": digest}
        return await self.send(Request("GET", _SETTINGS, project_values(project), query=query, returns=ProjectSettings))

    async def update_project_settings(self, project: ProjectSlug | str, *, feature_flags: Mapping[str, Any]) -> None:
        """Change settings of a project.

        `PUT /project/{project}/settings` (seen in use, undocumented). `get_project_settings` returns the new settings.

        Args:
            project: The project's slug or URL.
            feature_flags: New values for some of the flags, such as `{"build-fork-prs": True}`. The names are in kebab
                case, as in the result of `get_project_settings`.

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.

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
        """Delete a project's dependency caches. Caches of CircleCI 2.0, which have keys, are not deleted.

        `DELETE /project/{project}/build-cache` (documented by CircleCI).

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.

        Examples:
            ```python
            await ci.clear_build_cache("gh/acme/web")
            ```
        """
        values = project_values(project)
        return await self.send(Request("DELETE", f"{PROJECT}/build-cache", values, returns=CacheResult))
