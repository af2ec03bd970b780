"""The fake as a program: seeds, recorder and replayer."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import Browser

from circleci_v1_async import CircleCISession
from circleci_v1_async.testing import FakeCircleCI
from circleci_v1_async.testing._program import main
from circleci_v1_async.testing._script.seed import load_seed

HERE = Path(__file__).parent
WEB = "gh/acme/web"


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_a_shell_script_uses_a_seeded_fake_with_curl(tmp_path: Path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", str(HERE / "seed.sh"), str(tmp_path)]
    done = subprocess.run(  # noqa: S603 - our own
        command, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


class TestSeeds:
    async def test_one_says_what_there_is(self, browser: Browser, fake: FakeCircleCI):
        load_seed(fake, HERE / "seed.json")
        fake.allow_unused_faults = True
        assert [(await browser.send("GET", "/me")).status for _ in range(4)] == [503, 418, 418, 200]
        # Drift adds one before the first page.
        assert await browser.nums(f"/project/{WEB}") == [6, 5, 4, 3, 2, 1]
        build = await browser.json(f"/project/{WEB}/4")
        assert [step["name"] for step in build["steps"]] == ["checkout", "pytest"]
        assert (build["novelty"], build["status"]) == ({"kept": True}, "failed")
        assert len(await browser.json(f"/project/{WEB}/4/artifacts")) == 3
        (test,) = (await browser.json(f"/project/{WEB}/4/tests"))["tests"]
        assert test["run_time"] == 1
        (key,) = await browser.json(f"/project/{WEB}/checkout-key")
        assert key["login"] == "grace"

    async def test_it_can_set_the_service_in_a_state(self, browser: Browser, fake: FakeCircleCI, tmp_path: Path):
        seed = tmp_path / "seed.json"
        seed.write_text(json.dumps({"after_sunset": True, "brownout": True, "token_expired": True}))
        load_seed(fake, seed)
        assert fake.after_sunset
        assert (await browser.send("GET", "/me")).status == 401

    @pytest.mark.parametrize(
        ("seed", "complaint"),
        [
            ([], "[] has the wrong type"),
            ({"project": []}, "project: unknown member; expected one of user, projects"),
            ({"projects": {}}, "projects: {} has the wrong type"),
            ({"projects": [5]}, "projects[0]: 5 has the wrong type"),
            ({"projects": [{}]}, "projects[0]: slug: it is missing"),
            ({"projects": [{"slug": "web"}]}, "projects[0]: 'web' is not a slug"),
            ({"projects": [{"slug": WEB, "name": "x"}]}, "projects[0]: name: unknown member"),
            ({"projects": [{"slug": WEB, "public": "yes"}]}, "projects[0]: public: 'yes' has the wrong type"),
            ({"projects": [{"slug": WEB, "builds": [{"status": 5}]}]}, "projects[0]: builds[0]: status: 5 has the"),
            ({"projects": [{"slug": WEB, "builds": [{"count": "x"}]}]}, "projects[0]: builds[0]: 'x' has the wrong"),
            ({"projects": [{"slug": WEB, "builds": [{"slug": WEB}]}]}, "builds[0]: slug: unknown member"),
            ({"projects": [{"slug": WEB, "builds": [{"when": "today"}]}]}, "builds[0]: when: Invalid isoformat"),
            ({"projects": [{"slug": WEB, "builds": [{"steps": [{}]}]}]}, "steps[0]: name: it is missing"),
            ({"projects": [{"slug": WEB, "builds": [{"artifacts": [{"path": "a"}]}]}]}, "either text, base64 or size"),
            (
                {"projects": [{"slug": WEB, "builds": [{"artifacts": [{"path": "a", "base64": "?"}]}]}]},
                "artifacts[0]: Only base64 data is allowed",
            ),
            (
                {"projects": [{"slug": WEB, "builds": [{"artifacts": [{"path": "a", "size": "1"}]}]}]},
                "artifacts[0]: size: it has the wrong type",
            ),
            ({"projects": [{"slug": WEB, "checkout_keys": [{"type": "x"}]}]}, "checkout_keys[0]: type: 'x' has the"),
            ({"faults": [{"fail_next": {"status": 500}, "drop_next": {}}]}, "faults[0]: a fault has one member"),
            ({"faults": [{"fall_next": {}}]}, "faults[0]: a fault has one member, which is one of fail_next"),
            ({"faults": [{"fail_next": {"status": True}}]}, "faults[0]: status: True has the wrong type"),
            ({"faults": [{"trickle_next": {"pause": False}}]}, "faults[0]: pause: False has the wrong type"),
            ({"drift": [{"slug": "gh/acme/none"}]}, "drift[0]: no project gh/acme/none: call add_project first"),
            ({"rate_limit": {"requests": 1, "per": 0}}, "rate_limit: expected 0 or more requests"),
            ({"rate_limit": {"requests": 1, "clock": {}}}, "rate_limit: clock: {} has the wrong type"),
        ],
        ids=str,
    )
    def test_an_error_says_where_it_is(self, tmp_path: Path, seed: Any, complaint: str):
        file = tmp_path / "seed.json"
        file.write_text(json.dumps(seed))
        with pytest.raises(ValueError, match=r"seed\.json: ") as caught:
            load_seed(FakeCircleCI(), file)
        assert complaint in str(caught.value)

    @pytest.mark.parametrize("text", ["{", "[" * 100_000])
    def test_what_is_not_json_is_told(self, tmp_path: Path, text: str):
        (tmp_path / "seed.json").write_text(text)
        with pytest.raises(ValueError, match=r"seed\.json: "):
            load_seed(FakeCircleCI(), tmp_path / "seed.json")

    def test_the_program_says_what_is_wrong_with_one(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        (tmp_path / "seed.json").write_text('{"projects": 5}')
        with pytest.raises(SystemExit, match="2"):
            main(["--seed", str(tmp_path / "seed.json")])
        assert "seed.json: projects: 5 has the wrong type" in capsys.readouterr().err


@contextmanager
def program(*args: str) -> Iterator["subprocess.Popen[str]"]:
    command = (sys.executable, "-W", "error", "-m", "circleci_v1_async.testing", *args)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.kill()


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


async def ask(base_url: str, token: str) -> str | None:
    async with CircleCISession(token, base_url=base_url) as ci:
        return (await ci.get_current_user()).selected_email


def test_the_program_records_says_what_it_has_replaced_and_replays(tmp_path: Path):
    file = str(tmp_path / "recording.jsonl")
    with program("--project", WEB) as service:
        upstream, token = read_line(service), read_line(service)
        with program("record", "--upstream", upstream, "--to", file) as recorder:
            assert asyncio.run(ask(read_line(recorder), token)) == "ada@acme.example"
            recorder.send_signal(signal.SIGINT)
            _, errors = recorder.communicate(timeout=30)
    assert "email-1@example.invalid: e-mail address, 2x, first in GET /api/v1.1/me" in errors.splitlines()
    assert "key-1: key or password, 1x, first in GET /api/v1.1/me" in errors.splitlines()
    with program("replay", file, "--token", "any") as replay:
        base_url, token = read_line(replay), read_line(replay)
        assert (token, asyncio.run(ask(base_url, token))) == ("any", "email-1@example.invalid")


def test_the_programs_commands_run_in_this_process_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Coverage does not see other processes."""
    file = tmp_path / "recording.jsonl"

    async def serve(fake: FakeCircleCI, _options: object) -> None:
        async with fake:
            fake.clear_requests()
            if not await asyncio.to_thread(file.read_text):
                await ask(fake.base_url, "fake-circle-token")

    monkeypatch.setattr("circleci_v1_async.testing._program._serve", serve)
    with program("--project", WEB) as service:
        main(["record", "--upstream", read_line(service), "--to", str(file)])
    assert "email-1@example.invalid: e-mail address" in capsys.readouterr().err
    main(["replay", str(file)])
    file.write_text("{")
    with pytest.raises(SystemExit, match="2"):
        main(["replay", str(file)])
    assert "recording.jsonl:1: " in capsys.readouterr().err
    main(["--seed", str(HERE / "seed.json"), "--server"])
