"""The blank dates of Bitbucket's builds."""

from collections.abc import Callable
from typing import Any, Final, cast

import msgspec

from .builds import Build

__all__ = ["decode_blank_dates"]

# Quotes are escaped within strings, so that each of these is a key with its value.
_BLANK_DATES: Final = (b'"committer_date":""', b'"committer_date": ""')
_NULL_DATE: Final = b'"committer_date":null'


def decode_blank_dates(body: bytes, decode: Callable[[bytes], Any]) -> Any:
    """Decode a build or a list of builds with null for blank dates.

    Returns:
        `None` if these dates are not the only misfits, or may be parameters of a build, whose names users choose.
    """
    blank = next((blank for blank in _BLANK_DATES if blank in body), None)
    if blank is None:
        return None
    try:
        value = decode(body.replace(blank, _NULL_DATE))
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
