"""Results of tests."""

from typing import Any, Final

from circleci_v1_async.testing._server.routing import BUILD, Call, Route
from circleci_v1_async.testing._server.wire import Payload
from circleci_v1_async.testing._state.account import Account


class TestBuilders:
    """Methods that add results of tests to builds."""

    _account: Account

    def add_test(self, slug: str, build_num: int, *, name: str, result: str = "success", **fields: object) -> None:
        """Add the result of a test to a build.

        Args:
            slug: The project.
            build_num: The build.
            name: The test's name.
            result: success, failure or skipped.
            **fields: Any keys of the test's payload, such as `classname`, `file`, `run_time` (seconds) or `message`.
        """
        self._account.get_build(slug, build_num).tests.append(_render_test(name, result, fields))


def _render_test(name: str, result: str, fields: dict[str, Any]) -> Payload:
    """Render a test's result."""
    return {
        "classname": "",
        "file": None,
        "name": name,
        "result": result,
        "run_time": 0.011,
        "message": None,
        "source": "unknown",
        "source_type": "unknown",
    } | fields


def list_build_tests(call: Call) -> Payload:
    return {"tests": call.build.tests, "exceptions": []}


ROUTES: Final = (Route("GET", f"{BUILD}/tests", list_build_tests),)
