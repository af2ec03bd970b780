"""Projects named by their parts or by a URL, where the service may have sent neither."""

from circleci_v1_async._core.errors import InvalidInputError
from circleci_v1_async.slug import ProjectSlug

__all__ = ["slug_of_names", "slug_of_url"]


def slug_of_names(vcs_type: str | None, username: str | None, reponame: str | None) -> ProjectSlug | None:
    """Return the project of that name; `None` when a part is missing or is not valid."""
    if not (vcs_type and username and reponame):
        return None
    try:
        return ProjectSlug(vcs_type, username, reponame)
    except InvalidInputError:
        return None


def slug_of_url(url: str | None) -> ProjectSlug | None:
    """Return the project that a URL of CircleCI or of a code host names; `None` when it names none."""
    try:
        return ProjectSlug.parse(url) if url else None
    except InvalidInputError:
        return None
