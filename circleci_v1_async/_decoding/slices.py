"""Large replies decoded slice by slice.

msgspec holds the interpreter's lock while it decodes, so that megabytes hold up the event loop, and a thread would not
help. The lists of a large reply are therefore split into their items as they are, of which a few are decoded at a time.
"""

import asyncio
import re
from typing import Any, Final, cast, get_args, get_origin

import attrs

from circleci_v1_async.errors import DecodeError
from circleci_v1_async.models import OTHER_NAMES
from circleci_v1_async.models._model import Model

from .codec import TRUNCATED, Decoder
from .splitter import ListSplitter, Run

__all__ = ["decode_in_slices"]

# Bytes that are split, and items that are decoded, without a pause. Each item may have to be taken apart by field.
_BYTES: Final = 2**14
_ITEMS: Final = 64
# Bytes that the items of a list may take, were they all empty. Real ones reach `max_body` long before.
_ROOM: Final = 2**24
# Bytes that an item takes at least, with what it refers to.
_SMALLEST: Final = 96

_FIRST: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+(.?)", re.DOTALL)
_KINDS: Final = {b"[": "array", b"{": "object", b'"': "string"}
_BEGINNING: Final = 100


async def decode_in_slices(body: bytes, returns: Any, decoder: Decoder, max_items: int | None = None) -> Any:
    """Decode as `Decoder.decode` does, in slices of a few milliseconds, with turns for other tasks.

    The slices are those of a list, or of the lists of a model. Anything else is decoded at once.

    Args:
        body: JSON.
        returns: The type to decode it into.
        decoder: Decodes the slices.
        max_items: Items that a list may have; by default as many as take 16 MiB when they are empty.

    Raises:
        DecodeError: It is not JSON, or not that type, or a list is longer.
    """
    first = _FIRST.match(body)
    assert first is not None, "it matches the empty string"  # noqa: S101 - for the type checkers
    types = _item_types(returns, first[1])
    if types is None:
        return decoder.decode(body, returns)
    try:
        expected, kind = "array" if "" in types else "object", _KINDS.get(first[1])
        if kind is None:
            # It is no JSON, or too small a value for the space that it takes: its beginning tells.
            return decoder.decode(body[first.start(1) : first.start(1) + _BEGINNING], returns)
        if kind == expected:
            return await _decode_lists(body, returns, _Lists(decoder, types, max_items))
        raise DecodeError(f"Expected `{expected}`, got `{kind}`")  # noqa: TRY301 - for its size
    except DecodeError as error:
        raise DecodeError(error.reason, error.path, len(body), truncated=error.truncated) from None


def _item_types(returns: Any, first: bytes) -> dict[str, Any] | None:
    """Return the types of the items of lists, by name; a list that is all of the reply has an empty name."""
    if get_origin(returns) is list:
        return {"": get_args(returns)[0]}
    if returns is Any and first == b"[":
        return {"": Any}
    if _is_model(returns) and returns not in OTHER_NAMES:
        return {field.name: _item_type(field.type) for field in attrs.fields(cast("Any", returns))}
    return None


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)


def _item_type(annotation: Any) -> Any:
    """Return the type of the items of a list or tuple, which may be optional; of anything else, any."""
    if get_origin(annotation) in {list, tuple}:
        return get_args(annotation)[0]
    return next((item for part in get_args(annotation) if (item := _item_type(part)) is not Any), Any)


@attrs.define(eq=False)
class _Lists:
    """The lists of a reply, as far as they are decoded.

    Attributes:
        decoder: Decodes their items.
        types: Types of the items, by the list's name. Other lists are not kept.
        max_items: Items that each may have; `None` for as many as there is room for.
        values: The items.
        misfits: Position and text of an item that a list of a model cannot have.
    """

    decoder: Decoder
    types: dict[str, Any]
    max_items: int | None
    values: dict[str, list[Any]] = attrs.field(factory=dict[str, list[Any]])
    misfits: dict[str, tuple[int, bytes]] = attrs.field(factory=dict[str, tuple[int, bytes]])

    def add(self, run: Run, begin: int) -> None:
        """Decode a few items of a run, from an index on."""
        if run.first + begin == 0:
            self.values[run.name] = []
        values = self._decode(run, begin)
        max_items = self.max_items or _ROOM // max(_SMALLEST, getattr(self.types.get(run.name), "__basicsize__", 0))
        if run.first + begin + len(values) > max_items:
            raise DecodeError(f"The list has more than {max_items} items", run.path(max_items - run.first))
        if run.name in self.types:
            self.values[run.name] += values

    def _decode(self, run: Run, begin: int) -> list[Any]:
        items = run.items[begin : begin + _ITEMS]
        try:
            list_type: Any = list[self.types.get(run.name, Any)]  # type: ignore[misc] # known at run time
            return cast("list[Any]", self.decoder.decode(b"[%b]" % b",".join(items), list_type))
        except DecodeError:
            # One by one, to tell which it is.
            return [self._decode_item(run, begin + index, item) for index, item in enumerate(items)]

    def _decode_item(self, run: Run, index: int, item: bytes) -> Any:
        try:
            return self.decoder.decode(item, self.types.get(run.name, Any))
        except DecodeError as error:
            if not run.name or run.name not in self.types:
                raise DecodeError(error.reason, f"{run.path(index)}{error.path[1:]}") from None
            # Whether this is an error, or the list is left out, is for its model to say.
            self.misfits[run.name] = run.first + index, item
            del self.types[run.name]
            return None

    def complete(self, splitter: ListSplitter, returns: Any) -> Any:
        """Return the value that has these lists."""
        if "" in self.types:
            return self.values.get("", [])
        frame = splitter.frame
        for name in sorted(self.misfits, key=splitter.holes.__getitem__, reverse=True):
            frame[splitter.holes[name] : splitter.holes[name]] = self.misfits[name][1]
        try:
            value = self.decoder.decode(bytes(frame), returns)
        except DecodeError as error:
            raise DecodeError(error.reason, self._path(error.path)) from None
        lists: dict[str, Any] = {}
        for name in self.values.keys() & self.types.keys():
            # A field without a list was left out, or has a rule of its model's own.
            if isinstance(empty := getattr(value, name), list | tuple):
                lists[name] = cast("type[Any]", type(empty))(self.values[name])
        return attrs.evolve(value, **lists)

    def _path(self, path: str) -> str:
        """Return the path in the reply of what is at a path in the frame, whose lists have one item at most."""
        for name, (position, _) in self.misfits.items():
            if path.startswith(first := f"$.{name}[0]"):
                return f"$.{name}[{position}]{path.removeprefix(first)}"
        return path


async def _decode_lists(body: bytes, returns: Any, lists: _Lists) -> Any:
    splitter = ListSplitter(of_object="" not in lists.types)
    for start in range(0, len(body), _BYTES):
        for run in splitter.feed(body[start : start + _BYTES]):
            for begin in range(0, len(run.items), _ITEMS):
                lists.add(run, begin)
                await asyncio.sleep(0)
        # Also while an item is long.
        await asyncio.sleep(0)
    if not splitter.complete:
        raise DecodeError(TRUNCATED, truncated=True)
    return lists.complete(splitter, returns)
