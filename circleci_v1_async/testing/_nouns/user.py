"""The operations on the user, on projects and on their keys, variables and tokens."""

from typing import Final, Literal

from circleci_v1_async.testing._nouns.builds import Payload
from circleci_v1_async.testing._nouns.projects import (
    render_checkout_key,
    render_env_var,
    render_project,
    render_project_token,
    render_settings,
    render_user,
)
from circleci_v1_async.testing._server.checks import RefusedError, take_members, take_texts
from circleci_v1_async.testing._server.routing import Call, Created
from circleci_v1_async.testing._server.wire import Reply
from circleci_v1_async.testing._state.builds import CheckoutKey

_INVALID_KEY: Final = Reply.json_error(400, "it looks like private key is invalid key.  Double check")
_OK: Final = {"message": "ok"}
_SCOPES: Final = frozenset({"status", "view-builds", "all"})


def get_current_user(call: Call) -> Payload:
    call.require_token()
    return render_user(call.account.user, call.followed_projects)


def list_projects(call: Call) -> list[Payload]:
    call.require_token()
    branches = call.account.shows_branches({"false": True, "true": False}.get(call.query.get("shallow", "")))
    return [render_project(project, branches=branches) for project in call.followed_projects]


def follow_project(call: Call) -> Payload:
    call.project_to_follow.following = True
    return {"following": True, "workflow": False, "first_build": None}


def unfollow_project(call: Call) -> Payload:
    call.project_to_follow.following = False
    return {"following": False}


def add_ssh_key(call: Call) -> str:
    project = call.project_to_change
    hostname, private_key = take_texts(call.body, "hostname", "private_key")
    if not (private_key.startswith("-----BEGIN ") and "PRIVATE KEY-----" in private_key):
        raise RefusedError(_INVALID_KEY)
    call.account.add_ssh_key(project.slug, hostname=hostname, private_key=private_key)
    return ""


def delete_ssh_key(call: Call) -> str:
    project = call.project_to_change
    hostname, fingerprint = take_texts(call.body, "hostname", "fingerprint")
    if not call.account.delete_ssh_key(project.slug, hostname=hostname, fingerprint=fingerprint):
        raise RefusedError(Reply.json_error(404, "ssh key not found"))
    return ""


def list_checkout_keys(call: Call) -> list[Payload]:
    return [render_checkout_key(key, digest=_choose_digest(call)) for key in call.project.checkout_keys]


def create_checkout_key(call: Call) -> Created:
    project = call.project_to_change
    match call.body.get("type"):
        case "deploy-key" | "github-user-key" as type_:
            key = call.account.add_checkout_key(project.slug, type=type_)
            return call.make_created(key, "checkout-key", key["fingerprint"])
        case _:
            raise RefusedError


def get_checkout_key(call: Call) -> Payload:
    return render_checkout_key(_find_checkout_key(call), digest=_choose_digest(call))


def delete_checkout_key(call: Call) -> Payload:
    call.project_to_change.checkout_keys.remove(_find_checkout_key(call))
    return _OK


def list_env_vars(call: Call) -> list[Payload]:
    return [render_env_var(name, value) for name, value in call.project_to_change.env_vars.items()]


def get_env_var(call: Call) -> Payload:
    name = _require_env_var(call)
    return render_env_var(name, call.project.env_vars[name])


def add_env_var(call: Call) -> Created:
    project = call.project_to_change
    name, value = take_texts(call.body_or_form, "name", "value")
    return call.make_created(call.account.add_env_var(project.slug, name, value), "envvar", name)


def delete_env_var(call: Call) -> Payload:
    name = _require_env_var(call)
    del call.project.env_vars[name]
    return _OK


def list_project_tokens(call: Call) -> list[Payload]:
    return [render_project_token(token) for token in call.project_to_change.tokens]


def create_project_token(call: Call) -> Created:
    project = call.project_to_change
    scope, label = take_texts(call.body, "scope", "label")
    if scope not in _SCOPES:
        raise RefusedError
    token = call.account.add_project_token(project.slug, scope=scope, label=label)
    return call.make_created(token, "token", token["id"])


def delete_project_token(call: Call) -> Payload:
    tokens = call.project_to_change.tokens
    token = next((token for token in tokens if token.id == call.params["token-id"]), None)
    if token is None:
        raise RefusedError(Reply.json_error(404, "token not found"))
    tokens.remove(token)
    return _OK


def get_project_settings(call: Call) -> Payload:
    return _render_settings(call)


def enable_project(call: Call) -> Payload:
    return _render_settings(call)


def disable_project(call: Call) -> Payload:
    return _render_settings(call)


def update_project_settings(call: Call) -> str:
    flags = call.project_to_change.feature_flags
    new = take_members(call.body, "feature_flags")
    if new is None:
        raise RefusedError
    flags.update(new)
    return ""


def clear_build_cache(call: Call) -> Payload:
    _ = call.project_to_change
    return {"status": "build dependency caches deleted"}


def add_heroku_key(call: Call) -> Reply:
    call.require_token()
    (call.account.user["heroku_api_key"],) = take_texts(call.body_or_form, "apikey")
    # Recorded: an empty JSON string, sent as plain text.
    return Reply(200, b'""', {"Content-Type": "text/plain;charset=utf-8"})


def _render_settings(call: Call) -> Payload:
    skipped = call.query.get("skip-branches", "")
    branches = call.account.shows_branches({"false": True, "true": False}.get(skipped))
    return render_settings(call.project_to_change, branches=branches)


def _require_env_var(call: Call) -> str:
    name = call.params["var-name"]
    if name not in call.project_to_change.env_vars:
        raise RefusedError(Reply.json_error(404, "env var not found"))
    return name


def _find_checkout_key(call: Call) -> CheckoutKey:
    fingerprint = call.params["fingerprint"]
    key = next((key for key in call.project.checkout_keys if key.matches_fingerprint(fingerprint)), None)
    if key is None:
        raise RefusedError(Reply.json_error(404, "checkout key not found"))
    return key


def _choose_digest(call: Call) -> Literal["md5", "sha256"]:
    return "sha256" if call.query.get("digest") == "sha256" else "md5"
