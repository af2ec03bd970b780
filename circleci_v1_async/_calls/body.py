"""Bodies of requests."""

import json
from typing import Any

from circleci_v1_async._core.errors import InvalidInputError
from circleci_v1_async._core.secret import to_json_value

__all__ = ["encode"]


def encode(body: Any) -> bytes:
    """Return the body of a request as JSON.

    Raises:
        InvalidInputError: JSON has no form for a value.
    """
    try:
        # msgspec would write NaN as null, and a set as a list.
        text = json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=to_json_value)
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError(
            "body: expected what JSON can hold: strings, numbers, booleans, null, lists, dicts with string keys"
        ) from None
