"""What tests of waits and watches have in common."""

import asyncio
from typing import Any

from circleci_v1_async import (
    Build,
    BuildEvent,
    BuildStatus,
    BuildWatch,
    CircleCIError,
    Lifecycle,
    Outcome,
    Request,
)
from circleci_v1_async._calls.reply import error_class


def status(number: int, *, retry_after: float | None = None) -> CircleCIError:
    return error_class(number)(number, "No.", Request("GET", "/x"), {}, None, 3, retry_after)


def build(number: int = 7, status: str = "running") -> Build:
    if status in {"success", "failed"}:
        outcome = Outcome(status)
        return Build(
            build_num=number, status=BuildStatus(status), lifecycle=Lifecycle.FINISHED, outcome=outcome, vcs_url="x"
        )
    return Build(build_num=number, status=BuildStatus(status), lifecycle=Lifecycle(status), vcs_url="x")


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def for_ever(*_: object) -> Any:
    await asyncio.Event().wait()


async def take(watch: BuildWatch, count: int) -> list[BuildEvent]:
    """The first events, however long the watch would go on."""
    events: list[BuildEvent] = []
    async for event in watch:
        events.append(event)
        if len(events) == count:
            break
    return events
