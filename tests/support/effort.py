"""Effort of the tests that search: `quick` by default, thorough with `--hypothesis-profile=thorough`, as in CI."""

import re
from typing import Final

import pytest
from hypothesis import settings

__all__ = ["by_profile", "describe_effort", "register_profiles"]

_THOROUGH: Final = "thorough"


def register_profiles() -> None:
    """Tell hypothesis the two profiles, and take the quick one until pytest's option names another."""
    settings.register_profile("quick", max_examples=25, deadline=None, database=None, print_blob=True)
    settings.register_profile(_THOROUGH, settings.get_profile("quick"), max_examples=500, derandomize=True)
    settings.load_profile("quick")


def by_profile(*, quick: int, thorough: int) -> int:
    """Choose a number by the profile that is loaded: of examples, of seeds or of calls."""
    return thorough if settings.get_current_profile_name() == _THOROUGH else quick


def describe_effort(reporter: pytest.TerminalReporter) -> str | None:
    """Count the examples that properties have passed. hypothesis keeps a text about each in the test's report."""
    reports = [report for kept in reporter.stats.values() for report in kept]
    texts = [text for report in reports if (text := getattr(report, "_hypothesis_stats", None))]
    if not texts:
        return None
    examples = sum(int(count) for text in texts for count in re.findall(r"- (\d+) passing", text))
    return f"{examples} examples of {len(texts)} properties, by the profile {settings.get_current_profile_name()}"
