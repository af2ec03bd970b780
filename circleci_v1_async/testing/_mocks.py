"""aioresponses, adapted to the aiohttp version that this package needs."""

from typing import Any
from unittest.mock import Mock

from aiohttp import ClientResponse
from aioresponses import aioresponses


class Responses(aioresponses):
    """Registers replies that work with aiohttp 3.14.

    aioresponses does not support it until https://github.com/pnuckowski/aioresponses/issues/289 is closed.
    """

    def add(self, url: Any, *args: Any, **options: Any) -> None:
        """Register a reply, like `aioresponses.add`."""
        options["response_class"] = options.get("response_class") or _Reply
        super().add(url, *args, **options)  # pyright: ignore[reportUnknownMemberType]


class _Reply(ClientResponse):
    """A reply with the argument `stream_writer`, which aiohttp 3.14 requires and aioresponses omits."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("stream_writer", Mock())
        super().__init__(*args, **options)
