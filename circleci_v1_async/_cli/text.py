"""Strings that are safe to show: without characters that control a terminal."""

import re
from typing import Final

# Control characters except for newlines and tabs; other line separators; invisible characters and characters that
# change the direction of text; lone surrogates.
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ud800-\udfff"
    "\ufeff\U000e0000-\U000e007f]"
)
_SPACES: Final = re.compile("[ \t\r\n]+")


def to_one_line(text: str) -> str:
    """Put `text` on one line, with escapes for control characters."""
    return replace_controls(_SPACES.sub(" ", text.strip(" \t\r\n")))


def replace_controls(text: str) -> str:
    """Replace control characters in `text` with escapes, except for newlines and tabs."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
