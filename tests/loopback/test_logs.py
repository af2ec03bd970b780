"""What steps wrote, on real sockets: piece by piece, by two ways, and all of a build as text."""

import asyncio
import gzip
import json
import re
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from counting import counted_turns
from downloading import WEB, by_path, is_cancelled, names
from faults.scenes import Scene, facing
from hypothesis import example, given
from hypothesis import strategies as st
from script_server import Action as ServerAction
from script_server import Received, ScriptServer, error, hang, hang_up, reply, reset, then

from circleci_v1_async import (
    Action,
    BodyTooLargeError,
    CircleCISession,
    DecodeError,
    InvalidInputError,
    NotFoundError,
    PathConflictError,
    PermissionDeniedError,
    RedirectError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    SessionClosedError,
    StatusError,
    StepOutput,
    TransportError,
    TruncatedError,
)
from circleci_v1_async.testing import FakeCircleCI

PIECES = [
    {"message": "one\r\n", "time": "2026-11-02T08:15:00.250Z", "type": "out"},
    {"message": "two", "time": "2026-11-02T08:15:01.250Z", "type": "out"},
    {"message": "Exited with code 1", "time": "2026-11-02T08:15:02.250Z", "type": "err"},
]
LOG = json.dumps(PIECES).encode()
ONE_AND_A_BIT = LOG[: LOG.index(b"two")]
BEGUN = then(reply(200, ONE_AND_A_BIT, length=len(LOG)), hang)
FILE = f"/api/v1.1/project/{WEB}/7/output/101/0?file=true&allocation-id=run%2F1"


def action(scene: Scene, path: str | None = "/log?X-Amz-Signature=5f%2F", **more: Any) -> Action:
    output_url = f"{scene.server.origin}{path}" if path else None
    return Action(**{"step": 101, "index": 0, "allocation_id": "run/1", "output_url": output_url, **more})


async def output(scene: Scene, **more: Any) -> list[StepOutput]:
    return [piece async for piece in scene.ci.iter_output(WEB, 7, action(scene, **more))]


async def messages(scene: Scene, **more: Any) -> list[str]:
    return [piece.message for piece in await output(scene, **more)]


def log_of(*values: Any) -> bytes:
    return reply(200, list(values))


class TestPieces:
    async def test_they_come_as_they_were_written(self) -> None:
        async with facing(reply(200, LOG)) as scene:
            one, two, three = await output(scene)
        assert one == StepOutput(message="one\r\n", time=datetime(2026, 11, 2, 8, 15, 0, 250_000, UTC), type="out")
        assert (two.message, three.type) == ("two", "err")
        [received] = scene.server.requests
        assert received.target == "/log?X-Amz-Signature=5f%2F"

    async def test_the_token_is_not_sent_to_where_they_lie_even_at_the_apis_own_origin(self) -> None:
        async with ScriptServer(reply(200, LOG)) as bucket:
            async with facing(reply(302, b"", [("Location", f"{bucket.origin}/log?sig=%2f+")])) as scene:
                assert len(await output(scene)) == 3
        for received in (*scene.server.requests, *bucket.requests):
            assert not received.headers.keys() & {"Circle-Token", "Authorization"}
        assert bucket.requests[0].target == "/log?sig=%2f+"

    async def test_they_come_one_by_one_before_the_log_is_whole(self) -> None:
        go_on = asyncio.Event()

        async def act(_received: Received, writer: asyncio.StreamWriter) -> None:
            writer.write(reply(200, ONE_AND_A_BIT, length=len(LOG)))
            await go_on.wait()
            writer.write(LOG[len(ONE_AND_A_BIT) :])

        async with facing(act) as scene, aclosing(scene.ci.iter_output(WEB, 7, action(scene))) as pieces:
            assert (await anext(pieces)).message == "one\r\n"
            go_on.set()
            assert [piece.message async for piece in pieces] == ["two", "Exited with code 1"]

    @pytest.mark.fault(21)
    async def test_a_log_may_be_larger_than_max_body_and_is_not_kept(self) -> None:
        line = {"message": "x" * 900}
        async with facing(log_of(*[line] * 5000), max_body=1000) as scene:
            size = 0
            async for piece in scene.ci.iter_output(WEB, 7, action(scene)):
                size += len(piece.message)
        assert size == 4_500_000

    @pytest.mark.fault(76)
    async def test_a_piece_that_is_larger_than_max_body_is_not_read_to_its_end(self) -> None:
        begun = then(reply(200, b'[{"message": "one"}, {"message": "' + b"x" * 200_000, length=10**9), hang)
        async with facing(begun, max_body=100_000) as scene:
            read: list[str] = []
            with pytest.raises(BodyTooLargeError, match=r"larger than 100000 bytes \(max_body\)"):
                async for piece in scene.ci.iter_output(WEB, 7, action(scene)):
                    read.append(piece.message)  # noqa: PERF401 - those before the error
        assert read == ["one"]
        assert len(scene.server.requests) == 1

    @pytest.mark.fault(76)
    async def test_a_log_of_many_pieces_that_came_at_once_leaves_turns_to_others(self) -> None:
        zipped = gzip.compress(json.dumps([{"message": "x"}] * 100_000).encode())
        async with facing(reply(200, zipped, [("Content-Encoding", "gzip")])) as scene:
            async with counted_turns() as turns:
                assert len(await output(scene)) == 100_000
        assert turns[0] > 20

    @pytest.mark.fault(79)
    @pytest.mark.parametrize("address", ["http://[]@", "http://[]@x/log", "http://[", "http://a:b:c/"])
    async def test_an_address_that_cannot_be_read_is_refused(self, address: str) -> None:
        async with facing() as scene:
            with pytest.raises(RedirectError, match="an invalid URL"):
                await anext(scene.ci.iter_output(WEB, 7, Action(step=0, index=0, output_url=address)))
        assert scene.server.requests == []

    @pytest.mark.fault(79)
    @given(
        st.text(max_size=12).map("http://".__add__)
        | st.text(st.sampled_from("[]@:/?#%.x1-\\ \u2100\ud800"), max_size=12).map("http://".__add__)
        | st.text(min_size=1, max_size=30)
    )
    @example("http://[]@")
    def test_any_address_is_one_to_go_to_or_is_refused(self, address: str) -> None:
        transport = CircleCISession(base_url="http://127.0.0.1:1/api/v1.1")._caller.transport
        try:
            url = transport.file_url(address)
        except RedirectError:
            return
        assert url.scheme == "http"
        assert url.host

    async def test_no_pieces_are_an_empty_log(self) -> None:
        async with facing(log_of()) as scene:
            assert await output(scene) == []

    async def test_a_bom_and_no_length_are_no_matter(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\xef\xbb\xbf"
        async with facing(then(head + LOG, hang_up)) as scene:
            assert len(await output(scene)) == 3

    async def test_unknown_keys_and_null_are_no_matter(self) -> None:
        async with facing(log_of({"message": "x", "time": None, "truncated": False})) as scene:
            assert await output(scene) == [StepOutput(message="x", truncated=False)]

    @pytest.mark.fault(18)
    @pytest.mark.parametrize("ending", [hang_up, reset])
    async def test_one_that_breaks_off_is_read_again_without_a_piece_twice(self, ending: ServerAction) -> None:
        seen = asyncio.Event()

        async def act(received: Received, writer: asyncio.StreamWriter) -> None:
            writer.write(reply(200, ONE_AND_A_BIT, length=len(LOG)))
            await writer.drain()
            await seen.wait()
            await ending(received, writer)

        async with facing(act, error(503), reply(200, LOG)) as scene:
            read: list[str] = []
            async for piece in scene.ci.iter_output(WEB, 7, action(scene)):
                read.append(piece.message)
                seen.set()
            assert scene.clock.slept == [0.5, 1.0]
        assert read == ["one\r\n", "two", "Exited with code 1"]
        assert len(scene.server.requests) == 3

    @pytest.mark.fault(19)
    async def test_one_that_ends_early_without_a_length_is_read_again_too(self) -> None:
        cut = then(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + ONE_AND_A_BIT, hang_up)
        async with facing(cut, reply(200, LOG)) as scene:
            assert len(await output(scene)) == 3
        async with facing(cut) as scene:
            with pytest.raises(TruncatedError, match="The log broke off after 1 pieces"):
                await output(scene)
        assert len(scene.server.requests) == 3

    async def test_one_that_always_breaks_off_gives_what_it_had_and_then_the_error(self) -> None:
        async with facing(then(reply(200, ONE_AND_A_BIT, length=len(LOG)), hang_up)) as scene:
            read: list[str] = []
            with pytest.raises(TruncatedError, match=f"of {len(LOG)} bytes"):
                async for piece in scene.ci.iter_output(WEB, 7, action(scene)):
                    read.append(piece.message)  # noqa: PERF401 - those before the error
        assert read == ["one\r\n"]
        assert len(scene.server.requests) == 3

    @pytest.mark.fault(25)
    @pytest.mark.parametrize(
        ("body", "path"),
        [
            (b"{}", "$"),
            (b"<html>Log in</html>", "$"),
            (b'[{"message": "a"}, "b"]', "$[1]"),
            (b'[{"message": "a"}, {}]', "$[1].message"),
            (b'[{"message": "a"}, {"message": "b"}, {"message": nul}]', "$[2]"),
            (b'[{"message": "a"}] and more', "$"),
        ],
    )
    async def test_what_is_no_log_is_a_decode_error_that_says_where_and_of_what(self, body: bytes, path: str) -> None:
        async with facing(reply(200, body, [("Content-Type", "text/html")])) as scene:
            with pytest.raises(DecodeError) as caught:
                await output(scene)
        failure = caught.value
        assert failure.path.startswith(path)
        assert (failure.status, failure.content_type) == (200, "text/html")
        assert re.match(r"GET /log \(127\.0\.0\.1:\d+\) answered 200 with a body that cannot be used: ", str(failure))
        assert len(scene.server.requests) == 1

    @pytest.mark.fault(37)
    async def test_a_wrong_leaf_is_left_out_or_when_strict_an_error_with_its_place(self) -> None:
        wrong = log_of({"message": "a"}, {"message": "b", "time": "yesterday"})
        async with facing(wrong) as scene:
            assert await output(scene) == [StepOutput(message="a"), StepOutput(message="b")]
        async with facing(wrong, strict=True) as scene:
            with pytest.raises(DecodeError) as caught:
                await output(scene)
        assert caught.value.path == "$[1].time"

    @pytest.mark.fault(22)
    async def test_one_that_falls_silent_is_given_up(self) -> None:
        async with facing(BEGUN, timeout=1, retry=RetryPolicy(attempts=1)) as scene:
            with pytest.raises(RequestTimeoutError):
                await output(scene)

    @pytest.mark.parametrize("status", [408, 429, 500])
    async def test_an_error_that_may_pass_is_that_error(self, status: int) -> None:
        async with facing(error(status), retry=RetryPolicy(attempts=1)) as scene:
            with pytest.raises(StatusError) as caught:
                await output(scene)
        assert caught.value.status == status
        assert {received.target for received in scene.server.requests} == {"/log?X-Amz-Signature=5f%2F"}

    async def test_an_address_that_is_none_is_refused(self) -> None:
        async with facing() as scene:
            with pytest.raises(RedirectError):
                async for _ in scene.ci.iter_output(WEB, 7, Action(step=0, index=0, output_url="ftp://a.example/log")):
                    raise AssertionError

    @pytest.mark.parametrize("wrong", [{"step": None}, {"index": None}, {"step": -1}, {"step": "101"}, {"index": True}])
    def test_an_action_that_has_no_place_is_refused_at_once(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(InvalidInputError, match=r"action\.(step|index): expected an integer from 0"):
            CircleCISession().iter_output(WEB, 7, Action(**{"step": 0, "index": 0, **wrong}))


class TestTheOtherWay:
    async def test_without_an_address_the_api_is_asked_for_the_whole_log(self) -> None:
        async with facing(reply(200, "ünd\r\n".encode(), [("Content-Type", "text/plain;charset=utf-8")])) as scene:
            assert await output(scene, path=None) == [StepOutput(message="ünd\r\n")]
        [received] = scene.server.requests
        assert received.target == FILE
        assert "Circle-Token" in received.headers

    async def test_an_action_without_an_allocation_asks_without_one(self) -> None:
        async with facing(reply(200, b"x")) as scene:
            await output(scene, path=None, allocation_id=None)
        assert scene.server.requests[0].target == FILE.partition("&")[0]

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 499])
    async def test_so_it_is_when_the_address_has_expired(self, status: int) -> None:
        async with facing(reply(status, b"<Error><Code>ExpiredToken</Code></Error>"), reply(200, b"text")) as scene:
            assert await messages(scene) == ["text"]
        assert [received.target for received in scene.server.requests] == ["/log?X-Amz-Signature=5f%2F", FILE]
        assert ["Circle-Token" in received.headers for received in scene.server.requests] == [False, True]

    async def test_one_that_expires_while_it_is_read_does_not_begin_again(self) -> None:
        async with facing(
            then(reply(200, ONE_AND_A_BIT, length=len(LOG)), hang_up), error(403), reply(200, b"all of it")
        ) as scene:
            read: list[str] = []
            with pytest.raises(PermissionDeniedError):
                async for piece in scene.ci.iter_output(WEB, 7, action(scene)):
                    read.append(piece.message)  # noqa: PERF401 - those before the error
        assert read == ["one\r\n"]

    @pytest.mark.parametrize("empty", [error(404), reply(204), reply(200, b"")])
    @pytest.mark.parametrize("path", [None, "/log"])
    async def test_what_was_never_written_is_an_empty_log(self, empty: bytes, path: str | None) -> None:
        async with facing(*([error(404)] if path else []), empty) as scene:
            assert await output(scene, path=path) == []

    @pytest.mark.fault(76)
    async def test_one_that_is_larger_than_max_body_is_not_read_to_its_end(self) -> None:
        async with facing(reply(200, b"x" * 1000), max_body=1000) as scene:
            [piece] = await output(scene, path=None)
        assert len(piece.message) == 1000
        async with facing(then(reply(200, b"x" * 1001, length=10**9), hang), max_body=1000) as scene:
            with pytest.raises(BodyTooLargeError, match=r"the log is larger than 1000 bytes \(max_body\)"):
                await output(scene, path=None)
        assert len(scene.server.requests) == 1

    async def test_text_that_is_no_utf8_is_text_all_the_same(self) -> None:
        async with facing(reply(200, b"caf\xe9")) as scene:
            assert await messages(scene, path=None) == ["caf\ufffd"]

    async def test_it_is_tried_again_too(self) -> None:
        cut = then(reply(200, b"te", length=4), hang_up)
        async with facing(cut, error(502), reply(200, b"text")) as scene:
            assert await messages(scene, path=None) == ["text"]
        async with facing(cut) as scene:
            with pytest.raises(TruncatedError, match="2 of 4 bytes"):
                await output(scene, path=None)
        assert len(scene.server.requests) == 3

    async def test_another_error_is_that_error(self) -> None:
        async with facing(error(403)) as scene:
            with pytest.raises(PermissionDeniedError):
                await output(scene, path=None)


LEFT = [{"message": "b\n", "type": "out", "truncated": True}, {"message": "c\n", "type": "err", "truncated": True}]
UNMARKED = [{"message": "b\n", "type": "out"}, {"message": "c\n", "type": "err"}]
REMARK = "CircleCI did not keep all of this log: 4 characters are left"


class TestTruncated:
    @pytest.mark.parametrize(("stored", "truncated"), [(LEFT, None), (LEFT, False), (UNMARKED, True), ([], True)])
    async def test_the_complete_text_is_fetched_and_used(
        self, stored: list[Any], *, truncated: bool | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with facing(log_of(*stored), reply(200, b"a\nb\nc\n")) as scene:
            assert await output(scene, truncated=truncated) == [StepOutput(message="a\nb\nc\n")]
        assert [received.target for received in scene.server.requests] == ["/log?X-Amz-Signature=5f%2F", FILE]
        assert not caplog.records

    @pytest.mark.parametrize("stored", [LEFT, UNMARKED])
    @pytest.mark.parametrize(
        "complete",
        [reply(200, b"c\n"), reply(200, b"a\nc\n"), error(404), error(403), reply(200, b"x" * 2000), hang_up],
    )
    async def test_what_is_left_comes_with_one_warning_when_there_is_no_longer_text(
        self, stored: list[Any], complete: bytes | ServerAction, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with facing(log_of(*stored), complete, max_body=1000, retry=RetryPolicy(attempts=1)) as scene:
            pieces = await output(scene, truncated=True)
        assert [(piece.message, piece.type, piece.truncated) for piece in pieces] == [
            ("b\n", "out", True),
            ("c\n", "err", True),
        ]
        assert caplog.messages == [f"github/acme/web 7, step 101 of container 0: {REMARK}"]

    async def test_it_is_too_late_for_the_complete_text_after_pieces_that_are_not_truncated(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with facing(log_of({"message": "a\n"}, *LEFT)) as scene:
            assert await messages(scene) == ["a\n", "b\n", "c\n"]
        assert len(scene.server.requests) == len(caplog.records) == 1

    async def test_closing_the_session_while_the_complete_text_is_fetched_is_an_error(self) -> None:
        async with facing(log_of(*LEFT), hang) as scene:
            task = asyncio.create_task(output(scene))
            await scene.server.has_received(2)
            await asyncio.wait_for(scene.ci.close(), 5)
            with pytest.raises(SessionClosedError):
                await task

    @pytest.mark.fault(76)
    async def test_no_more_of_a_truncated_log_is_kept_than_max_body(self) -> None:
        async with facing(log_of(*LEFT * 100), max_body=300) as scene:
            with pytest.raises(
                BodyTooLargeError, match=r"The truncated log is larger than 300 characters \(max_body\)"
            ):
                await output(scene)

    @staticmethod
    def steps(complete: bytes, **action: Any) -> ServerAction:
        actions = [{"step": 101, "index": 0, "output_url": "/log", "truncated": True, **action}]
        detail = {"build_num": 7, "lifecycle": "finished", "steps": [{"name": "test", "actions": actions}]}
        return by_path(**{"7": reply(200, detail), "log": log_of(*UNMARKED), "0": complete})

    async def test_a_line_says_so_in_front_of_the_steps_text(self, caplog: pytest.LogCaptureFixture) -> None:
        async with facing(self.steps(error(404))) as scene:
            assert await scene.ci.get_build_log(WEB, 7) == f"=== test (unknown)\n[{REMARK}]\nb\nc\n"
            tail = f"=== test (unknown)\n[{REMARK}]\n(1 lines before)\nc\n"
            assert await scene.ci.get_build_log(WEB, 7, tail=1) == tail
            lines = [line async for line in scene.ci.iter_build_log(WEB, 7)]
        assert [(line.text, line.type, line.time) for line in lines] == [
            (f"[{REMARK}]", None, None),
            ("b", "out", None),
            ("c", "err", None),
        ]
        assert len(caplog.records) == 3

    async def test_the_complete_text_stands_in_the_log_of_the_build(self) -> None:
        async with facing(self.steps(reply(200, b"a\nb\nc\n"))) as scene:
            assert await scene.ci.get_build_log(WEB, 7) == "=== test (unknown)\na\nb\nc\n"


class TestSteps:
    STEPS = reply(
        200, {"build_num": 7, "lifecycle": "finished", "steps": [{"name": n} for n in ("a", "b\x1b[1m", "a", None)]}
    )

    @pytest.mark.parametrize("follow", [False, True])
    async def test_a_step_that_the_build_does_not_have_is_refused_with_a_list(
        self, tmp_path: Path, *, follow: bool
    ) -> None:
        async with facing(self.STEPS) as scene:
            for call in (
                scene.ci.get_build_log(WEB, 7, step="nope"),
                scene.ci.save_build_log(WEB, 7, tmp_path / "log", step="nope"),
                anext(scene.ci.iter_build_log(WEB, 7, step="nope", follow=follow)),
            ):
                with pytest.raises(InvalidInputError, match=r"step: expected a step of build 7 \(a, b\), got 'nope'"):
                    await call
        assert names(tmp_path) == []

    async def test_a_step_that_did_not_fail_is_no_error(self) -> None:
        async with facing(self.STEPS) as scene:
            assert await scene.ci.get_build_log(WEB, 7, step="a", failed_only=True) == ""

    async def test_a_build_whose_steps_are_forgotten_has_an_empty_log(self) -> None:
        async with facing(reply(200, {"build_num": 7, "lifecycle": "finished"})) as scene:
            assert await scene.ci.get_build_log(WEB, 7, step="nope") == ""

    async def test_a_step_of_a_build_that_runs_is_waited_for(self) -> None:
        running = reply(200, {"build_num": 7, "lifecycle": "running", "steps": [{"name": "a"}]})
        async with facing(running, running, self.STEPS) as scene:
            with pytest.raises(InvalidInputError, match="expected a step of build 7"):
                await anext(scene.ci.iter_build_log(WEB, 7, step="nope", follow=True))
        assert len(scene.server.requests) == 3


class TestFilesOfOneAction:
    async def test_the_output_is_saved_as_it_was_written(self, tmp_path: Path) -> None:
        async with facing(reply(200, LOG)) as scene:
            path = await scene.ci.save_output(WEB, 7, action(scene), tmp_path / "new" / "step.log")
            assert path == tmp_path / "new" / "step.log"
            assert path.read_bytes() == b"one\r\ntwoExited with code 1"
            build = f"https://app.circleci.com/pipelines/{WEB}/1/workflows/0/jobs/7"
            await scene.ci.save_output(build, action(scene), path, overwrite=True)
            with pytest.raises(PathConflictError):
                await scene.ci.save_output(WEB, 7, action(scene), path)
        assert len(scene.server.requests) == 2
        assert names(tmp_path / "new") == ["step.log"]

    @pytest.mark.parametrize(
        ("replies", "failure"),
        [
            ([then(reply(200, ONE_AND_A_BIT, length=len(LOG)), hang_up)], TruncatedError),
            ([log_of(*LEFT), error(404)], TruncatedError),
            ([error(500)], ServerError),
        ],
    )
    async def test_a_file_that_would_not_be_complete_does_not_appear(
        self, replies: list[Any], failure: type[Exception], tmp_path: Path
    ) -> None:
        async with facing(*replies) as scene:
            with pytest.raises(failure):
                await scene.ci.save_output(WEB, 7, action(scene), tmp_path / "step.log")
        assert names(tmp_path) == []

    async def test_a_truncated_output_names_the_file_and_the_characters_that_are_left(self, tmp_path: Path) -> None:
        async with facing(log_of(*LEFT), error(404)) as scene:
            with pytest.raises(TruncatedError, match=re.escape(f"{tmp_path / 'step.log'}: {REMARK}")):
                await scene.ci.save_output(WEB, 7, action(scene), tmp_path / "step.log")

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [((WEB, 7, "no action", "path"), "action"), ((WEB, 7, Action(step=0, index=0)), "path"), ((WEB, 7), "path")],
    )
    async def test_bad_arguments_are_refused_at_once(self, arguments: tuple[Any, ...], name: str) -> None:
        async with facing() as scene:
            save: Any = scene.ci.save_output
            with pytest.raises(InvalidInputError, match=f"{name}: expected"):
                await save(*arguments)
        assert scene.server.requests == []


@pytest.mark.fault(46, 49)
class TestEnding:
    @pytest.mark.parametrize("path", ["/log", None])
    async def test_cancelling_while_it_is_read_leaves_nothing(self, path: str | None) -> None:
        async with facing(BEGUN) as scene:
            task = asyncio.create_task(output(scene, path=path))
            await scene.server.has_received(1)
            for _ in range(50):
                await asyncio.sleep(0)
            task.cancel()
            await is_cancelled(task)

    @pytest.mark.parametrize("path", ["/log", None])
    async def test_closing_the_session_while_it_is_read_says_so(self, path: str | None) -> None:
        async with facing(BEGUN) as scene:
            task = asyncio.create_task(output(scene, path=path))
            await scene.server.has_received(1)
            for _ in range(50):
                await asyncio.sleep(0)
            await asyncio.wait_for(scene.ci.close(), 5)
            with pytest.raises(SessionClosedError):
                await task

    @pytest.mark.parametrize("path", ["/log", None])
    async def test_closing_the_session_while_it_waits_to_try_again_says_so_at_once(self, path: str | None) -> None:
        async with facing(error(503)) as scene:
            asleep = asyncio.Event()

            async def stay_asleep(_seconds: float) -> None:
                asleep.set()
                await asyncio.Event().wait()

            scene.clock.while_asleep = stay_asleep
            task = asyncio.create_task(output(scene, path=path))
            await asleep.wait()
            await asyncio.wait_for(scene.ci.close(), 5)
            with pytest.raises(SessionClosedError):
                await asyncio.wait_for(task, 5)

    async def test_leaving_at_the_first_piece_leaves_nothing(self) -> None:
        async with facing(BEGUN) as scene:
            async with aclosing(scene.ci.iter_output(WEB, 7, action(scene))) as pieces:
                async for _ in pieces:
                    break

    async def test_an_error_of_the_reader_is_the_readers(self) -> None:
        async with facing(BEGUN) as scene:
            with pytest.raises(TransportError, match="mine"):
                async with aclosing(scene.ci.iter_output(WEB, 7, action(scene))) as pieces:
                    async for _ in pieces:
                        raise TransportError("mine")
        assert len(scene.server.requests) == 1

    async def test_a_log_that_is_open_holds_up_no_call_beside_it(self) -> None:
        script = by_path(log=BEGUN, me=reply(200, {"login": "ada"}))
        async with facing(script, concurrency=1) as scene:
            async with aclosing(scene.ci.iter_output(WEB, 7, action(scene))) as pieces:
                await anext(pieces)
                assert (await scene.ci.get_current_user()).login == "ada"


@pytest.fixture
def build(fake: FakeCircleCI) -> FakeCircleCI:
    fake.add_project(WEB)
    fake.add_build(WEB, status="failed")
    fake.add_step(WEB, 1, "Spin up environment", output="Build-agent 1.0\r\n")
    fake.add_step(WEB, 1, "checkout", output="\x1b[1mcloning\x1b[0m\n10%\r100%\n")
    fake.add_step(WEB, 1, "pytest", output="1\n2\n3\n", status="failed", step=101, index=0)
    fake.add_step(WEB, 1, "pytest", output="never stored\n", step=101, index=1, published=False)
    fake.add_step(WEB, 1, "slow", output="quiet\n", status="timedout")
    return fake


class TestABuildsLog:
    async def test_each_run_of_a_step_has_a_heading(self, build: FakeCircleCI, ci: CircleCISession) -> None:
        assert await ci.get_build_log(WEB, 1) == (
            "=== Spin up environment (success)\n"
            "Build-agent 1.0\n"
            "\n"
            "=== checkout (success)\n"
            "cloning\n"
            "100%\n"
            "\n"
            "=== pytest [0] (failed, exit code 1)\n"
            "1\n"
            "2\n"
            "3\n"
            "Exited with code 1\n"
            "\n"
            "=== pytest [1] (success)\n"
            "never stored\n"
            "\n"
            "=== slow (timedout)\n"
            "quiet\n"
        )
        for request in build.requests:
            assert ("Circle-Token" in request.headers) == (request.site == "api")
        fallback = [request for request in build.requests if request.operation == "get_step_output"]
        assert [dict(parse_qsl(request.query_string))["file"] for request in fallback] == ["true"]

    async def test_only_what_failed_is_what_has_such_a_status(self, build: FakeCircleCI, ci: CircleCISession) -> None:
        build.add_step(WEB, 1, "told wrong", output="x", failed=True)
        log = await ci.get_build_log(WEB, 1, failed_only=True, tail=2)
        assert log == (
            "=== pytest [0] (failed, exit code 1)\n"
            "(2 lines before)\n"
            "3\n"
            "Exited with code 1\n"
            "\n"
            "=== slow (timedout)\n"
            "quiet\n"
        )

    async def test_it_may_be_had_as_it_was_written(self, build: FakeCircleCI, ci: CircleCISession) -> None:
        log = await ci.get_build_log(WEB, 1, strip_ansi=False)
        assert "\x1b[1mcloning\x1b[0m\n10%\r100%\n" in log
        assert "Build-agent 1.0\r\n" in log
        assert build.requests

    @pytest.mark.fault(78)
    async def test_a_steps_name_writes_no_escapes_either(self, build: FakeCircleCI, ci: CircleCISession) -> None:
        build.add_step(WEB, 1, "\x1b[31mred\x9b", output="x")
        assert "=== red (success)\n" in await ci.get_build_log(WEB, 1)
        assert "=== \x1b[31mred\x9b (success)\n" in await ci.get_build_log(WEB, 1, strip_ansi=False)

    @pytest.mark.fault(76)
    async def test_of_a_line_that_does_not_end_no_more_than_max_body_is_kept(self) -> None:
        script = by_path(
            **{"7": self.STEPS, **dict.fromkeys(("fine", "bad", "waits"), log_of(*[{"message": "x"}] * 999))}
        )
        async with facing(script, max_body=990) as scene:
            with pytest.raises(BodyTooLargeError):
                await scene.ci.get_build_log(WEB, 7, tail=5)
        async with facing(script, max_body=999) as scene:
            assert "x" * 999 in await scene.ci.get_build_log(WEB, 7, tail=5)

    async def test_addresses_that_have_expired_are_no_matter(self, build: FakeCircleCI, ci: CircleCISession) -> None:
        build.before_reply(lambda request: build.expire_signatures() if request.site == "storage" else None)
        assert "Build-agent 1.0\n" in await ci.get_build_log(WEB, 1)

    async def test_of_a_build_without_steps_it_is_empty(self, fake: FakeCircleCI, ci: CircleCISession) -> None:
        fake.add_project(WEB)
        fake.add_build(WEB)
        assert await ci.get_build_log(WEB, 1) == ""

    async def test_a_build_that_is_not_there_is_not_found(self, fake: FakeCircleCI, ci: CircleCISession) -> None:
        fake.add_project(WEB)
        with pytest.raises(NotFoundError):
            await ci.get_build_log(WEB, 1)

    @pytest.mark.parametrize("tail", [0, -1, 1.5, True])
    async def test_a_tail_that_is_none_is_refused_before_any_request(self, tail: Any) -> None:
        async with facing() as scene:
            with pytest.raises(InvalidInputError, match="tail: expected an integer from 1"):
                await scene.ci.get_build_log(WEB, 1, tail=tail)
        assert scene.server.requests == []

    STEPS = reply(
        200,
        {
            "build_num": 7,
            "steps": [
                {"name": name, "actions": [{"step": 0, "index": 0, "output_url": f"/{name}", "status": "failed"}]}
                for name in ("fine", "bad", "waits")
            ],
        },
    )

    async def test_a_step_that_cannot_be_read_is_one_line_and_does_not_cost_the_others(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        text = log_of({"message": "text\n"})
        script = by_path(**{"7": self.STEPS, "fine": text, "bad": reply(200, b"{}"), "waits": text})
        async with facing(script) as scene:
            fine, bad, waits = (await scene.ci.get_build_log(WEB, 7)).split("\n\n")
        assert (fine, waits) == ("=== fine (failed)\ntext", "=== waits (failed)\ntext\n")
        assert re.fullmatch(
            r"=== bad \(failed\)\n\[this log could not be read: GET /bad \(127\.0\.0\.1:\d+\) answered 200 .*\]", bad
        )
        assert len(caplog.records) == 1

    async def test_an_error_is_raised_as_itself_when_no_step_can_be_read(self) -> None:
        script = by_path(**{"7": self.STEPS, **dict.fromkeys(("fine", "bad", "waits"), reply(200, b"{}"))})
        async with facing(script) as scene:
            with pytest.raises(DecodeError, match=r"GET /\w+ \(127\.0\.0\.1:\d+\) answered 200") as caught:
                await scene.ci.get_build_log(WEB, 7)
        assert type(caught.value) is DecodeError
        assert len(scene.server.requests) == 4

    @pytest.mark.fault(80)
    async def test_one_that_fails_leaves_the_callers_timeout_alone(self) -> None:
        script = by_path(**{"7": self.STEPS, **dict.fromkeys(("fine", "bad", "waits"), reply(200, b"{}"))})
        task = asyncio.current_task()
        assert task is not None
        async with facing(script) as scene:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(60) as limit:
                    with pytest.raises(DecodeError):
                        await scene.ci.get_build_log(WEB, 7)
                    assert task.cancelling() == 0
                    limit.reschedule(0)
                    await asyncio.Event().wait()
        assert task.cancelling() == 0

    @pytest.mark.fault(46)
    async def test_cancelling_it_ends_all(self) -> None:
        script = by_path(**{"7": self.STEPS, "fine": log_of(), "bad": hang, "waits": hang})
        async with facing(script) as scene:
            task = asyncio.create_task(scene.ci.get_build_log(WEB, 7))
            await scene.server.has_received(4)
            task.cancel()
            await is_cancelled(task)

    @pytest.mark.fault(49)
    async def test_closing_the_session_ends_all(self) -> None:
        script = by_path(**{"7": self.STEPS, "fine": log_of(), "bad": hang, "waits": hang})
        async with facing(script) as scene:
            task = asyncio.create_task(scene.ci.get_build_log(WEB, 7))
            await scene.server.has_received(4)
            await asyncio.wait_for(scene.ci.close(), 5)
            with pytest.raises(SessionClosedError):
                await asyncio.wait_for(task, 5)

    async def test_a_hundred_steps_are_read_eight_at_a_time(self) -> None:
        steps = [
            {"name": f"{number}", "actions": [{"step": number, "index": 0, "output_url": f"/{number}"}]}
            for number in range(100)
        ]
        under_way, most = 0, 0

        async def act(received: Received, writer: asyncio.StreamWriter) -> None:
            nonlocal under_way, most
            if "/project/" in received.target:
                writer.write(reply(200, {"build_num": 7, "steps": steps}))
                return
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            writer.write(log_of({"message": f"log of {received.target}\n"}))

        async with facing(act, concurrency=50) as scene:
            log = await scene.ci.get_build_log(WEB, 7)
        assert log == "\n".join(f"=== {number} (unknown)\nlog of /{number}\n" for number in range(100))
        assert most <= 8
