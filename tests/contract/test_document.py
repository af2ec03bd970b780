"""The client keeps every statement of openapi.yml, but for deviations that have a reason."""

import re

import pytest
from document_items import items, outcomes

# Names of items that the client does not keep, and why.
DEVIATIONS = {
    r".*: reply (.*\.)?(build_num|fingerprint|path|url) is (null|absent)": (
        "every recorded reply has it, so the models require it: a list loses the item, and a single object is an error"
    ),
}
NAMES = [name for name, _ in items()]


def deviates(name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in DEVIATIONS)


@pytest.mark.parametrize("name", [name for name in NAMES if not deviates(name)])
def test_the_client_does_as_the_document_says(name: str):
    assert outcomes()[name] == ""


@pytest.mark.parametrize("pattern", DEVIATIONS)
def test_every_deviation_is_needed(pattern: str):
    assert any(outcomes()[name] for name in NAMES if re.fullmatch(pattern, name))


def test_the_document_makes_about_a_thousand_statements_each_of_its_own():
    assert len(NAMES) == len(set(NAMES)) > 900
