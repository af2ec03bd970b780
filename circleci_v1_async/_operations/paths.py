"""Paths that operations share, and the checked values for them."""

from typing import Any, Final

from circleci_v1_async._core.arguments import check_integer
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import BuildSummary
from circleci_v1_async.slug import ProjectSlug, find_build_num

__all__ = ["BUILD", "PROJECT", "build_values", "parse_build_reference", "project_values"]

PROJECT: Final = "/project/{project}"
BUILD: Final = f"{PROJECT}/{{build_num}}"
_BOTH_WAYS: Final = (
    "Name a build by its project and number, such as ('gh/acme/web', 7), or by itself: a build that says where it "
    "belongs, or the URL of a build or job"
)


def project_values(project: ProjectSlug | str) -> dict[str, Any]:
    """Return the checked value for `PROJECT`."""
    return {"project": ProjectSlug.parse(project)}


def parse_build_reference(project: ProjectSlug | str | BuildSummary, build_num: int | None) -> tuple[ProjectSlug, int]:
    """Return the project and the number of a build that is named by both, by itself, or by a URL.

    Raises:
        InvalidInputError: One of them is missing, or there are two numbers.
    """
    slug: ProjectSlug | None
    own: int | None
    if isinstance(project, BuildSummary):
        slug, own = project.project, project.build_num
        if slug is None:
            raise InvalidInputError(f"project: build {own} does not say where it belongs. {_BOTH_WAYS}")
    else:
        slug = ProjectSlug.parse(project)
        own = find_build_num(project) if isinstance(project, str) else None
    if own is None and build_num is None:
        raise InvalidInputError(f"build_num: expected an integer from 1, got None. {_BOTH_WAYS}")
    number = check_integer("build_num", own if build_num is None else build_num, 1)
    if own not in {None, number}:
        raise InvalidInputError(f"build_num: expected {own}, as what is beside it says, got {number}. {_BOTH_WAYS}")
    return slug, number


def build_values(project: ProjectSlug | str | BuildSummary, build_num: int | None) -> dict[str, Any]:
    """Return the checked values for `BUILD`."""
    slug, number = parse_build_reference(project, build_num)
    return {"project": slug, "build_num": number}
