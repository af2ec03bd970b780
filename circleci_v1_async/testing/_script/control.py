"""The fake's own routes below `/__fake`. Programs in other languages control the fake with them."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Final, cast

from circleci_v1_async.testing._script.seed import apply_seed, call_with, script_fault
from circleci_v1_async.testing._script.service import ScriptedService
from circleci_v1_async.testing._server.checks import parse_json
from circleci_v1_async.testing._server.routing import LOG_IN, list_tokens
from circleci_v1_async.testing._server.wire import OK, Payload, ReceivedRequest, Reply, encode_json

CONTROL_PREFIX: Final = "/__fake/"
_STATE: Final = ("token", "_account", "_script", "_drifts", "_rate_limit", "_expired_tokens")
_NOT_FOUND: Final = Reply.json_error(
    404, "Below /__fake there are POST reset, POST seed, POST finish, POST faults and GET requests."
)


class ControlledService(ScriptedService):
    """A service that requests below `/__fake` can build, script and reset."""

    _first_state: Mapping[str, Any]

    def _keep_state(self) -> None:
        """Save the current state for later resets."""
        self._first_state = self._copy_state()

    def _answer_control(self, request: ReceivedRequest) -> Reply:
        """Answer a request below `/__fake`. A rejected request changes nothing."""
        # Accept the token even after it has expired: a reset makes it valid again.
        if self.token not in list_tokens(request):
            return LOG_IN
        try:
            body: object = parse_json(request.body) if request.body else None
            value = self._control(request.method, request.path.removeprefix(CONTROL_PREFIX), body)
        except (ValueError, KeyError, OverflowError) as error:
            return Reply.json_error(400, f"{error.args[0] if isinstance(error, KeyError) else error}")
        if value is None:
            return _NOT_FOUND
        return Reply(200, encode_json(value), {"Content-Type": "application/json;charset=utf-8"})

    def _control(self, method: str, name: str, body: object) -> Payload | list[Payload] | None:
        match method, name:
            case "POST", "reset":
                self._restore_state(deepcopy(self._first_state))
                self.requests.clear()
            case "POST", "seed":
                with self._all_or_nothing():
                    apply_seed(self, body)
            case "POST", "finish":
                return cast(Payload, call_with(self.finish_build, _expect_object(body)))
            case "POST", "faults":
                with self._all_or_nothing():
                    for fault in cast("list[object]", body) if isinstance(body, list) else [body]:
                        script_fault(self, _expect_object(fault))
            case "GET", "requests":
                return [_render_request(request) for request in self.requests]
            case _:
                return None
        return OK

    @contextmanager
    def _all_or_nothing(self) -> Generator[None]:
        """Undo all changes if one of them is rejected."""
        state = self._copy_state()
        try:
            yield
        except BaseException:
            self._restore_state(state)
            raise

    def _copy_state(self) -> Mapping[str, Any]:
        return deepcopy({name: getattr(self, name) for name in _STATE})

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def _render_request(request: ReceivedRequest) -> Payload:
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query_string,
        "operation": request.operation,
        "headers": dict(request.headers),
        "body": request.body.decode(errors="replace"),
    }


def _expect_object(value: object) -> Payload:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {value!r}")  # noqa: TRY004 - answered with 400, like every bad seed
    return cast(Payload, value)
