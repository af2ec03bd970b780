"""Test results of builds."""

from collections.abc import Mapping
from typing import Any, Final

from circleci_v1_async.testing._server.routing import BUILD, Call, Route
from circleci_v1_async.testing._server.wire import Payload
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.arguments import check_choice, check_fields

_RESULTS: Final = ("success", "failure", "skipped", "error")


class TestBuilders:
    """Methods that add test results to builds."""

    _account: Account

    def add_test(
        self,
        slug: str,
        build_num: int,
        *,
        name: str,
        result: str = "success",
        fields: Mapping[str, object] | None = None,
        **named: object,
    ) -> None:
        """Add a test result to a build.

        Args:
            slug: The project's slug.
            build_num: The build's number.
            name: The test's name.
            result: success, failure or skipped.
            fields: Keys of the test's payload to send unchanged, known or unknown.
            **named: Known keys of the test's payload: `classname`, `file`, `run_time` (seconds), `message`, `source`,
                `source_type`.

        Raises:
            KeyError: The build does not exist.
            ValueError: The result or the name of a field is unknown.
        """
        check_choice("result", result, _RESULTS)
        check_fields(named, _render_test("", "", {}))
        self._account.get_build(slug, build_num).tests.append(_render_test(name, result, {**named, **(fields or {})}))


def _render_test(name: str, result: str, fields: dict[str, Any]) -> Payload:
    """Render a test result."""
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
