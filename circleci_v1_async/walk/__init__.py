"""Lists read once each, while they change: `PageWalk`."""

from ._page_walk import PageWalk, WalkOptions

__all__ = ["PageWalk", "WalkOptions"]
