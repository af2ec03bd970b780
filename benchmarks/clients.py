"""Other clients. Each provides a function that fetches a URL and decodes the reply."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from functools import cache, partial, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import aiohttp
import attrs
import httpx2
import orjson
from cattrs import Converter
from cattrs.strategies import configure_union_passthrough
from pydantic import BaseModel, TypeAdapter, create_model

# Takes the path below the base URL, and the type that typed clients decode the reply into.
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
async def _httpx2_json(base_url: str) -> AsyncGenerator[Get]:
    async with httpx2.AsyncClient(headers=_HEADERS) as session:

        async def get(target: str, _: Any) -> Any:
            reply = await session.get(f"{base_url}{target}")
            return reply.raise_for_status().json()

        yield get


def _decode_with_orjson(body: bytes, _: Any) -> Any:
    return orjson.loads(body)


def _decode_with_cattrs(body: bytes, kind: Any) -> Any:
    return _make_converter().structure(json.loads(body), kind)


def _decode_with_pydantic(body: bytes, kind: Any) -> Any:
    return _make_adapter(kind).validate_json(body)


@cache
def _make_converter() -> Converter:
    """Make a plain converter with the hooks that JSON requires."""
    converter = Converter()
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    configure_union_passthrough(str | int | float | bool | None, converter)
    return converter


@cache
def _make_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(_pydantic_type(kind))


def _pydantic_type(annotation: Any) -> Any:
    """Replace this package's models with pydantic models."""
    if get_origin(annotation) is Annotated:
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
    "aiohttp, orjson.loads": partial(_aiohttp_with, _decode_with_orjson),
    "aiohttp, stock cattrs, same models": partial(_aiohttp_with, _decode_with_cattrs),
    "aiohttp, pydantic, same fields": partial(_aiohttp_with, _decode_with_pydantic),
    "httpx2, response.json()": _httpx2_json,
}
