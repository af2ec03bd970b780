"""What each operation of the API does and answers. The functions are named after the operations."""

from operator import attrgetter
from typing import Final, Literal

from circleci_v1_async.testing import _builds, _payloads
from circleci_v1_async.testing._builds import Payload
from circleci_v1_async.testing._exchange import API_PREFIX, Reply
from circleci_v1_async.testing._listing import ListQuery
from circleci_v1_async.testing._routing import BAD_REQUEST, Call, Operation, RefusedError, Route, Site
from circleci_v1_async.testing._state import Build, CheckoutKey

_INVALID_KEY: Final = Reply.message(400, "it looks like private key is invalid key.  Double check")


def get_current_user(call: Call) -> Payload:
    call.require_token()
    return _payloads.user(call.account.user, call.followed)


def list_projects(call: Call) -> list[Payload]:
    call.require_token()
    shallow = call.query.get("shallow") == "true"
    return [_payloads.project(project, shallow=shallow) for project in call.followed]


def list_recent_builds(call: Call) -> bytes:
    call.require_token()
    return _page(call)


def list_project_builds(call: Call) -> bytes:
    return _page(call)


def list_branch_builds(call: Call) -> bytes:
    return _page(call)


def get_build(call: Call) -> Payload:
    return _builds.detail(call.project, call.build, storage=call.storage)


def trigger_build(call: Call) -> Payload:
    return _trigger(call, branch=call.body.get("branch"))


def trigger_branch_build(call: Call) -> Payload:
    return _trigger(call, branch=call.params["branch"])


def retry_build(call: Call) -> Payload:
    return call.account.retry_build(call.project_to_change.slug, call.build.build_num)


def cancel_build(call: Call) -> Payload:
    return call.account.cancel_build(call.project_to_change.slug, call.build.build_num)


def list_build_artifacts(call: Call) -> list[Payload]:
    return _artifacts(call, call.build)


def list_latest_artifacts(call: Call) -> list[Payload]:
    latest = next(list_query(call).select(call.project.newest_first()), None)
    if latest is None:
        raise RefusedError(Reply.message(404, "Build not found"))
    return _artifacts(call, latest)


def list_build_tests(call: Call) -> Payload:
    return {"tests": call.build.tests, "exceptions": []}


def get_step_output(call: Call) -> object:
    action = call.build.action(call.params["step"], call.params["index"])
    if action is None:
        raise RefusedError(Reply.message(404, "Build not found"))
    output = _builds.step_output(action)
    if call.query.get("file") == "true":
        text = "".join(part["message"] for part in output)
        return Reply(200, text.encode(), {"Content-Type": "text/plain;charset=utf-8"})
    return output


def add_ssh_key(call: Call) -> str:
    project = call.project_to_change
    hostname, private_key = call.body.get("hostname"), call.body.get("private_key")
    if not isinstance(hostname, str) or not isinstance(private_key, str):
        raise RefusedError(BAD_REQUEST)
    if not (private_key.startswith("-----BEGIN ") and "PRIVATE KEY-----" in private_key):
        raise RefusedError(_INVALID_KEY)
    call.account.add_ssh_key(project.slug, hostname=hostname, private_key=private_key)
    return ""


def list_checkout_keys(call: Call) -> list[Payload]:
    return [_payloads.checkout_key(key, digest=_digest(call)) for key in call.project.checkout_keys]


def create_checkout_key(call: Call) -> Payload:
    project = call.project_to_change
    match call.body.get("type"):
        case "deploy-key" | "github-user-key" as type_:
            return call.account.add_checkout_key(project.slug, type=type_)
        case _:
            raise RefusedError(BAD_REQUEST)


def get_checkout_key(call: Call) -> Payload:
    return _payloads.checkout_key(_checkout_key(call), digest=_digest(call))


def delete_checkout_key(call: Call) -> Payload:
    call.project_to_change.checkout_keys.remove(_checkout_key(call))
    return {"message": "ok"}


def follow_project(call: Call) -> Payload:
    call.project_to_change.following = True
    return {"following": True, "workflow": False, "first_build": None}


def list_query(call: Call) -> ListQuery:
    """What a request asks of a list."""
    try:
        return ListQuery.of(call.query, branch=call.params.get("branch"))
    except ValueError as error:
        raise RefusedError(BAD_REQUEST) from error


def listed_builds(call: Call) -> list[Build]:
    """The whole list that a request asks for a page of."""
    return list(list_query(call).select(_ordered(call)))


def _page(call: Call) -> bytes:
    query = list_query(call)
    return call.pages.render(query.page(_ordered(call)), shallow=query.shallow)


def _ordered(call: Call) -> list[Build]:
    if "project" in call.params:
        return call.project.newest_first()
    builds = (build for project in call.followed for build in project.builds.values())
    return sorted(builds, key=attrgetter("recency"), reverse=True)


def _trigger(call: Call, *, branch: str | None) -> Payload:
    project, body = call.project_to_change, call.body
    if body.get("revision") and body.get("tag"):
        raise RefusedError(BAD_REQUEST)
    return call.account.trigger_build(
        project.slug,
        branch=branch,
        revision=body.get("revision"),
        tag=body.get("tag"),
        parallel=body.get("parallel"),
        build_parameters=body.get("build_parameters"),
    )


def _artifacts(call: Call, build: Build) -> list[Payload]:
    return [
        _payloads.artifact(build, artifact.path, artifact.node_index, storage=call.storage)
        for artifact in build.artifacts
    ]


def _checkout_key(call: Call) -> CheckoutKey:
    fingerprint = call.params["fingerprint"]
    key = next((key for key in call.project.checkout_keys if key.answers_to(fingerprint)), None)
    if key is None:
        raise RefusedError(Reply.message(404, "checkout key not found"))
    return key


def _digest(call: Call) -> Literal["md5", "sha256"]:
    return "sha256" if call.query.get("digest") == "sha256" else "md5"


_PROJECT: Final = "/project/:vcs-type/:username/:project"
_BUILD: Final = f"{_PROJECT}/:build-num"
_KEY: Final = f"{_PROJECT}/checkout-key"
# Announced: from that day on these endpoints answer 410.
_SUNSET: Final = {"Deprecation": "@1777593600", "Sunset": "Mon, 01 Feb 2027 00:00:00 GMT"}


def _route(method: str, path: str, operation: Operation, status: int = 200, *, ends: bool = False) -> Route:
    return Route(method, path, operation, status, {"X-Route": API_PREFIX + path, **(_SUNSET if ends else {})})


API: Final = Site(
    API_PREFIX,
    (
        _route("GET", "/me", get_current_user),
        _route("GET", "/projects", list_projects),
        _route("GET", "/recent-builds", list_recent_builds),
        _route("GET", _PROJECT, list_project_builds),
        _route("GET", f"{_PROJECT}/tree/:branch", list_branch_builds),
        _route("POST", _PROJECT, trigger_build, 201, ends=True),
        _route("POST", f"{_PROJECT}/tree/:branch", trigger_branch_build, 201, ends=True),
        _route("GET", _BUILD, get_build),
        _route("POST", f"{_BUILD}/retry", retry_build, ends=True),
        _route("POST", f"{_BUILD}/cancel", cancel_build),
        _route("GET", f"{_BUILD}/artifacts", list_build_artifacts),
        _route("GET", f"{_BUILD}/tests", list_build_tests),
        _route("GET", f"{_BUILD}/output/:step/:index", get_step_output),
        _route("GET", f"{_PROJECT}/latest/artifacts", list_latest_artifacts),
        _route("POST", f"{_PROJECT}/ssh-key", add_ssh_key),
        _route("GET", _KEY, list_checkout_keys),
        _route("POST", _KEY, create_checkout_key, 201),
        _route("GET", f"{_KEY}/:fingerprint", get_checkout_key),
        _route("DELETE", f"{_KEY}/:fingerprint", delete_checkout_key),
        _route("POST", f"{_PROJECT}/follow", follow_project),
    ),
)
LISTS: Final = frozenset({"list_recent_builds", "list_project_builds", "list_branch_builds"})
