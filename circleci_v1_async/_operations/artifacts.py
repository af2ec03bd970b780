"""Files that builds kept."""

from circleci_v1_async._arguments import one_of, text
from circleci_v1_async._caller import Caller
from circleci_v1_async.enums import BuildFilter
from circleci_v1_async.models import Artifact
from circleci_v1_async.request import Request, given
from circleci_v1_async.slug import ProjectSlug

from .paths import BUILD, in_build, in_project

__all__ = ["ArtifactOperations"]


class ArtifactOperations(Caller):
    """Files that builds kept."""

    async def list_build_artifacts(self, project: ProjectSlug | str, build_num: int) -> list[Artifact]:
        """The files that a build kept. Empty when there are none, or they have expired.

        `GET /project/{project}/{build_num}/artifacts` (openapi.yml: listBuildArtifacts).

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        return await self.send(
            Request("GET", f"{BUILD}/artifacts", in_build(project, build_num), returns=list[Artifact])
        )

    async def list_latest_artifacts(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        filter: BuildFilter | str | None = None,
    ) -> list[Artifact]:
        """The files that the latest build (one job, not one workflow) kept.

        `GET /project/{project}/latest/artifacts` (openapi.yml: listLatestArtifacts; `running` from CircleCI's docs).

        Args:
            project: A slug or URL of it.
            branch: Only builds of this branch.
            filter: Only builds that are `completed`, `successful`, `failed` or `running`.

        Returns:
            Empty when that build kept none.

        Raises:
            NotFoundError: There is no such build; the service has been seen to say so also when it kept nothing.
        """
        query = given(branch=text("branch", branch), filter=one_of("filter", filter, BuildFilter))
        return await self.send(
            Request(
                "GET",
                "/project/{project}/latest/artifacts",
                in_project(project),
                query=query,
                returns=list[Artifact],
            )
        )
