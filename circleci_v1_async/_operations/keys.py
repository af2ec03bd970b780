"""Keys of projects."""

from typing import Any, Final

from circleci_v1_async._core.arguments import check_one_of, check_required_text, check_secret
from circleci_v1_async._core.secret import wrap_secret
from circleci_v1_async.enums import CheckoutKeyType, CheckoutKeyTypeName
from circleci_v1_async.models import CheckoutKey, Message
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import PROJECT, project_values

__all__ = ["KeyOperations"]

_SSH_KEYS: Final = f"{PROJECT}/ssh-key"
_KEYS: Final = f"{PROJECT}/checkout-key"
_KEY: Final = f"{_KEYS}/{{fingerprint}}"


class KeyOperations(Operations):
    """Keys of projects."""

    async def add_ssh_key(self, project: ProjectSlug | str, *, hostname: str, private_key: str) -> None:
        """Give a project's builds a key to reach a host with.

        `POST /project/{project}/ssh-key` (openapi.yml: addSSHKey).

        Args:
            project: A slug or URL of it.
            hostname: The host; empty for all.
            private_key: In PEM format, without a passphrase. It is in no error.

        Raises:
            BadRequestError: The service does not take the key.

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
        """Take a key to reach a host with from a project's builds.

        `DELETE /project/{project}/ssh-key` (documented by CircleCI).

        Args:
            project: A slug or URL of it.
            hostname: The host that the key was given for; empty for all.
            fingerprint: MD5 with colons: `get_project_settings` has it in `ssh_keys`.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.

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

    async def list_checkout_keys(self, project: ProjectSlug | str, *, digest: str | None = None) -> list[CheckoutKey]:
        """The keys that builds check the code out with.

        `GET /project/{project}/checkout-key` (openapi.yml: listCheckoutKeys; `digest` from CircleCI's docs).

        An item that does not fit is left out, so the list may be shorter than the list that was sent.

        Args:
            project: A slug or URL of it.
            digest: Of the fingerprints: `md5`, as by default, or `sha256`.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.
        """
        query = {"digest": check_one_of("digest", digest, ("md5", "sha256"))}
        return await self.send(Request("GET", _KEYS, project_values(project), query=query, returns=list[CheckoutKey]))

    async def create_checkout_key(
        self, project: ProjectSlug | str, type: CheckoutKeyType | CheckoutKeyTypeName
    ) -> CheckoutKey:
        """Make a key that builds check the code out with.

        `POST /project/{project}/checkout-key` (openapi.yml: createCheckoutKey).

        Args:
            project: A slug or URL of it.
            type: `deploy-key` or `github-user-key`.

        Raises:
            PermissionDeniedError: The token may not do it, or it is not a personal one.

        Examples:
            ```python
            key = await ci.create_checkout_key("gh/acme/web", "deploy-key")
            print(key.fingerprint)
            ```
        """
        body = {"type": check_one_of("type", check_required_text("type", type), CheckoutKeyType)}
        return await self.send(Request("POST", _KEYS, project_values(project), body=body, returns=CheckoutKey))

    async def get_checkout_key(self, project: ProjectSlug | str, fingerprint: str) -> CheckoutKey:
        """A key that builds check the code out with.

        `GET /project/{project}/checkout-key/{fingerprint}` (openapi.yml: getCheckoutKey).

        Args:
            project: A slug or URL of it.
            fingerprint: MD5 with colons, or SHA-256.

        Raises:
            NotFoundError: There is no such key.
        """
        return await self.send(Request("GET", _KEY, _for_key(project, fingerprint), returns=CheckoutKey))

    async def delete_checkout_key(self, project: ProjectSlug | str, fingerprint: str) -> Message:
        """Delete a key that builds check the code out with.

        `DELETE /project/{project}/checkout-key/{fingerprint}` (openapi.yml: deleteCheckoutKey).

        Args:
            project: A slug or URL of it.
            fingerprint: MD5 with colons, or SHA-256.

        Returns:
            A confirmation, `ok`.

        Raises:
            NotFoundError: There is no such key.

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
