"""What the documentation says of programs that were written elsewhere."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "testing.md"


def read_exceptions(program: str) -> dict[str, str]:
    """Return what of a program cannot pass, and why, by the table of the guide."""
    rows = re.findall(r"^\| (\S+) \| `([^|]+)` \| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {call: reason for name, call, reason in rows if name == program}
