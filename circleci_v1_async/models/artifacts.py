"""Files that builds stored."""

from ._model import Model, model

__all__ = ["Artifact"]


@model(kw_only=True)
class Artifact(Model):
    """A file that a build stored. CircleCI deletes it after 30 days at the latest."""

    path: str
    """Name that the file was stored under: relative, but absolute on builds of CircleCI 1.0.

    It is not safe to use as a local path. `download_artifacts` checks it.
    """

    pretty_path: str | None = None
    """Same as `path`, with variables such as `$CIRCLE_ARTIFACTS` on builds of CircleCI 1.0."""

    node_index: int | None = None
    """Number of the container that stored the file, from 0. Two containers may have stored the same path."""

    url: str
    """URL of the file. Private projects require the token, and answer with a redirect."""
