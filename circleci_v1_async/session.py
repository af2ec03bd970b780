"""The front door: `CircleCISession`, a coroutine for each operation."""

from ._operations.artifacts import ArtifactOperations
from ._operations.builds import BuildOperations
from ._operations.keys import KeyOperations
from ._operations.output import OutputOperations
from ._operations.projects import ProjectOperations
from ._operations.tokens import TokenOperations
from ._operations.triggers import TriggerOperations
from ._operations.variables import VariableOperations
from ._operations.watching import WatchOperations

__all__ = ["CircleCISession"]


class CircleCISession(
    ProjectOperations,
    WatchOperations,
    BuildOperations,
    TriggerOperations,
    ArtifactOperations,
    OutputOperations,
    KeyOperations,
    VariableOperations,
    TokenOperations,
):
    """A session with the CircleCI REST API v1.1.

    Use it as `async with CircleCISession(token) as ci:`, or call `close()` when done. It may be made anywhere, and is
    bound to the event loop that first uses it. Calls may run at the same time.

    Args:
        token: A personal token, or a project's. `None`: anonymous, which public projects answer.
        base_url: The API's address; for CircleCI Server `https://<host>/api/v1.1`. `http` is refused with a token,
            except on loopback.
        session: An aiohttp session to use, for proxies, private certificate authorities and tracing. It is neither
            closed nor changed, and must not have default credentials.
        timeout: Seconds that one exchange may take, from making the connection to the last byte.
        concurrency: How many exchanges may be in flight at once; further ones wait.
        retry: How often a request is sent, and how long to wait in between. A session also has a budget for retries,
            so that an outage is not made worse by them.
        limiter: An async context manager that each exchange enters, such as `aiolimiter.AsyncLimiter`, or one that
            several processes share.
        max_body: Bytes that a reply may have, decompressed.
        strict: Whether a wrong value in an optional field is a `DecodeError`. Otherwise the field keeps its default,
            and the first of its kind is logged as a warning under `circleci_v1_async`.

    Raises:
        InvalidInputError: An argument cannot be right. The value of a token is not shown.

    A 429 holds back all calls of the session, for as long as the service asks. A call takes at the most
    `retry.attempts` times `timeout`, the waits between them (each up to `retry.cap` seconds, or `retry.max_retry_after`
    when the service asks for it), and the time until it is its turn.

    Every operation may raise `InvalidInputError` before any I/O, `TransportError` when no reply came,
    `StatusError` (or the class for its status) when the service refused, `DecodeError` when the reply is not what was
    promised, and `SessionClosedError`.
    """
