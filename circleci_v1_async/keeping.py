"""Models as JSON for keeping: `dumps` and `loads`."""

from typing import Any, TypeVar

import msgspec

from ._core.errors import InvalidInputError
from ._core.json_text import to_json_value
from ._core.secret import wrap_secret
from ._core.tracebacks import TracebackScrubber
from .converter._converter import default_converter
from .models._branch_names import encode_branch_names

__all__ = ["dumps", "loads"]

T = TypeVar("T")


def dumps(model: Any) -> bytes:
    """Encode a model, or a list of models, as JSON in the form of the API. `loads` reads it.

    Everything is written, even secrets such as `User.heroku_api_key` and `Action.output_url`. Absent fields become null
    or empty lists.

    Raises:
        InvalidInputError: JSON has no form for a value.
    """
    with TracebackScrubber():
        try:
            return msgspec.json.encode(encode_branch_names(model), enc_hook=to_json_value)
        except (TypeError, ValueError, RecursionError):
            raise InvalidInputError("dumps: expected a model, or a list of them, with what JSON can hold") from None


def loads(data: bytes | str, type: type[T]) -> T:
    """Decode JSON that `dumps` wrote or the service sent. To use hooks, call `CircleCIConverter.loads`.

    Args:
        data: JSON.
        type: A model, or a container such as `list[Build]`.

    Raises:
        DecodeError: The data is not JSON, or does not fit the type.
        InvalidInputError: Nothing can be decoded into the type.
    """
    data = wrap_secret(data)
    with TracebackScrubber():
        return default_converter(strict=False).loads(data, type)
