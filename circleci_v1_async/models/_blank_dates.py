"""Decoding of Bitbucket's builds, which have blank dates."""

from collections.abc import Callable
from typing import Any, Final, cast

import msgspec

from .builds import Build

# This is always a key, because quotes inside JSON strings are escaped.
_KEY: Final = b'"committer_date":'


def decode_blank_dates(body: bytes, decode: Callable[[bytes], Any]) -> Any:
    """Decode a build or a list of builds, with blank commit dates replaced by null.

    Returns:
        The decoded value. `None` if the reply has no blank dates, if other values do not fit, or if the replaced key
        could be a build parameter (users choose the names of build parameters).
    """
    behind = body.find(_KEY) + len(_KEY)
    space = b" " if body.startswith(b" ", behind) else b""
    replaced = body.replace(_KEY + space + b'""', _KEY + b"null")
    if replaced is body:
        return None
    try:
        value = decode(replaced)
    except msgspec.ValidationError:
        return None
    match value:
        case Build():
            builds = [value]
        case [Build(), *_]:
            builds = cast("list[Build]", value)
        case _:
            return None
    parameters = [build.build_parameters for build in builds if build.build_parameters]
    return None if "committer_date" in str(parameters) else value
