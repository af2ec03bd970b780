"""Results of the tests of builds."""

from typing import Final

from circleci_v1_async.enums import TestResult
from circleci_v1_async.models import BuildSummary, TestMetadata, TestReport
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import BUILD, build_values

_NO_FAILURE: Final = frozenset({TestResult.SUCCESS, TestResult.SKIPPED})


class TestResultOperations(Operations):
    async def list_build_tests(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> list[TestMetadata]:
        """List the results of a build's tests. The list is empty if the build stored no results.

        `GET /project/{project}/{build_num}/tests` (openapi.yml: listBuildTests).

        Raises:
            NotFoundError: The build does not exist, or the token has no access to it.
        """
        report = await self.send(Request("GET", f"{BUILD}/tests", build_values(project, build_num), returns=TestReport))
        return list(report.tests)

    async def list_failed_tests(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> list[TestMetadata]:
        """List a build's failed tests. The list is empty if no test failed, or if no results are stored.

        This method makes the same request as `list_build_tests`. A test has failed if its result is not `success`
        or `skipped`. This includes tests with an unknown or missing result.

        Raises:
            NotFoundError: The build does not exist, or the token has no access to it.

        Examples:
            ```python
            for test in await ci.list_failed_tests("gh/acme/web", 7):
                print(test.file, test.name, test.message)
            ```
        """
        return [test for test in await self.list_build_tests(project, build_num) if test.result not in _NO_FAILURE]
