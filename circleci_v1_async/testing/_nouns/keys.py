"""Keys, variables and tokens of an account's projects."""

import hashlib
from typing import Literal

import attrs

from circleci_v1_async.testing._nouns.builds import Payload
from circleci_v1_async.testing._nouns.projects import render_checkout_key, render_env_var, render_project_token
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.builds import (
    CheckoutKey,
    ProjectToken,
    SshKey,
    make_md5_fingerprint,
    make_stable_uuid,
)


class AccountWithKeys(Account):
    """An account whose projects have keys, variables and tokens."""

    def add_checkout_key(
        self,
        slug: str,
        *,
        type: Literal["deploy-key", "github-user-key"] = "deploy-key",
        sha256: str | None = None,
    ) -> Payload:
        """Add a checkout key, which becomes the preferred one.

        Args:
            slug: The project.
            type: "deploy-key" for a key of the project, "github-user-key" for one of the token's owner.
            sha256: The SHA-256 fingerprint, base64 without a prefix; by default computed from the key.

        Returns:
            The key as lists show it, with its MD5 fingerprint.
        """
        project = self._get_project(slug)
        older = [attrs.evolve(key, preferred=False) for key in project.checkout_keys]
        login = self.user["login"] if type == "github-user-key" else None
        blob = _make_ssh_blob(f"{project.slug}#{self._created}#{len(older)}")
        key = CheckoutKey(type, self._take_next_time(), login, preferred=True, blob=blob, sha256=sha256)
        project.checkout_keys = [key, *older]
        return render_checkout_key(key, digest="md5")

    def add_ssh_key(self, slug: str, *, hostname: str, private_key: str) -> None:
        """Store an SSH key for a host, as `POST …/ssh-key` does. Only a made-up public half is kept."""
        self._get_project(slug).ssh_keys.append(SshKey(hostname, _make_ssh_blob(private_key)))

    def delete_ssh_key(self, slug: str, *, hostname: str, fingerprint: str) -> bool:
        """Delete an SSH key of a host.

        Returns:
            Whether the key existed.
        """
        project = self._get_project(slug)
        before = len(project.ssh_keys)
        project.ssh_keys = [
            key for key in project.ssh_keys if (key.hostname, make_md5_fingerprint(key.blob)) != (hostname, fingerprint)
        ]
        return len(project.ssh_keys) < before

    def add_env_var(self, slug: str, name: str, value: str) -> Payload:
        """Add an environment variable to a project, or replace it.

        Returns:
            The variable as lists show it, masked.
        """
        self._get_project(slug).env_vars[name] = value
        return render_env_var(name, value)

    def add_project_token(self, slug: str, *, scope: str = "view-builds", label: str = "token") -> Payload:
        """Add an API token to a project. The fake does not accept it in requests.

        Returns:
            The service's answer, the only one that shows the token.
        """
        project = self._get_project(slug)
        self._created += 1
        token = ProjectToken(make_stable_uuid("token", self._created), label, scope)
        project.tokens.append(token)
        return render_project_token(token) | {"token": f"fake-project-token-{self._created}"}


def _make_ssh_blob(seed: str) -> bytes:
    """Make bytes in the form of an RSA public key of 2,048 bits, to which no private key exists."""
    modulus = hashlib.shake_256(seed.encode()).digest(256)
    return b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-rsa", b"\x01\x00\x01", b"\x00" + modulus))
