"""Events of lists of builds, which a cursor resumes: `BuildWatch`."""

from ._build_watch import BuildWatch
from ._cursor import WatchCursor
from ._cursor_file import CursorFile
from ._plan import BuildEvent

__all__ = ["BuildEvent", "BuildWatch", "CursorFile", "WatchCursor"]
