"""Lines of build logs."""

from datetime import datetime

import attrs


@attrs.frozen
class LogLine:
    """A line of a step's output, as a terminal would show it.

    Attributes:
        step: Name of the step; empty if the step has no name.
        index: Number of the container, from 0.
        text: The line, without its line end and without control characters. A line in brackets with neither `time` nor
            `type` can be a remark of this package about an incomplete log.
        time: Time of the piece that wrote to the line last; `None` if the service does not return the time, for example
            while a build runs.
        type: Stream of the line's first character, `out` or `err`; `None` if the service does not return the stream.
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
    """A line that this package adds to an incomplete log. Its text has no brackets around it yet."""

    text: str

    def __str__(self) -> str:
        return f"[{self.text}]"
