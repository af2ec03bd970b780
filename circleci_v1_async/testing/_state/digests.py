"""Values that are derived from other values, so that the fake needs no random values."""

import hashlib


def make_md5_fingerprint(blob: bytes) -> str:
    """Return the MD5 fingerprint of an SSH key, as hex pairs with colons."""
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")


def make_stable_uuid(*parts: object) -> str:
    """Return a UUID that only depends on `parts`."""
    digest = hashlib.md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:]}"


def make_revision(*parts: object) -> str:
    """Return a commit's hash that only depends on `parts`."""
    return hashlib.sha1("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()
