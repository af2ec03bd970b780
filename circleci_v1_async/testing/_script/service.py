"""The service that a test builds and scripts, without its sockets."""

import math

from circleci_v1_async.testing._nouns.routes import Builders
from circleci_v1_async.testing._nouns.user import make_default_user
from circleci_v1_async.testing._script.drift import Drift, Drifts
from circleci_v1_async.testing._script.faults import Faults, Script
from circleci_v1_async.testing._script.rates import Rates
from circleci_v1_async.testing._server.requests import RequestLog
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.arguments import check_number, check_seconds


class ScriptedService(Builders, Drifts, Faults, Rates):
    """An account, and the scripted behavior of its requests."""

    def __init__(self, token: str, *, server: bool, run_seconds: float | None, max_offset: int | None) -> None:
        self.token = token
        self.requests: RequestLog = RequestLog()
        if run_seconds is not None:
            check_seconds("run_seconds", run_seconds)
        if max_offset is not None:
            check_number("max_offset", max_offset, 0, math.inf)
        self._account = Account(make_default_user(), is_server=server, run_seconds=run_seconds, max_offset=max_offset)
        self._script = Script()
        self._drifts: list[Drift] = []
        self._expired_tokens: set[str] = set()

    def expire_token(self) -> None:
        """Expire the token: all requests with it are answered with 401, even for public projects.

        A new token is valid as soon as you assign it to `token`.
        """
        self._expired_tokens.add(self.token)
