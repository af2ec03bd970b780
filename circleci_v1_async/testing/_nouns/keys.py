"""Checkout keys and SSH keys of projects."""

import base64
import hashlib
from typing import Final, Literal

import attrs

from circleci_v1_async.testing._server.checks import RefusedError, take_texts
from circleci_v1_async.testing._server.routing import PROJECT, Call, Created, Route
from circleci_v1_async.testing._server.wire import OK, Payload, Reply, format_time
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.arguments import check_choice
from circleci_v1_async.testing._state.digests import make_md5_fingerprint
from circleci_v1_async.testing._state.projects import CheckoutKey, Project, SshKey

_INVALID_KEY: Final = Reply.json_error(400, "it looks like private key is invalid key.  Double check")
_KEYS: Final = f"{PROJECT}/checkout-key"


class KeyBuilders:
    """Methods that add keys to projects."""

    _account: Account

    def add_checkout_key(
        self,
        slug: str,
        *,
        type: Literal["deploy-key", "github-user-key"] = "deploy-key",
        fingerprint: str | None = None,
        sha256: str | None = None,
        public_key: str | None = None,
        login: str | None = None,
    ) -> Payload:
        """Add a checkout key, which becomes the preferred key.

        Args:
            slug: The project's slug.
            type: "deploy-key" for a key of the project, "github-user-key" for a key of the token's owner.
            fingerprint: The MD5 fingerprint, hex pairs with colons; by default computed from the key.
            sha256: The SHA-256 fingerprint, base64 without a prefix; by default computed from the key.
            public_key: The public key; by default an invented key without a private key.
            login: The login of the key's owner; by default the token's owner, or none for a deploy key.

        Returns:
            The key as lists show it, with its MD5 fingerprint.

        Raises:
            KeyError: The project does not exist.
            ValueError: The type is unknown.
        """
        check_choice("type", type, ("deploy-key", "github-user-key"))
        return _add_checkout_key(
            self._account,
            self._account.get_project(slug),
            type,
            md5=fingerprint,
            sha256=sha256,
            public_key=public_key,
            login=login,
        )

    def add_ssh_key(
        self,
        slug: str,
        *,
        hostname: str,
        private_key: str = "",
        fingerprint: str | None = None,
        public_key: str | None = None,
    ) -> None:
        """Store an SSH key for a host, like `POST …/ssh-key`. Only its public half is kept.

        Args:
            slug: The project's slug.
            hostname: The host; empty for all hosts.
            private_key: The key. The fake does not compute the public half from it.
            fingerprint: The MD5 fingerprint, hex pairs with colons; by default computed from an invented public half.
            public_key: The public half; by default an invented one.
        """
        project = self._account.get_project(slug)
        _add_ssh_key(project, hostname, private_key, fingerprint=fingerprint, public_key=public_key)

    def delete_ssh_key(self, slug: str, *, hostname: str, fingerprint: str) -> bool:
        """Delete an SSH key of a host.

        Returns:
            Whether the key existed.
        """
        return _delete_ssh_key(self._account.get_project(slug), hostname, fingerprint)


def _render_checkout_key(key: CheckoutKey, *, digest: Literal["md5", "sha256"]) -> Payload:
    """Render a checkout key with its fingerprint in the given digest."""
    return {
        "public_key": key.public_key or f"{_format_public_key(key.blob)} \n",
        "type": key.type,
        "fingerprint": key.make_fingerprint(digest),
        "login": key.login,
        "preferred": key.preferred,
        "time": format_time(key.time),
    }


def render_ssh_key(key: SshKey) -> Payload:
    """Render a stored SSH key. The service shows only the public half."""
    return {
        "hostname": key.hostname,
        "public_key": key.public_key,
        "fingerprint": key.md5,
    }


def add_ssh_key(call: Call) -> str:
    project = call.project_to_change
    hostname, private_key = take_texts(call.body, "hostname", "private_key")
    if not (private_key.lstrip().startswith("-----BEGIN ") and "PRIVATE KEY-----" in private_key):
        raise RefusedError(_INVALID_KEY)
    _add_ssh_key(project, hostname, private_key)
    return ""


def delete_ssh_key(call: Call) -> str:
    project = call.project_to_change
    hostname, fingerprint = take_texts(call.body, "hostname", "fingerprint")
    if not _delete_ssh_key(project, hostname, fingerprint):
        raise RefusedError(Reply.json_error(404, "ssh key not found"))
    return ""


def list_checkout_keys(call: Call) -> list[Payload]:
    return [_render_checkout_key(key, digest=_choose_digest(call)) for key in call.project.checkout_keys]


def create_checkout_key(call: Call) -> Created:
    project = call.project_to_change
    match call.body.get("type"):
        case "deploy-key" | "github-user-key" as type_:
            key = _add_checkout_key(call.account, project, type_)
            return call.make_created(key, "checkout-key", key["fingerprint"])
        case _:
            raise RefusedError


def get_checkout_key(call: Call) -> Payload:
    return _render_checkout_key(_find_checkout_key(call), digest=_choose_digest(call))


def delete_checkout_key(call: Call) -> Payload:
    call.project_to_change.checkout_keys.remove(_find_checkout_key(call))
    return OK


def _find_checkout_key(call: Call) -> CheckoutKey:
    fingerprint = call.params["fingerprint"]
    key = next((key for key in call.project.checkout_keys if key.matches_fingerprint(fingerprint)), None)
    if key is None:
        raise RefusedError(Reply.json_error(404, "checkout key not found"))
    return key


def _choose_digest(call: Call) -> Literal["md5", "sha256"]:
    return "sha256" if call.query.get("digest") == "sha256" else "md5"


def _add_checkout_key(
    account: Account, project: Project, type_: str, *, login: str | None = None, **shown: str | None
) -> Payload:
    older = [attrs.evolve(key, preferred=False) for key in project.checkout_keys]
    if login is None and type_ == "github-user-key":
        login = account.user["login"]
    blob = _make_ssh_blob(f"{project.slug}#{account.created}#{len(older)}")
    key = CheckoutKey(type_, account.take_next_time(), login, preferred=True, blob=blob, **shown)
    project.checkout_keys = [key, *older]
    return _render_checkout_key(key, digest="md5")


def _add_ssh_key(
    project: Project,
    hostname: str,
    private_key: str,
    *,
    fingerprint: str | None = None,
    public_key: str | None = None,
) -> None:
    blob = _make_ssh_blob(private_key)
    key = SshKey(hostname, public_key or _format_public_key(blob), fingerprint or make_md5_fingerprint(blob))
    project.ssh_keys.append(key)


def _delete_ssh_key(project: Project, hostname: str, fingerprint: str) -> bool:
    before = len(project.ssh_keys)
    project.ssh_keys = [key for key in project.ssh_keys if (key.hostname, key.md5) != (hostname, fingerprint)]
    return len(project.ssh_keys) < before


def _format_public_key(blob: bytes) -> str:
    return f"ssh-rsa {base64.b64encode(blob).decode()}"


def _make_ssh_blob(seed: str) -> bytes:
    """Make bytes in the form of an RSA public key of 2,048 bits. The private key does not exist."""
    modulus = hashlib.shake_256(seed.encode()).digest(256)
    return b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-rsa", b"\x01\x00\x01", b"\x00" + modulus))


ROUTES: Final = (
    Route("POST", f"{PROJECT}/ssh-key", add_ssh_key),
    Route("DELETE", f"{PROJECT}/ssh-key", delete_ssh_key),
    Route("GET", _KEYS, list_checkout_keys),
    Route("POST", _KEYS, create_checkout_key, 201),
    Route("GET", f"{_KEYS}/:fingerprint", get_checkout_key),
    Route("DELETE", f"{_KEYS}/:fingerprint", delete_checkout_key),
)
