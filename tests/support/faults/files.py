"""Artifacts and logs: what comes from other addresses than the API's, some of which are credentials themselves."""

import asyncio
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

from script_server import error, hang, hang_up, reply, reset, then

from circleci_v1_async import (
    Action,
    Artifact,
    BodyTooLargeError,
    DecodeError,
    DownloadError,
    NotFoundError,
    PathConflictError,
    PermissionDeniedError,
    RedirectError,
    ServerError,
    SessionClosedError,
    TransportError,
    TruncatedError,
    UnsafePathError,
)

from .calls import asleep, cancelled, closed_meanwhile
from .canaries import BUILD, CANARIES, COOKIE, ECHO, PACKERS, PROJECT, SIGNED, TOKEN, as_json, packed
from .connections import TWICE
from .scenes import Call, Fault, Scene

SIGNATURE = CANARIES["presigned URL"]
DATA = b"0123456789"
PIECE = {"message": "one", "time": None, "type": "out"}
LOG = as_json([PIECE, PIECE])
LOGGED = reply(
    200,
    {**BUILD, "steps": [{"name": "Tests", "actions": [{"step": 0, "index": 0, "output_url": SIGNED}]}]},
    [COOKIE],
)
REDIRECT = reply(302, b"", [("Location", SIGNED), COOKIE])
ELSEWHERE = reply(302, b"", [("Location", f"ftp://output.example/?{SIGNATURE}"), COOKIE])
GONE = error(404, ECHO)
FORBIDDEN = error(403, ECHO, [COOKIE])
OOPS = error(500, ECHO)
BEGUN = then(reply(200, DATA[:4], [("ETag", '"1"')], length=len(DATA)), hang)
CUT = then(reply(200, DATA[:4], [("ETag", '"1"')], length=len(DATA)), hang_up)
ERROR_CUT = then(reply(404, {"message": ECHO}, length=1000), hang_up)
LOG_BEGUN = then(reply(200, LOG[:-9], length=len(LOG)), hang)
LOG_CUT = then(reply(200, LOG[:-9], length=len(LOG)), hang_up)
FOREVER = {"timeout": 864_000}


def _artifact(scene: Scene, path: str = "core.tar") -> Artifact:
    return Artifact(path=path, url=f"{scene.server.origin}/{path}")


async def _download(scene: Scene) -> Any:
    with TemporaryDirectory() as folder:
        return await scene.ci.download_artifact(_artifact(scene), Path(folder, "core.tar"))


async def _download_over_another(scene: Scene) -> Any:
    with NamedTemporaryFile() as file:
        return await scene.ci.download_artifact(_artifact(scene), file.name)


async def _download_many(scene: Scene, *paths: str, **options: Any) -> Any:
    artifacts = [_artifact(scene, path) for path in paths or ("a", "b")]
    with TemporaryDirectory() as folder:
        return await scene.ci.download_artifacts(artifacts, folder, concurrency=1, **options).collect()


async def _download_one_of_many(scene: Scene) -> Any:
    return await _download_many(scene, "a")


async def _stop_many(scene: Scene) -> Any:
    return await _download_many(scene, on_error="stop")


async def _download_outside(scene: Scene) -> Any:
    return await _download_many(scene, "../a", "b")


async def _read(scene: Scene) -> Any:
    async with scene.ci.open_artifact(_artifact(scene)) as stream:
        return await stream.read(max_bytes=5)


async def _log(scene: Scene, output_url: str | None = SIGNED) -> Any:
    action = Action(step=0, index=0, output_url=output_url)
    return [piece async for piece in scene.ci.iter_output(PROJECT, 7, action)]


async def _log_of_the_api(scene: Scene) -> Any:
    return await _log(scene, None)


async def _log_elsewhere(scene: Scene) -> Any:
    return await _log(scene, f"ftp://output.example/?{SIGNATURE}")


async def _build_log(scene: Scene) -> Any:
    return await scene.ci.get_build_log(PROJECT, 7)


def _ends(row: int, how: str, stop: Any, kind: type[BaseException]) -> list[Fault]:
    """Cancelled, or closed, wherever it may be."""
    return [
        *(
            Fault(row, f"{how} while {name} is coming", (begun,), stop(call, after=1), kind, 1, options=FOREVER)
            for name, begun, call in (
                ("a file", BEGUN, _download),
                ("one of many files", BEGUN, _download_many),
                ("a stream", BEGUN, _read),
                ("a log", LOG_BEGUN, _log),
                ("a log of the API", BEGUN, _log_of_the_api),
            )
        ),
        Fault(row, f"{how} while a build's log is coming", (LOGGED, LOG_BEGUN), stop(_build_log, after=2), kind, 2),
        Fault(row, f"{how} while a file backs off", (OOPS,), stop(asleep(_download), after=1), kind, 1, (0.5,)),
        Fault(row, f"{how} while a log backs off", (OOPS,), stop(asleep(_log), after=1), kind, 1, (0.5,)),
    ]


def _no_log(name: str, body: bytes, call: Call = _log, **options: Any) -> Fault:
    return Fault(25, f"{name} is no log", (reply(200, body, [COOKIE]),), call, DecodeError, 1, options=options)


def _cut_off(coding: str) -> list[Fault]:
    """Files that are complete for HTTP, but whose compressed data end early."""
    file, log = (packed(data, coding, cut=1) for data in (bytes(10**6), LOG))
    return [
        Fault(
            20,
            f"a file whose {coding} ends early is asked for three times",
            (file,),
            _download,
            TruncatedError,
            3,
            TWICE,
        ),
        Fault(
            20,
            f"a file whose {coding} ends early first is whole then",
            (file, reply(200, DATA)),
            _download,
            None,
            2,
            (0.5,),
        ),
        Fault(
            20, f"one of many whose {coding} ends early, too", (file,), _download_one_of_many, DownloadError, 3, TWICE
        ),
        Fault(20, f"a stream whose {coding} ends early", (packed(DATA[:3], coding, cut=1),), _read, TruncatedError, 1),
        Fault(20, f"a log whose {coding} ends early is asked for three times", (log,), _log, TruncatedError, 3, TWICE),
    ]


FAULTS = [
    *(fault for coding in PACKERS for fault in _cut_off(coding)),
    Fault(18, "a log that breaks off is asked for three times", (LOG_CUT,), _log, TruncatedError, 3, TWICE),
    Fault(18, "a log of the API that breaks off, too", (CUT,), _log_of_the_api, TruncatedError, 3, TWICE),
    Fault(18, "a build's log that breaks off, too", (LOGGED, LOG_CUT), _build_log, TruncatedError, 4, TWICE),
    Fault(18, "a log that breaks off first is whole then", (LOG_CUT, reply(200, LOG)), _log, None, 2, (0.5,)),
    Fault(16, "a log that resets is asked for three times", (reset,), _log, TransportError, 3, TWICE),
    _no_log("a page", b"<html>" + TOKEN.encode()),
    _no_log("a string", as_json([PIECE, TOKEN])),
    _no_log("a page in a list", b"[<html>" + TOKEN.encode() + b"]"),
    _no_log("an object", as_json({"message": TOKEN})),
    _no_log("text for a time", as_json([{**PIECE, "time": TOKEN}]), strict=True),
    Fault(2, "a log that is forbidden twice is forbidden", (FORBIDDEN,), _log, PermissionDeniedError, 2),
    Fault(3, "a log that is nowhere is empty", (GONE,), _log, None, 2),
    Fault(4, "a log that fails is asked for three times", (OOPS,), _log, ServerError, 3, TWICE),
    Fault(4, "a build's log that fails, too", (LOGGED, OOPS), _build_log, ServerError, 4, TWICE),
    Fault(39, "a log elsewhere is not asked for", (), _log_elsewhere, RedirectError, 0),
    Fault(39, "a log that redirects to no web page", (ELSEWHERE,), _log, RedirectError, 1),
    Fault(40, "a file behind a signed URL", (REDIRECT, reply(200, DATA)), _download, None, 2),
    Fault(40, "a file behind a signed URL that is gone", (REDIRECT, GONE), _download, NotFoundError, 2),
    Fault(40, "a stream behind a signed URL that is forbidden", (REDIRECT, FORBIDDEN), _read, PermissionDeniedError, 2),
    Fault(40, "a file behind a URL that is none", (ELSEWHERE,), _download, RedirectError, 1),
    Fault(
        40,
        "a file behind a signed URL that always breaks off",
        (REDIRECT, CUT, REDIRECT, CUT, REDIRECT, CUT),
        _download,
        TruncatedError,
        6,
        TWICE,
    ),
    Fault(40, "a file whose refusal breaks off", (REDIRECT, ERROR_CUT), _download, NotFoundError, 2),
    Fault(21, "an artifact that is too large is not read to its end", (reply(200, DATA),), _read, BodyTooLargeError, 1),
    Fault(48, "one of many that is gone", (GONE, reply(200, DATA)), _download_many, DownloadError, 2),
    Fault(48, "one of many that stops the others", (GONE,), _stop_many, DownloadError, 1),
    Fault(52, "one of many that is not to be where it wants", (), _download_outside, UnsafePathError, 0),
    Fault(55, "a file in whose place is another", (), _download_over_another, PathConflictError, 0),
    Fault(58, "a part that nobody asked for", (REDIRECT, reply(206, DATA)), _download, TransportError, 2),
    *_ends(46, "cancelled", cancelled, asyncio.CancelledError),
    *_ends(49, "closed", closed_meanwhile, SessionClosedError),
]
