"""aioresponses, made to work with the aiohttp that this package needs."""

from typing import Any
from unittest.mock import Mock

from aiohttp import ClientResponse
from aioresponses import aioresponses


class Responses(aioresponses):
    """Registers replies that aiohttp 3.14 can make.

    Until https://github.com/pnuckowski/aioresponses/issues/289 is closed, aioresponses cannot.
    """

    def add(self, url: Any, *args: Any, **options: Any) -> None:
        """Register a reply, as `aioresponses.add` does."""
        options["response_class"] = options.get("response_class") or _Reply
        super().add(url, *args, **options)  # pyright: ignore[reportUnknownMemberType]


class _Reply(ClientResponse):
    """A reply as aioresponses makes one: it knows nothing of `stream_writer`, which aiohttp 3.14 asks for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("stream_writer", Mock())
        super().__init__(*args, **options)
