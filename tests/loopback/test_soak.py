"""Very many calls over a network that is as bad as it gets, against a server that counts what it was made to do."""

import asyncio
import gc
import json
import logging
import os
import random
import re
import socket
import struct
import sys
import time
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from effort import by_profile

from circleci_v1_async import (
    CircleCIError,
    CircleCISession,
    DecodeError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    TransportError,
)

# Set SOAK_CALLS for a longer run.
CALLS = int(os.environ.get("SOAK_CALLS") or by_profile(quick=2_000, thorough=20_000))
CONCURRENCY = 32
SEED = 11
PROJECT = "gh/acme/web"

# In per cent; what remains is answered.
FAULTS = {"500": 10, "reset": 5, "429": 2, "truncate": 1}
FATES, WEIGHTS = zip(*{"answer": 100 - sum(FAULTS.values()), **FAULTS}.items(), strict=True)

Call = Callable[[CircleCISession, int], Awaitable[Any]]
# The number of the call travels in each of them but the first, and comes back in each result.
CALLS_OF: dict[str, tuple[Call, Callable[[Any, int], bool]]] = {
    "get_current_user": (
        lambda ci, _: ci.get_current_user(),
        lambda user, _: user.login == "ada",
    ),
    "get_build": (
        lambda ci, number: ci.get_build(PROJECT, number),
        lambda build, number: (
            (build.build_num, build.subject, len(build.steps)) == (number, f"Change {number}", len(STEPS))
        ),
    ),
    "list_project_builds": (
        lambda ci, number: ci.list_project_builds(PROJECT, limit=3, offset=number),
        lambda builds, number: [build.build_num for build in builds] == [number, number + 1, number + 2],
    ),
    "retry_build": (
        lambda ci, number: ci.retry_build(PROJECT, number),
        lambda build, number: (build.build_num, build.subject) == (number, f"Change {number}"),
    ),
    "cancel_build": (
        lambda ci, number: ci.cancel_build(PROJECT, number),
        lambda build, number: (build.build_num, build.subject) == (number, f"Change {number}"),
    ),
    "trigger_build": (
        lambda ci, number: ci.trigger_build(PROJECT, build_parameters={"CALL": str(number)}),
        lambda build, number: (build.build_num, build.subject) == (number, f"Change {number}"),
    ),
    "delete_checkout_key": (
        lambda ci, number: ci.delete_checkout_key(PROJECT, str(number)),
        lambda message, _: message.message in {"ok", None},
    ),
}
OPERATIONS = list(CALLS_OF)
READS = {"get_current_user", "get_build", "list_project_builds"}
POSTS = {"retry_build", "trigger_build"}

NUMBER = re.compile(rb'/web/([0-9]+)|offset=([0-9]+)|checkout-key/([0-9]+)|"CALL":"([0-9]+)"')
STEPS = [{"name": f"Step {n}", "actions": [{"name": f"Step {n}", "step": n, "exit_code": 0}]} for n in range(10)]


def operation_of(number: int) -> str:
    return OPERATIONS[number % len(OPERATIONS)]


def build(number: int, **more: Any) -> dict[str, Any]:
    return {
        "build_num": number,
        "vcs_url": "https://github.com/acme/web",
        "build_url": f"https://circleci.com/gh/acme/web/{number}",
        "subject": f"Change {number}",
        "body": "Why it was changed. " * 20,
        "status": "success",
        "lifecycle": "finished",
        "outcome": "success",
        "start_time": "2026-11-02T08:15:00.250Z",
        "committer_date": "2026-11-02T09:14:58+01:00",
        "user": {"login": "ada", "name": "Ada Adams"},
        "workflows": {"workflow_name": "test", "job_name": "unit"},
        **more,
    }


class BadNetwork:
    """A server that answers at its best, and otherwise fails before, while or after it does what it was asked to do.

    What becomes of a request depends on the call that it belongs to and on how often that has come, and so not on the
    order in which requests arrive. It keeps nothing of a request but counts, in memory that is there from the start.
    """

    def __init__(self) -> None:
        self.seen = bytearray(CALLS)
        # All calls of one kind have one number.
        self.limited = array("L", [0]) * CALLS
        self.executed = bytearray(CALLS)
        self.fates: Counter[str] = Counter()
        self.users = 0
        self.connections: set[asyncio.Transport] = set()
        self.peak = 0
        self.all_closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/api/v1.1"

    def opened(self, transport: asyncio.Transport) -> None:
        self.connections.add(transport)
        self.peak = max(self.peak, len(self.connections))
        self.all_closed.clear()

    def closed(self, transport: asyncio.Transport) -> None:
        self.connections.discard(transport)
        if not self.connections:
            self.all_closed.set()

    def receive(self, transport: asyncio.Transport, target: bytes, body: bytes) -> None:
        number, key = self._call(target, body)
        chance = random.Random(key)  # noqa: S311 - reproducible on purpose
        (fate,) = chance.choices(FATES, WEIGHTS)
        self.fates[fate] += 1
        if fate == "429":
            self.limited[number] += 1
            transport.write(reply(429, b"Rate limited.", b"Retry-After: 0\r\n"))
            return
        # It may fail before it has done anything, or just when it has.
        answer = self._answer(number) if fate in {"answer", "truncate"} or chance.random() < 0.5 else b""
        if fate == "answer":
            transport.write(answer)
        elif fate == "500":
            transport.write(reply(500, b'{"message": "An internal server error occurred."}'))
        elif fate == "reset":
            linger = socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(*linger)
            transport.abort()
        else:
            head, _, content = answer.partition(b"\r\n\r\n")
            if chance.random() < 0.5:
                # Then only the JSON shows that something is missing.
                head = re.sub(rb"\r\nContent-Length: [0-9]+", b"", head)
            transport.write(head + b"\r\n\r\n" + content[: len(content) // 2])
            transport.close()

    def _call(self, target: bytes, body: bytes) -> tuple[int, str]:
        """The call that a request belongs to, and what decides upon its fate."""
        if found := NUMBER.search(target) or NUMBER.search(body):
            number = int(next(filter(None, found.groups())))
            self.seen[number] += 1
            return number, f"{SEED} {number} {self.seen[number]}"
        assert target == b"/api/v1.1/me"
        self.users += 1
        return 0, f"{SEED} me {self.users}"

    def _answer(self, number: int) -> bytes:
        """Do what was asked for, and say so."""
        operation = operation_of(number)
        if operation not in READS:
            if operation == "delete_checkout_key" and self.executed[number]:
                return reply(404, b'{"message": "checkout key not found"}')
            self.executed[number] += 1
        content: Any
        match operation:
            case "get_current_user":
                content = {"login": "ada", "name": "Ada Adams", "all_emails": ["ada@acme.example"]}
            case "get_build":
                content = build(number, steps=STEPS)
            case "list_project_builds":
                content = [build(number + index) for index in range(3)]
            case "delete_checkout_key":
                content = {"message": "ok"}
            case _:
                content = build(number)
        return reply(200, json.dumps(content).encode())


def reply(status: int, body: bytes, headers: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
    return head % (status, headers, len(body)) + body


class Connection(asyncio.Protocol):
    """As little of an HTTP server as does: the time is for the client."""

    def __init__(self, network: BadNetwork) -> None:
        self._network = network
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._network.opened(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._network.closed(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
        if end and len(body) >= (int(length[1]) if length else 0):
            self._received = b""
            self._network.receive(self._transport, head.split(b" ", 2)[1], body)


class Soak:
    """What the client made of it."""

    def __init__(self) -> None:
        self.errors: Counter[str] = Counter()
        self.succeeded = bytearray(CALLS)

    async def run(self, ci: CircleCISession, numbers: range) -> None:
        todo = iter(numbers)
        await asyncio.gather(*[self._work(ci, todo) for _ in range(CONCURRENCY)])

    async def _work(self, ci: CircleCISession, todo: Iterator[int]) -> None:
        for number in todo:
            call, is_right = CALLS_OF[operation_of(number)]
            try:
                result = await call(ci, number)
            except CircleCIError as error:
                if not is_documented(error):
                    raise
                self.errors[type(error).__name__] += 1
            else:
                assert is_right(result, number), (operation_of(number), number, result)
                self.succeeded[number] = 1


def is_documented(error: CircleCIError) -> bool:
    match error:
        case ServerError():
            return error.status == 500
        case DecodeError():
            return error.truncated
        case _:
            return type(error) in {RateLimitError, TransportError}


class Memory:
    """Blocks that Python holds, which is exact; and what the process takes, where the system tells."""

    def __init__(self) -> None:
        self.blocks: list[int] = []
        self.resident: list[float] = []

    def sample(self) -> None:
        gc.collect()
        self.blocks.append(sys.getallocatedblocks())
        pages = Path("/proc/self/statm")
        if pages.exists():
            self.resident.append(int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)


class Counted(logging.Filter):
    """Counts warnings, and keeps records from whoever would store them, as pytest does: that is no leak of ours."""

    count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        self.count += record.levelno == logging.WARNING
        return False


@pytest.fixture
def warnings() -> Iterator[Counted]:
    counted = Counted()
    logger = logging.getLogger("circleci_v1_async")
    logger.addFilter(counted)
    yield counted
    logger.removeFilter(counted)


async def test_thousands_of_calls_over_a_bad_network_give_right_data_or_documented_errors_and_leave_nothing_behind(
    warnings: Counted, record_property: Callable[[str, object], None]
) -> None:
    tasks_before = asyncio.all_tasks()
    soak, memory = Soak(), Memory()
    started = time.monotonic()
    async with BadNetwork() as network:
        policy = RetryPolicy(base=0.001, cap=0.01)
        async with CircleCISession(base_url=network.base_url, concurrency=CONCURRENCY, retry=policy) as ci:
            for first in range(0, CALLS, CALLS // 10):
                await soak.run(ci, range(first, first + CALLS // 10))
                memory.sample()
            assert asyncio.all_tasks() == tasks_before
            assert len(network.connections) <= CONCURRENCY
        await network.all_closed.wait()
    seconds = time.monotonic() - started

    failures = soak.errors.total()
    requests = network.fates.total()
    assert asyncio.all_tasks() == tasks_before
    assert network.peak <= CONCURRENCY
    # Nobody but the policy has sent anything twice, and it has said so each time.
    assert requests == CALLS + warnings.count
    for number in range(CALLS):
        operation = operation_of(number)
        if operation in POSTS:
            assert network.seen[number] - network.limited[number] <= 1, f"{operation} {number} was sent twice"
        # Canceling twice does no more than canceling once.
        if operation != "cancel_build":
            assert network.executed[number] <= 1, f"{operation} {number} was executed twice"
        if operation not in READS and soak.succeeded[number]:
            assert network.executed[number] >= 1, f"{operation} {number} was not executed"
    # All kinds of faults have come, each about as often as it should; reads and deletions mostly survive them.
    for fate, percent in FAULTS.items():
        assert abs(network.fates[fate] / requests * 100 - percent) < max(percent / 5, 0.5), network.fates
    assert failures / CALLS < 0.12
    growth = memory.blocks[-1] - memory.blocks[1]
    assert growth < 2_000, memory.blocks
    if memory.resident:
        assert memory.resident[-1] - memory.resident[1] < 8, memory.resident

    record_property(
        "figures",
        f"soak: {CALLS} calls, {requests} requests, {warnings.count} retries, {failures} errors "
        f"({', '.join(f'{count} {name}' for name, count in sorted(soak.errors.items()))}) in {seconds:.1f} s; "
        f"no POST executed twice; at most {network.peak} connections, {len(network.connections)} at the end; "
        f"memory after each tenth: {' '.join(str(count) for count in memory.blocks)} blocks, "
        f"{' '.join(f'{size:.1f}' for size in memory.resident) or '-'} MiB resident",
    )
