"""Other clients. Each provides a function that fetches a URL and decodes the reply."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import aiohttp
import attrs
import httpx2
import orjson
import pycircleci.api  # type: ignore[import-untyped]
from cattrs import Converter
from cattrs.strategies import configure_union_passthrough
from pydantic import BaseModel, TypeAdapter, create_model

# Takes the path below the base URL, and the type that typed clients decode the reply into.
Get = Callable[[str, Any], Awaitable[Any]]
Client = Callable[[str], AbstractAsyncContextManager[Get]]

JSON: Final = "aiohttp, resp.json()"
ORJSON: Final = "aiohttp, orjson.loads"
CATTRS: Final = "aiohttp, stock cattrs, same models"
PYCIRCLECI: Final = "pycircleci"
_HEADERS: Final = {"Accept": "application/json", "Circle-Token": "a-token"}


@asynccontextmanager
async def _aiohttp(
    decode: Callable[[aiohttp.ClientResponse, Any], Awaitable[Any]], base_url: str
) -> AsyncGenerator[Get]:
    async with aiohttp.ClientSession(headers=_HEADERS) as session:

        async def get(target: str, type_: Any) -> Any:
            async with session.get(f"{base_url}{target}", raise_for_status=True) as reply:
                return await decode(reply, type_)

        yield get


async def _decode_json(reply: aiohttp.ClientResponse, _: Any) -> Any:
    return await reply.json()


async def _decode_with_orjson(reply: aiohttp.ClientResponse, _: Any) -> Any:
    return orjson.loads(await reply.read())


async def _decode_with_cattrs(reply: aiohttp.ClientResponse, type_: Any) -> Any:
    return _make_converter().structure(json.loads(await reply.read()), type_)


async def _decode_with_pydantic(reply: aiohttp.ClientResponse, type_: Any) -> Any:
    return _make_adapter(type_).validate_json(await reply.read())


@asynccontextmanager
async def _httpx2(base_url: str) -> AsyncGenerator[Get]:
    async with httpx2.AsyncClient(headers=_HEADERS) as session:

        async def get(target: str, _: Any) -> Any:
            reply = await session.get(f"{base_url}{target}")
            return reply.raise_for_status().json()

        yield get


@cache
def _make_converter() -> Converter:
    """Make a plain converter with the hooks that JSON requires."""
    converter = Converter()
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    configure_union_passthrough(str | int | float | bool | None, converter)
    return converter


@cache
def _make_adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(_pydantic_type(type_))


def _pydantic_type(annotation: Any) -> Any:
    """Replace this package's models with pydantic models."""
    if get_origin(annotation) is Annotated:
        return annotation
    if attrs.has(annotation):
        return _pydantic_model(annotation)
    if not (arguments := tuple(map(_pydantic_type, get_args(annotation)))):
        return annotation
    origin: Any = Union if get_origin(annotation) is UnionType else get_origin(annotation)
    return origin[arguments]


@cache
def _pydantic_model(model: Any) -> type[BaseModel]:
    fields: dict[str, Any] = {
        field.name: (_pydantic_type(field.type), ... if field.default is attrs.NOTHING else field.default)
        for field in attrs.fields(attrs.resolve_types(model, include_extras=True))
    }
    name: str = model.__name__
    return create_model(name, **fields)


def make_pycircleci(base_url: str) -> Any:
    """Make pycircleci's client, which is not asynchronous and has different methods."""
    # pycircleci adds the version to the URL.
    return pycircleci.api.Api("a-token", base_url.removesuffix("/v1.1"))


CLIENTS: Final[dict[str, Client]] = {
    JSON: partial(_aiohttp, _decode_json),
    ORJSON: partial(_aiohttp, _decode_with_orjson),
    CATTRS: partial(_aiohttp, _decode_with_cattrs),
    "aiohttp, pydantic, same fields": partial(_aiohttp, _decode_with_pydantic),
    "httpx2, response.json()": _httpx2,
}
