"""What tests of watches have in common."""

from circleci_v1_async import BuildEvent, BuildWatch


async def take(watch: BuildWatch, count: int) -> list[BuildEvent]:
    """The first events, however long the watch would go on."""
    events: list[BuildEvent] = []
    async for event in watch:
        events.append(event)
        if len(events) == count:
            break
    return events
