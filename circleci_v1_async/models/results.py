"""Replies to calls that change something."""

from ._model import Model, model

__all__ = ["CacheResult", "Message", "PipelineResult"]


@model(kw_only=True)
class Message(Model):
    """A confirmation."""

    message: str | None = None
    """Text such as `ok`."""


@model(kw_only=True)
class PipelineResult(Model):
    """The result of triggering a pipeline."""

    status: int
    """Status as in HTTP, always of a success here: any other raises a `StatusError`."""

    body: str | None = None
    """Text such as `Build created`."""


@model(kw_only=True)
class CacheResult(Model):
    """The result of clearing a cache."""

    status: str | None = None
    """Text such as `build dependency caches deleted`."""
