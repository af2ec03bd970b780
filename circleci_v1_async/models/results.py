"""Replies to calls that change data."""

from ._model import Model, model

__all__ = ["CacheResult", "Message", "PipelineResult"]


@model(kw_only=True)
class Message(Model):
    """A confirmation of the service."""

    message: str | None = None
    """Text of the confirmation, such as `ok`."""


@model(kw_only=True)
class PipelineResult(Model):
    """The result of triggering a pipeline."""

    status: int
    """HTTP status in the reply's body. It is a success, because other statuses raise a `StatusError`."""

    body: str | None = None
    """Text of the confirmation, such as `Build created`."""


@model(kw_only=True)
class CacheResult(Model):
    """The result of clearing a cache."""

    status: str | None = None
    """Text of the confirmation, such as `build dependency caches deleted`."""
