"""Redirects, arguments, cancelling, closing: what the client itself decides."""

import asyncio
from typing import Any

from script_server import error, hang, reply, then

from circleci_v1_async import (
    InvalidInputError,
    NotFoundError,
    RedirectError,
    Request,
    ServerError,
    SessionClosedError,
)

from .calls import (
    add_key,
    after_close,
    asleep,
    cancelled,
    closed_meanwhile,
    delete,
    get,
    leave_a_walk,
    no_session,
    timed_out_by_the_caller,
    trigger,
    walk,
    while_another_holds_the_place,
)
from .canaries import (
    BUILD,
    CANARIES,
    COOKIE,
    CUT,
    ECHO,
    ME,
    OK,
    PARAMETERS,
    PRESIGNED,
    PRIVATE_KEY,
    PROJECT,
    TOKEN,
    as_json,
)
from .connections import CHUNKED, LONG, OK_HEAD, TWICE
from .scenes import Call, Fault, by_its_other_name, of_other_example, with_habits, with_one_connection

VALUE = CANARIES["env value"]
SIGNATURE = CANARIES["presigned URL"]
OOPS = error(500, ECHO)
WAIT = error(429, ECHO, [("Retry-After", "2")])
ONE_AT_A_TIME = {"concurrency": 1}
PAGE = reply(200, [BUILD, {**BUILD, "build_num": 6}])

# Replies that begin, and then nothing.
BEGUN = {
    "waits for the reply": hang,
    "reads a body with a length": then(LONG, hang),
    "reads a body in chunks": then(CHUNKED + b"5\r\n" + CUT[:5] + b"\r\n", hang),
    "reads a body that ends with the connection": then(OK_HEAD + b"\r\n" + as_json(ME), hang),
}
TOKENS: dict[str, Any] = {
    "with a blank before it": f" {TOKEN}",
    "with a line feed": f"{TOKEN}\n",
    "with a NUL": f"{TOKEN}\0",
    "that is not ASCII": f"{TOKEN}é",
    "of bytes": TOKEN.encode(),
    "that is empty": "",
}


def _redirect(location: str, status: int = 302) -> bytes:
    return reply(status, b"", [("Location", location), COOKIE])


def _not_followed(name: str, location: str, call: Call = get, status: int = 302, **more: Any) -> Fault:
    return Fault(39, f"{name} is not followed", (_redirect(location, status),), call, RedirectError, 1, **more)


def _refused(row: int, name: str, call: Call) -> Fault:
    return Fault(row, f"{name} is refused", (), call, InvalidInputError, 0)


def _queueing(call: Call) -> Call:
    return while_another_holds_the_place(call)


def _ends(row: int, how: str, stop: Any, kind: type[BaseException]) -> list[Fault]:
    """Cancelled, or closed, wherever a call may be."""
    forever = {"timeout": 864_000}
    return [
        *(
            Fault(row, f"{how} while {call.__name__} {what}", (action,), stop(call, after=1), kind, 1, options=forever)
            for what, action in BEGUN.items()
            for call in (get, trigger, add_key)
        ),
        Fault(row, f"{how} while it backs off", (OOPS,), stop(asleep(get), after=1), kind, 1, (0.5,)),
        Fault(row, f"{how} while it waits as asked", (WAIT,), stop(asleep(add_key), after=1), kind, 1, (2.0,)),
        Fault(row, f"{how} in the queue", (hang,), _queueing(stop(trigger, after=1)), kind, 1, options=ONE_AT_A_TIME),
        Fault(
            row, f"{how} in the pool", (hang,), _queueing(stop(trigger, after=1)), kind, 1, place=with_one_connection
        ),
    ]


FAULTS = [
    Fault(39, "a GET is redirected five times and not six", (_redirect("/again"),), get, RedirectError, 6),
    Fault(
        39,
        "a GET follows a signed URL within the origin",
        (_redirect(f"/x?{SIGNATURE}"), OOPS),
        get,
        ServerError,
        4,
        TWICE,
    ),
    _not_followed("a redirect to what is no web page", f"ftp://output.example/?{SIGNATURE}"),
    _not_followed("a redirect to what is no URL", f"http://[?{SIGNATURE}"),
    _not_followed("a redirect with a user", f"https://{SIGNATURE}@output.example/"),
    _not_followed("a redirect of a POST to another origin", PRESIGNED, trigger, 307),
    _not_followed("a redirect of a POST that would make it a GET", "/elsewhere", add_key, 303),
    _not_followed("a redirect of a DELETE to another origin", PRESIGNED, delete, 308),
    _not_followed(
        "a redirect from https to http",
        PRESIGNED.replace("https", "http"),
        tls=of_other_example,
        place=by_its_other_name,
    ),
    *(_refused(43, f"a token {kind}", lambda _scene, token=token: no_session(token)) for kind, token in TOKENS.items()),
    _refused(44, "a token for http", lambda _scene: no_session(TOKEN, base_url="http://ci.acme.example")),
    _refused(45, "a fingerprint of dots", lambda scene: scene.ci.delete_checkout_key(PROJECT, "..")),
    _refused(
        45,
        "a parameter that is no string",
        lambda scene: scene.ci.trigger_build(PROJECT, build_parameters={**PARAMETERS, "A": 1}),
    ),
    _refused(
        45,
        "a parameter of a branch that is no string",
        lambda scene: scene.ci.trigger_branch_build(PROJECT, "main", build_parameters={**PARAMETERS, "A": 1}),
    ),
    _refused(
        45,
        "a list of parameters",
        lambda scene: scene.ci.trigger_build(PROJECT, build_parameters=[f"A={PARAMETERS['DEPLOY_KEY']}"]),
    ),
    _refused(
        45,
        "a body that JSON has no form for",
        lambda scene: scene.ci.send(Request("POST", "/x", body={**PARAMETERS, "A": object()})),
    ),
    _refused(
        45,
        "a key for no project",
        lambda scene: scene.ci.add_ssh_key("web", hostname="h", private_key=PRIVATE_KEY),
    ),
    _refused(
        45,
        "a key of bytes",
        lambda scene: scene.ci.add_ssh_key(PROJECT, hostname="h", private_key=PRIVATE_KEY.encode()),
    ),
    _refused(45, "a value of bytes", lambda scene: scene.ci.add_env_var(PROJECT, "A", VALUE.encode())),
    _refused(45, "a value in a list", lambda scene: scene.ci.add_env_var(PROJECT, "A", [VALUE])),
    _refused(45, "a value without a name", lambda scene: scene.ci.add_env_var(PROJECT, "", VALUE)),
    _refused(45, "a value for no project", lambda scene: scene.ci.add_env_var("web", "A", VALUE)),
    _refused(45, "a Heroku key of bytes", lambda scene: scene.ci.add_heroku_key(CANARIES["Heroku key"].encode())),
    *_ends(46, "cancelled", cancelled, asyncio.CancelledError),
    Fault(
        46, "timed out by the caller in the body", (then(LONG, hang),), timed_out_by_the_caller(get), TimeoutError, 1
    ),
    Fault(
        46,
        "timed out by the caller while it backs off",
        (OOPS,),
        timed_out_by_the_caller(asleep(get)),
        TimeoutError,
        1,
        (0.5,),
    ),
    Fault(
        47, "a walk is cancelled, pages under way", (PAGE, hang), cancelled(walk, after=3), asyncio.CancelledError, 3
    ),
    Fault(
        47, "a walk is closed, pages under way", (PAGE, hang), closed_meanwhile(walk, after=3), SessionClosedError, 3
    ),
    Fault(47, "a walk is left at its first build", (reply(200, [BUILD]),), leave_a_walk, None, 1),
    *_ends(49, "closed", closed_meanwhile, SessionClosedError),
    Fault(50, "used after it was closed twice", (), after_close, SessionClosedError, 0),
    Fault(
        51,
        "a borrowed session that raises by itself does not",
        (OOPS, error(404, ECHO)),
        get,
        NotFoundError,
        2,
        (0.5,),
        place=with_habits,
    ),
    Fault(51, "a borrowed session with an address keeps it to itself", (OK,), get, None, 1, place=with_habits),
    Fault(60, "chance at its lowest waits for nothing", (error(500),), get, ServerError, 3, (0.0, 0.0), random=0.0),
    Fault(60, "chance at its highest waits for all of it", (error(500),), get, ServerError, 3, TWICE, random=1.0),
]
