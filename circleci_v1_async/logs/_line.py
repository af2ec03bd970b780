"""Lines of the logs of builds."""

from datetime import datetime

import attrs

__all__ = ["LogLine"]


@attrs.frozen
class LogLine:
    """A line of the output of a step, as a terminal would show it.

    Attributes:
        step: The name of the step; empty when it has none.
        index: The number of the container, from 0.
        text: The line, without its end and without control characters.
        time: When the piece came that wrote to the line last; `None` when the service does not say, as while a build
            runs.
        type: `out` or `err`; `None` when the service does not say.
    """

    step: str
    index: int
    text: str
    time: datetime | None
    type: str | None

    def __str__(self) -> str:
        return self.text
