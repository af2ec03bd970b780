"""Encoding of models as JSON: `dumps`."""

from typing import Any

import msgspec

from circleci_v1_async._core.errors import InvalidInputError
from circleci_v1_async._core.json_text import to_json_value
from circleci_v1_async._core.tracebacks import TracebackScrubber

from ._branch_names import encode_branch_names

__all__ = ["dumps"]


def dumps(model: Any) -> bytes:
    """Encode a model, or a list of models, as JSON in the API's format. `loads` decodes it.

    The JSON contains all fields, even secrets such as `User.heroku_api_key` and `Action.output_url`. Absent fields are
    encoded as null or empty lists.

    Raises:
        InvalidInputError: A value cannot be encoded as JSON.
    """
    with TracebackScrubber():
        try:
            return msgspec.json.encode(encode_branch_names(model), enc_hook=to_json_value)
        except (TypeError, ValueError, RecursionError):
            raise InvalidInputError(
                "dumps: expected a model or a list of models, with values that JSON can hold"
            ) from None
