"""The shipped fixture by a shorter name."""

import pytest
from aioresponses import aioresponses


@pytest.fixture
def wire(circleci_aioresponses: aioresponses) -> aioresponses:
    return circleci_aioresponses
