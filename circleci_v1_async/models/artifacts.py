"""Files that builds stored."""

from ._model import Model, model

__all__ = ["Artifact"]


@model(kw_only=True)
class Artifact(Model):
    """A file that a build stored. CircleCI deletes it after at most 30 days."""

    path: str
    """Path of the stored file: relative, or absolute for builds on CircleCI 1.0.

    It is not safe to use as a local path without a check. `download_artifacts` checks it.
    """

    pretty_path: str | None = None
    """Like `path`, but with variables such as `$CIRCLE_ARTIFACTS` for builds on CircleCI 1.0."""

    node_index: int | None = None
    """Number of the container that stored the file, from 0. Two containers can store the same path."""

    url: str
    """URL of the file. For private projects, it requires the token and answers with a redirect."""
