"""What people would use instead: each gives a function that fetches a URL and decodes the reply."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, partial, reduce
from operator import or_
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

import aiohttp
import attrs
import httpx
import orjson
from cattrs.preconf.json import make_converter
from pydantic import BaseModel, TypeAdapter, create_model

from circleci_v1_async.models import Timestamp

# The path below the base URL, and what the reply is to be decoded into by those who decode into anything.
Get = Callable[[str, Any], Awaitable[Any]]
Client = Callable[[str], AbstractAsyncContextManager[Get]]

_HEADERS: Final = {"Accept": "application/json", "Circle-Token": "a-token"}


@asynccontextmanager
async def _aiohttp_json(base_url: str) -> AsyncGenerator[Get]:
    async with aiohttp.ClientSession(headers=_HEADERS) as session:

        async def get(target: str, _: Any) -> Any:
            async with session.get(f"{base_url}{target}", raise_for_status=True) as reply:
                return await reply.json()

        yield get


@asynccontextmanager
async def _aiohttp_with(decode: Callable[[bytes, Any], Any], base_url: str) -> AsyncGenerator[Get]:
    async with aiohttp.ClientSession(headers=_HEADERS) as session:

        async def get(target: str, kind: Any) -> Any:
            async with session.get(f"{base_url}{target}", raise_for_status=True) as reply:
                return decode(await reply.read(), kind)

        yield get


@asynccontextmanager
async def _httpx_json(base_url: str) -> AsyncGenerator[Get]:
    async with httpx.AsyncClient(headers=_HEADERS) as session:

        async def get(target: str, _: Any) -> Any:
            reply = await session.get(f"{base_url}{target}")
            return reply.raise_for_status().json()

        yield get


def _by_orjson(body: bytes, _: Any) -> Any:
    return orjson.loads(body)


def _by_cattrs(body: bytes, kind: Any) -> Any:
    return _converter().loads(body, kind)


def _by_pydantic(body: bytes, kind: Any) -> Any:
    return _adapter(kind).validate_json(body)


_converter = cache(make_converter)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(_pydantic_type(kind))


def _pydantic_type(annotation: Any) -> Any:
    """The annotation with models of pydantic's in the place of ours."""
    if annotation is Timestamp:
        return annotation
    if attrs.has(annotation):
        return _pydantic_model(annotation)
    if not (arguments := tuple(map(_pydantic_type, get_args(annotation)))):
        return annotation
    origin: Any = get_origin(annotation)
    return reduce(or_, arguments) if origin in {Union, UnionType} else origin[arguments]


@cache
def _pydantic_model(model: Any) -> type[BaseModel]:
    fields: dict[str, Any] = {
        field.name: (_pydantic_type(field.type), ... if field.default is attrs.NOTHING else field.default)
        for field in attrs.fields(attrs.resolve_types(model, include_extras=True))
    }
    name: str = model.__name__
    return create_model(name, **fields)


CLIENTS: Final[dict[str, Client]] = {
    "aiohttp, resp.json()": _aiohttp_json,
    "aiohttp, orjson.loads": partial(_aiohttp_with, _by_orjson),
    "aiohttp, stock cattrs, same models": partial(_aiohttp_with, _by_cattrs),
    "aiohttp, pydantic, same fields": partial(_aiohttp_with, _by_pydantic),
    "httpx, response.json()": _httpx_json,
}
