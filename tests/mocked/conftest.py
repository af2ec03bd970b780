"""aioresponses, made to work with every aiohttp that the package supports."""

from collections.abc import Iterator
from functools import partial
from inspect import signature
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses


class Reply(aiohttp.ClientResponse):
    """A reply as aioresponses makes one: it knows nothing of `stream_writer`, which aiohttp 3.14 asks for."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        if "stream_writer" in signature(aiohttp.ClientResponse).parameters:
            kwargs.setdefault("stream_writer", Mock())
        super().__init__(*args, **kwargs)


@pytest.fixture
def wire() -> Iterator[aioresponses]:
    with aioresponses() as mocked:
        for method in ("get", "post", "delete"):
            setattr(mocked, method, partial(getattr(mocked, method), response_class=Reply))
        yield mocked
