"""Paths that operations share, and the checked values for them."""

from typing import Any, Final

from ._arguments import integer
from .slug import ProjectSlug

__all__ = ["BUILD", "PROJECT", "in_build", "in_project"]

PROJECT: Final = "/project/{project}"
BUILD: Final = f"{PROJECT}/{{build_num}}"


def in_project(project: ProjectSlug | str) -> dict[str, Any]:
    """Return the checked value for `PROJECT`."""
    return {"project": ProjectSlug.parse(project)}


def in_build(project: ProjectSlug | str, build_num: int) -> dict[str, Any]:
    """Return the checked values for `BUILD`."""
    return {"project": ProjectSlug.parse(project), "build_num": integer("build_num", build_num, 1)}
