"""Project slugs from names or URLs in replies. Both can be absent."""

from circleci_v1_async._core.errors import InvalidInputError
from circleci_v1_async.slug import ProjectSlug


def slug_of_names(vcs_type: str | None, username: str | None, reponame: str | None) -> ProjectSlug | None:
    """Return the slug with these parts; `None` if a part is missing or invalid."""
    if not (vcs_type and username and reponame):
        return None
    try:
        return ProjectSlug(vcs_type, username, reponame)
    except InvalidInputError:
        return None


def slug_of_url(url: str | None) -> ProjectSlug | None:
    """Return the slug of a project in a URL of CircleCI or a code host; `None` without a project."""
    try:
        return ProjectSlug.parse(url) if url else None
    except InvalidInputError:
        return None
