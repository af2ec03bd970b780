"""Logs of builds as a terminal shows them: `LogLine`."""

from ._line import LogLine

__all__ = ["LogLine"]
