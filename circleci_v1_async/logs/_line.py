"""Lines of the logs of builds."""

from datetime import datetime

import attrs

__all__ = ["LogLine", "Remark"]


@attrs.frozen
class LogLine:
    """A line of the output of a step, as a terminal would show it.

    Attributes:
        step: The name of the step; empty when it has none.
        index: The number of the container, from 0.
        text: The line, without its end and without control characters. A line in brackets with neither `time` nor
            `type` may be a remark of this package about a log that is not complete.
        time: Time of the piece that wrote to the line last; `None` when the service does not say, as while a build
            runs.
        type: Stream of the line's first character, `out` or `err`; `None` when the service does not say.
    """

    step: str
    index: int
    text: str
    time: datetime | None
    type: str | None

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class Remark:
    """A line of this package in a log that is not complete.

    Attributes:
        text: The reason, without the brackets around it.
    """

    text: str

    def __str__(self) -> str:
        return f"[{self.text}]"
