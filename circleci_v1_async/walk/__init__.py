"""Iteration over changing lists of builds, each build exactly once: `PageWalk`."""

from circleci_v1_async._core.faces import show_as_home

from ._page_walk import PageWalk, WalkOptions

__all__ = ["PageWalk", "WalkOptions"]

show_as_home(__name__)
