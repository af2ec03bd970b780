"""Events of a list of builds, with a cursor to resume from: `BuildWatch`."""

from circleci_v1_async._core.faces import show_as_home

from ._build_watch import BuildWatch
from ._cursor import WatchCursor
from ._cursor_file import CursorFile
from ._plan import BuildEvent

__all__ = ["BuildEvent", "BuildWatch", "CursorFile", "WatchCursor"]

show_as_home(__name__)
