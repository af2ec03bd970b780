"""Keys of projects."""

from typing import Any, cast

from circleci_v1_async._arguments import one_of
from circleci_v1_async._caller import Caller
from circleci_v1_async._secret import hide
from circleci_v1_async.enums import CheckoutKeyType
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import CheckoutKey, Message
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .paths import in_project

__all__ = ["KeyOperations"]


class KeyOperations(Caller):
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
        """
        private_key = hide(private_key)
        if not isinstance(cast("object", private_key), str) or not private_key:
            raise InvalidInputError("private_key: expected a key in PEM format, as a string that is not empty")
        body = {"hostname": hostname, "private_key": private_key}
        await self.send(Request("POST", "/project/{project}/ssh-key", in_project(project), body=body, returns=None))

    async def list_checkout_keys(self, project: ProjectSlug | str, *, digest: str | None = None) -> list[CheckoutKey]:
        """The keys that builds check the code out with.

        `GET /project/{project}/checkout-key` (openapi.yml: listCheckoutKeys; `digest` from CircleCI's docs).

        Args:
            project: A slug or URL of it.
            digest: Of the fingerprints: `md5`, as by default, or `sha256`.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.
        """
        query = {"digest": one_of("digest", digest, ("md5", "sha256"))}
        return await self.send(Request("GET", _KEYS, in_project(project), query=query, returns=list[CheckoutKey]))

    async def create_checkout_key(self, project: ProjectSlug | str, type: CheckoutKeyType | str) -> CheckoutKey:
        """Make a key that builds check the code out with.

        `POST /project/{project}/checkout-key` (openapi.yml: createCheckoutKey).

        Args:
            project: A slug or URL of it.
            type: `deploy-key` or `github-user-key`.

        Raises:
            PermissionDeniedError: The token may not do it, or it is not a personal one.
        """
        body = {"type": one_of("type", type, CheckoutKeyType)}
        return await self.send(Request("POST", _KEYS, in_project(project), body=body, returns=CheckoutKey))

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
            A confirmation: `ok`.

        Raises:
            NotFoundError: There is no such key.
        """
        return await self.send(Request("DELETE", _KEY, _for_key(project, fingerprint), returns=Message))


_KEYS = "/project/{project}/checkout-key"
_KEY = "/project/{project}/checkout-key/{fingerprint}"


def _for_key(project: ProjectSlug | str, fingerprint: str) -> dict[str, Any]:
    return {"project": ProjectSlug.parse(project), "fingerprint": fingerprint}
