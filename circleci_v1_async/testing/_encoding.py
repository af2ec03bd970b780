"""The three forms that one answer can take, depending on the request's `Accept`."""

import json
from typing import Final, TypeAlias

JSON: TypeAlias = dict[str, "JSON"] | list["JSON"] | str | float | bool | None

_KEYWORDS: Final = frozenset({"status", "outcome", "lifecycle", "vcs_type", "why"})


def compact(value: object) -> bytes:
    """JSON without a byte to spare."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def present(body: bytes, accept: str) -> tuple[bytes, str]:
    """Put a compact JSON body into the form that `accept` gets from the service.

    Returns:
        The body and its content type: JSON as it is for `application/json`, indented JSON that calls itself plain
        text for anything else, and EDN, Clojure's notation, for nothing at all.
    """
    if "application/json" in accept:
        return body, "application/json;charset=utf-8"
    value: JSON = json.loads(body)
    if accept:
        text = json.dumps(value, ensure_ascii=False, indent=2, separators=(",", " : "))
        return text.encode(), "text/plain;charset=utf-8"
    return _edn(value).encode(), "application/edn;charset=utf-8"


def _edn(value: JSON) -> str:
    match value:
        case None:
            return "nil"
        case dict():
            return "{" + ", ".join(f":{key} {_edn_member(key, member)}" for key, member in value.items()) + "}"
        case list():
            return "[" + " ".join(map(_edn, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _edn_member(key: str, value: JSON) -> str:
    return f":{value}" if key in _KEYWORDS and isinstance(value, str) else _edn(value)
