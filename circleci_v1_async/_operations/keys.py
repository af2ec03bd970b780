"""SSH keys and checkout keys of projects."""

from typing import Any, Final, Literal

from circleci_v1_async._core.arguments import check_one_of, check_required_text, check_secret
from circleci_v1_async._core.secret import wrap_secret
from circleci_v1_async.enums import CheckoutKeyType, CheckoutKeyTypeName
from circleci_v1_async.models import CheckoutKey, Message
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import PROJECT, project_values

_SSH_KEYS: Final = f"{PROJECT}/ssh-key"
_KEYS: Final = f"{PROJECT}/checkout-key"
_KEY: Final = f"{_KEYS}/{{fingerprint}}"


class KeyOperations(Operations):
    async def add_ssh_key(self, project: ProjectSlug | str, *, hostname: str, private_key: str) -> None:
        """Add an SSH key to a project, which its builds use to connect to a host.

        `POST /project/{project}/ssh-key` (openapi.yml: addSSHKey).

        Args:
            project: The project's slug or URL.
            hostname: The host; an empty string for all hosts.
            private_key: The private key in PEM format, without a passphrase. Errors never contain the key.

        Raises:
            BadRequestError: The service rejects the key.

        Examples:
            ```python
            import os

            key = os.environ["DEPLOY_KEY"]
            await ci.add_ssh_key("gh/acme/web", hostname="acme.example", private_key=key)
            ```
        """
        private_key = wrap_secret(private_key)
        body = {
            "hostname": check_required_text("hostname", hostname, may_be_empty=True),
            "private_key": check_secret("private_key", private_key, "a key in PEM format"),
        }
        await self.send(Request("POST", _SSH_KEYS, project_values(project), body=body, returns=None))

    async def delete_ssh_key(self, project: ProjectSlug | str, *, hostname: str, fingerprint: str) -> None:
        """Delete an SSH key from a project, which its builds used to connect to a host.

        `DELETE /project/{project}/ssh-key` (documented by CircleCI).

        Args:
            project: The project's slug or URL.
            hostname: The host that the key was added for; an empty string if it was added for all hosts.
            fingerprint: The key's MD5 fingerprint with colons, from the `ssh_keys` of `get_project_settings`.

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.

        Examples:
            ```python
            settings = await ci.get_project_settings("gh/acme/web")
            for key in settings.ssh_keys:
                if key.hostname == "acme.example" and key.fingerprint:
                    await ci.delete_ssh_key(
                        "gh/acme/web", hostname=key.hostname, fingerprint=key.fingerprint
                    )
            ```
        """
        body = {
            "hostname": check_required_text("hostname", hostname, may_be_empty=True),
            "fingerprint": check_required_text("fingerprint", fingerprint),
        }
        await self.send(Request("DELETE", _SSH_KEYS, project_values(project), body=body, returns=None))

    async def list_checkout_keys(
        self, project: ProjectSlug | str, *, digest: Literal["md5", "sha256"] | None = None
    ) -> list[CheckoutKey]:
        """List a project's checkout keys. Builds use them to check out the code.

        `GET /project/{project}/checkout-key` (openapi.yml: listCheckoutKeys; `digest` from CircleCI's docs).

        Args:
            project: The project's slug or URL.
            digest: Digest of the fingerprints: `md5`, the default, or `sha256`.

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.
        """
        query = {"digest": check_one_of("digest", digest, ("md5", "sha256"))}
        return await self.send(Request("GET", _KEYS, project_values(project), query=query, returns=list[CheckoutKey]))

    async def create_checkout_key(
        self, project: ProjectSlug | str, type: CheckoutKeyType | CheckoutKeyTypeName
    ) -> CheckoutKey:
        """Create a checkout key. Builds use it to check out the code.

        `POST /project/{project}/checkout-key` (openapi.yml: createCheckoutKey).

        Args:
            project: The project's slug or URL.
            type: The type of the key: `deploy-key` or `github-user-key`.

        Raises:
            PermissionDeniedError: The token has no permission to create the key, or it is not a personal token.

        Examples:
            ```python
            key = await ci.create_checkout_key("gh/acme/web", "deploy-key")
            print(key.fingerprint)
            ```
        """
        body = {"type": check_one_of("type", check_required_text("type", type), CheckoutKeyType)}
        return await self.send(Request("POST", _KEYS, project_values(project), body=body, returns=CheckoutKey))

    async def get_checkout_key(self, project: ProjectSlug | str, fingerprint: str) -> CheckoutKey:
        """Fetch a checkout key. Builds use it to check out the code.

        `GET /project/{project}/checkout-key/{fingerprint}` (openapi.yml: getCheckoutKey).

        Args:
            project: The project's slug or URL.
            fingerprint: The key's fingerprint: MD5 with colons, or SHA-256.

        Raises:
            NotFoundError: The key does not exist.
        """
        return await self.send(Request("GET", _KEY, _for_key(project, fingerprint), returns=CheckoutKey))

    async def delete_checkout_key(self, project: ProjectSlug | str, fingerprint: str) -> Message:
        """Delete a checkout key. Builds use it to check out the code.

        `DELETE /project/{project}/checkout-key/{fingerprint}` (openapi.yml: deleteCheckoutKey).

        Args:
            project: The project's slug or URL.
            fingerprint: The key's fingerprint: MD5 with colons, or SHA-256.

        Returns:
            A confirmation. Its `message` is `ok`.

        Raises:
            NotFoundError: The key does not exist.

        Examples:
            ```python
            for key in await ci.list_checkout_keys("gh/acme/web"):
                if not key.preferred:
                    await ci.delete_checkout_key("gh/acme/web", key.fingerprint)
            ```
        """
        return await self.send(Request("DELETE", _KEY, _for_key(project, fingerprint), returns=Message))


def _for_key(project: ProjectSlug | str, fingerprint: str) -> dict[str, Any]:
    return {**project_values(project), "fingerprint": check_required_text("fingerprint", fingerprint)}
