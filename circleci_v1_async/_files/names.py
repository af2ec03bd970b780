"""Names that a file has on its way to its own."""

import hashlib
from typing import Final

__all__ = ["MAX_NAME", "encode_name", "longest_name_bytes", "part_name", "resume_info_name"]

MAX_NAME: Final = 255  # bytes, on every file system in use
_PART: Final = ".circleci.part"
_NOTE: Final = ".note"


def longest_name_bytes(name: str) -> int:
    """Return the bytes of the longest name that a file has on its way to its own."""
    return max(len(encode_name(last)) for last in (name, part_name(name), resume_info_name(name)))


def part_name(name: str) -> str:
    """Return the name of the file that a file's bytes go to until it is whole."""
    fits = len(encode_name(name)) + len(_PART) + len(_NOTE) <= MAX_NAME
    return (name if fits else hashlib.sha256(encode_name(name)).hexdigest()) + _PART


def resume_info_name(name: str) -> str:
    """Return the name of the file that says which artifact, and which version of it, the part belongs to."""
    return part_name(name) + _NOTE


def encode_name(name: str) -> bytes:
    # A caller's own file may have a name that is not UTF-8.
    return name.encode("utf-8", "surrogatepass")
