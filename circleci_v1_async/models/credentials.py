"""Keys, environment variables and API tokens of projects."""

import attrs

from circleci_v1_async.enums import CheckoutKeyType, TokenScope

from ._model import Model, Timestamp, model

__all__ = ["CheckoutKey", "EnvVar", "ProjectToken", "SSHKey"]


@model(kw_only=True)
class CheckoutKey(Model):
    """The public half of a key that builds check the code out with."""

    public_key: str | None = None
    """Public key in OpenSSH's format."""

    type: CheckoutKeyType | None = None
    """Owner of the key: the repository, or a user of GitHub."""

    fingerprint: str
    """Fingerprint to get or delete the key by: MD5 with colons, or SHA-256 when that was asked for."""

    preferred: bool | None = None
    """Whether builds use this key."""

    login: str | None = None
    """Login of the user whom the key belongs to; null on deploy keys."""

    time: Timestamp | None = None
    """Time at which the key was created."""


@model(kw_only=True)
class SSHKey(Model):
    """The public half of a key that a project's builds reach other hosts with."""

    hostname: str | None = None
    """Host that the key is for; empty for all hosts."""

    public_key: str | None = None
    """Public key in OpenSSH's format."""

    fingerprint: str | None = None
    """MD5 fingerprint with colons, to delete the key by."""


@model(kw_only=True)
class EnvVar(Model):
    """An environment variable of a project."""

    name: str
    """Name of the variable."""

    value: str | None = attrs.field(default=None, repr=False)
    """End of the value behind `xxxx`: the service never sends the whole. Shown in no repr."""


@model(kw_only=True)
class ProjectToken(Model):
    """An API token of a project."""

    id: str | None = None
    """UUID to delete the token by."""

    label: str | None = None
    """Label that its creator gave it."""

    scope: TokenScope | None = None
    """Permissions of the token."""

    token: str | None = attrs.field(default=None, repr=False)
    """Token itself. Only `create_project_token` gives it, and only once; a secret, shown in no repr."""
