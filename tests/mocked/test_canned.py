"""Canned replies, which answer each request for a build with the same build."""

import aiohttp
import pytest
from aioresponses import aioresponses

from circleci_v1_async import CircleCISession

BUILD = "https://circleci.com/api/v1.1/project/github/acme/web/7"


@pytest.mark.fault(97)
async def test_a_canned_build_with_another_number_is_believed(wire: aioresponses) -> None:
    wire.get(BUILD, payload={"build_num": 99}, repeat=2)
    async with CircleCISession() as ci, aiohttp.ClientSession() as borrowed:
        assert (await ci.get_build("gh/acme/web", 7)).build_num == 99
        assert (await CircleCISession(session=borrowed).get_build("gh/acme/web", 7)).build_num == 99
