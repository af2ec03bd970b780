"""Names of the temporary files of a download: part file and resume info."""

import hashlib
from typing import Final

MAX_NAME: Final = 255  # bytes, on every file system in use
_PART: Final = ".circleci.part"
_NOTE: Final = ".note"


def longest_name_bytes(name: str) -> int:
    """Return the length in bytes of the longest of a file's names: final, part file and resume info."""
    return max(len(encode_name(name)), len(encode_name(resume_info_name(name))))


def part_name(name: str) -> str:
    """Return the name of the part file, which contains the bytes of an incomplete file."""
    fits = len(encode_name(name)) + len(_PART) + len(_NOTE) <= MAX_NAME
    return (name if fits else hashlib.sha256(encode_name(name)).hexdigest()) + _PART


def resume_info_name(name: str) -> str:
    """Return the name of the resume info: it identifies the artifact and version of the part file."""
    return part_name(name) + _NOTE


def encode_name(name: str) -> bytes:
    # The file name comes from the caller and may not be valid UTF-8.
    return name.encode("utf-8", "surrogatepass")
