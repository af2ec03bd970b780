"""A plain HTTP client for tests of the fake: nothing of the package's own client takes part."""

import json
from collections.abc import Mapping

import aiohttp
import attrs
from yarl import URL

from circleci_v1_async.testing import FakeCircleCI

JSON = {"Accept": "application/json"}


@attrs.frozen
class Answer:
    status: int
    headers: Mapping[str, str]
    content_type: str
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class Browser:
    """A plain session with the fake's address and token."""

    def __init__(self, fake: FakeCircleCI, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session

    async def send(self, method, path, *, token=True, base=None, headers=JSON, **options):
        headers = {**headers, **({"Circle-Token": self.fake.token} if token else {})}
        url = URL((self.fake.base_url if base is None else base) + path, encoded=True)
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **options) as reply:
            return Answer(reply.status, reply.headers, reply.content_type, await reply.read())

    async def json(self, path, *, method="GET", status=200, **options):
        reply = await self.send(method, path, **options)
        assert reply.status == status, reply.text
        return reply.json()

    async def nums(self, path, **options):
        return [build["build_num"] for build in await self.json(path, **options)]

    async def refusal(self, path, *, method="GET", **options):
        reply = await self.send(method, path, **options)
        return reply.status, (reply.json())["message"]
