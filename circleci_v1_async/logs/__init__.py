"""Lines of build logs, as a terminal shows them: `LogLine`."""

from circleci_v1_async._core.faces import show_as_home

from ._line import LogLine

__all__ = ["LogLine"]

show_as_home(__name__)
