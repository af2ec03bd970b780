"""Keys, environment variables and API tokens of projects."""

import attrs

from circleci_v1_async.enums import CheckoutKeyType, TokenScope

from ._model import Model, Timestamp, model

__all__ = ["CheckoutKey", "EnvVar", "ProjectToken", "SSHKey"]


@model(kw_only=True)
class CheckoutKey(Model):
    """The public half of a key that builds use to check out the code."""

    public_key: str | None = None
    """Public key in OpenSSH format."""

    type: CheckoutKeyType | None = None
    """Owner of the key: the repository, or a GitHub user."""

    fingerprint: str
    """Fingerprint for getting or deleting the key: MD5 with colons, or SHA-256 if requested."""

    preferred: bool | None = None
    """Whether builds use this key."""

    login: str | None = None
    """Login of the user who owns the key; null for deploy keys."""

    time: Timestamp | None = None
    """Time at which the key was created."""


@model(kw_only=True)
class SSHKey(Model):
    """The public half of an SSH key that a project's builds use to connect to other hosts."""

    hostname: str | None = None
    """Host that the key is for; empty for all hosts."""

    public_key: str | None = None
    """Public key in OpenSSH format."""

    fingerprint: str | None = None
    """MD5 fingerprint with colons, for deleting the key."""


@model(kw_only=True)
class EnvVar(Model):
    """An environment variable of a project."""

    name: str
    """Name of the variable."""

    value: str | None = attrs.field(default=None, repr=False)
    """Masked value: `xxxx` and the end of the value. The repr omits it."""


@model(kw_only=True)
class ProjectToken(Model):
    """An API token of a project."""

    id: str | None = None
    """UUID for deleting the token."""

    label: str | None = None
    """Label, as chosen by the creator of the token."""

    scope: TokenScope | None = None
    """Permissions of the token."""

    token: str | None = attrs.field(default=None, repr=False)
    """Token itself. Only `create_project_token` returns it, once. A secret: the repr omits it."""
