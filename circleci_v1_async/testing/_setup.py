"""What the operations on a project's setup do and answer: keys, variables, tokens, settings, caches."""

from typing import Final, Literal, cast

from circleci_v1_async.testing import _payloads
from circleci_v1_async.testing._builds import Payload
from circleci_v1_async.testing._exchange import Reply
from circleci_v1_async.testing._routing import BAD_REQUEST, Call, RefusedError
from circleci_v1_async.testing._state import CheckoutKey

_INVALID_KEY: Final = Reply.message(400, "it looks like private key is invalid key.  Double check")
_OK: Final = {"message": "ok"}
_SCOPES: Final = frozenset({"status", "view-builds", "all"})


def add_ssh_key(call: Call) -> str:
    project = call.project_to_change
    hostname, private_key = _texts(call, "hostname", "private_key")
    if not (private_key.startswith("-----BEGIN ") and "PRIVATE KEY-----" in private_key):
        raise RefusedError(_INVALID_KEY)
    call.account.add_ssh_key(project.slug, hostname=hostname, private_key=private_key)
    return ""


def delete_ssh_key(call: Call) -> str:
    project = call.project_to_change
    hostname, fingerprint = _texts(call, "hostname", "fingerprint")
    if not call.account.delete_ssh_key(project.slug, hostname=hostname, fingerprint=fingerprint):
        raise RefusedError(Reply.message(404, "ssh key not found"))
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
    return _OK


def list_env_vars(call: Call) -> list[Payload]:
    return [_payloads.env_var(name, value) for name, value in call.project_to_change.env_vars.items()]


def get_env_var(call: Call) -> Payload:
    name = _named_variable(call)
    return _payloads.env_var(name, call.project.env_vars[name])


def add_env_var(call: Call) -> Payload:
    project = call.project_to_change
    name, value = _texts(call, "name", "value")
    return call.account.add_env_var(project.slug, name, value)


def delete_env_var(call: Call) -> Payload:
    name = _named_variable(call)
    del call.project.env_vars[name]
    return _OK


def list_project_tokens(call: Call) -> list[Payload]:
    return [_payloads.project_token(token) for token in call.project_to_change.tokens]


def create_project_token(call: Call) -> Payload:
    project = call.project_to_change
    scope, label = _texts(call, "scope", "label")
    if scope not in _SCOPES:
        raise RefusedError(BAD_REQUEST)
    return call.account.add_project_token(project.slug, scope=scope, label=label)


def delete_project_token(call: Call) -> Payload:
    tokens = call.project_to_change.tokens
    token = next((token for token in tokens if token.id == call.params["token-id"]), None)
    if token is None:
        raise RefusedError(Reply.message(404, "token not found"))
    tokens.remove(token)
    return _OK


def get_project_settings(call: Call) -> Payload:
    branches = call.query.get("skip-branches") != "true" and not call.account.after_sunset
    return _payloads.settings(call.project_to_change, branches=branches)


def update_project_settings(call: Call) -> str:
    flags = call.project_to_change.feature_flags
    new: object = call.body.get("feature_flags")
    if not isinstance(new, dict):
        raise RefusedError(BAD_REQUEST)
    flags.update(cast("Payload", new))
    return ""


def clear_build_cache(call: Call) -> Payload:
    _ = call.project_to_change
    return {"status": "build dependency caches deleted"}


def add_heroku_key(call: Call) -> Reply:
    call.require_token()
    (call.account.user["heroku_api_key"],) = _texts(call, "apikey")
    # Recorded: text that happens to be JSON.
    return Reply(200, b'""', {"Content-Type": "text/plain;charset=utf-8"})


def _texts(call: Call, *names: str) -> list[str]:
    values = [value for name in names if isinstance(value := call.body.get(name), str)]
    if len(values) < len(names):
        raise RefusedError(BAD_REQUEST)
    return values


def _named_variable(call: Call) -> str:
    name = call.params["name"]
    if name not in call.project_to_change.env_vars:
        raise RefusedError(Reply.message(404, "env var not found"))
    return name


def _checkout_key(call: Call) -> CheckoutKey:
    fingerprint = call.params["fingerprint"]
    key = next((key for key in call.project.checkout_keys if key.answers_to(fingerprint)), None)
    if key is None:
        raise RefusedError(Reply.message(404, "checkout key not found"))
    return key


def _digest(call: Call) -> Literal["md5", "sha256"]:
    return "sha256" if call.query.get("digest") == "sha256" else "md5"
