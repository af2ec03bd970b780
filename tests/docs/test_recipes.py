"""What the recipes promise beyond that they run."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from doc_blocks import BLOCKS
from doc_scenes import SCENES
from doc_servers import SERVERS

from circleci_v1_async import Build, loads
from circleci_v1_async.testing import FakeCircleCI

PER_SECOND = 10
PROCESSES = 3
REQUESTS_OF_EACH = 20


@pytest.fixture(autouse=True)
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_circleci: FakeCircleCI) -> None:
    """The files of all recipes, and a CircleCI with long histories."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIRCLE_TOKEN", fake_circleci.token)
    monkeypatch.setenv("CIRCLE_API_URL", fake_circleci.base_url)
    for block in BLOCKS:
        if block.page.parent.name == "recipes" and block.title is not None:
            Path(block.title).write_text(block.source)
    next(SCENES["a history"](fake_circleci))


def start(script: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own


def test_processes_that_share_a_limit_keep_to_it_together(
    fake_circleci: FakeCircleCI, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
):
    pytest.importorskip("pyrate_limiter")
    redis = pytest.importorskip("redis")
    with SERVERS["redis"]() as variables:
        monkeypatch.setenv("REDIS_URL", variables["REDIS_URL"])
        began = time.monotonic()
        for process in [start("crawl.py") for _ in range(PROCESSES)]:
            assert process.communicate(timeout=120)[0] == f"{REQUESTS_OF_EACH} builds\n"
        took = time.monotonic() - began
        with redis.Redis.from_url(variables["REDIS_URL"]) as client:
            assert client.keys() == [b"circleci"]
            granted = client.info("commandstats")["cmdstat_zadd"]["calls"]
            grants = [milliseconds for _, milliseconds in client.zrange("circleci", 0, -1, withscores=True)]

    requests = PROCESSES * REQUESTS_OF_EACH
    assert len(fake_circleci.requests) == granted == requests
    # The first second's worth goes at once.
    assert took >= requests / PER_SECOND - 1
    # Redis keeps the moments of the latest grants. Of those who ask for one at the same moment each may overlook the
    # others'.
    most = PER_SECOND + PROCESSES - 1
    assert all(later - earlier >= 1000 for earlier, later in zip(grants, grants[most:], strict=False))
    record_property(
        "figures", f"shared limit: {requests} requests of {PROCESSES} processes at {PER_SECOND}/s in {took:.1f} s"
    )


def test_workers_write_every_build_of_every_project_down_once():
    pytest.importorskip("distributed")
    with start("export.py") as process:
        assert sorted(process.communicate(timeout=120)[0].splitlines()) == [
            f"github/acme/{name} 250" for name in ("api", "docs", "web")
        ]
    for name in ("api", "docs", "web"):
        lines = Path(f"history/github-acme-{name}.jsonl").read_bytes().splitlines()
        assert [loads(line, Build).build_num for line in lines] == list(range(250, 0, -1))
        assert json.loads(lines[0])["reponame"] == name
