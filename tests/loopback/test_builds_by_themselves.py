"""Builds that are named by themselves or by a URL, to every method that takes a build, on real sockets."""

import inspect
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from circleci_v1_async import Action, Build, CircleCISession
from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"
JOB = "https://app.circleci.com/pipelines/github/acme/web/12/workflows/aa-bb/jobs/{}"
METHODS = sorted(
    name
    for name, member in inspect.getmembers(CircleCISession, inspect.isfunction)
    if "build_num" in inspect.signature(member).parameters
)


async def call(ci: CircleCISession, method: str, *build: Any) -> None:
    match method:
        case "iter_output":
            async for _ in ci.iter_output(*build, Action(step=101, index=0)):
                pass
        case "save_output":
            with TemporaryDirectory() as folder:
                await ci.save_output(*build, Action(step=101, index=0), Path(folder, "log"))
        case "iter_build_log":
            async for _ in ci.iter_build_log(*build):
                pass
        case "save_build_log":
            with TemporaryDirectory() as folder:
                await ci.save_build_log(*build, Path(folder, "log"))
        case _:
            await getattr(ci, method)(*build)


@pytest.mark.parametrize(
    "name_it", [lambda build: build, lambda build: JOB.format(build.build_num)], ids=["build", "URL"]
)
@pytest.mark.parametrize("method", METHODS)
async def test_a_build_by_itself_is_asked_for_as_by_its_project_and_number(
    method: str, name_it: Callable[[Build], Any]
) -> None:
    async with FakeCircleCI() as fake, CircleCISession(fake.token, base_url=fake.base_url) as ci:
        fake.add_project(WEB)
        for _ in range(3):
            number = fake.add_build(WEB, status="success")["build_num"]
            fake.add_step(WEB, number, "Test", output="done")
        (newest, *_) = await ci.list_project_builds(WEB, shallow=True)
        fake.requests.clear()
        await call(ci, method, WEB, newest.build_num)
        asked = [(request.method, request.path) for request in fake.requests]
        fake.requests.clear()
        await call(ci, method, name_it(newest))
        assert [(request.method, request.path) for request in fake.requests] == asked != []
