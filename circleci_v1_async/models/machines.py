"""Configuration of a build, and the machines that ran it."""

from collections.abc import Mapping
from typing import Any

from ._model import Model, model

__all__ = ["BuildAgent", "CircleYml", "Node", "Picard"]


@model(kw_only=True)
class CircleYml(Model):
    """The configuration of a build."""

    string: str | None = None
    """Content of the YAML file; absent if the build had no configuration file."""


@model(kw_only=True)
class BuildAgent(Model):
    """The program that ran a build."""

    image: str | None = None
    """Container image of the agent."""

    properties: Mapping[str, Any] | None = None
    """Properties of the agent's location, such as `availability_zone`; often absent."""


@model(kw_only=True)
class Picard(Model):
    """The executor of a build and its resources. `Picard` is CircleCI's name for it."""

    executor: str | None = None
    """Kind of executor, such as `docker`."""

    resource_class: Mapping[str, Any] | None = None
    """Size of the machine: `class`, `name`, `cpu` (cores) and `ram` (MiB)."""

    build_agent: BuildAgent | None = None
    """Program that ran the build; sometimes absent."""


@model(kw_only=True)
class Node(Model):
    """A container of a build on CircleCI 1.0, for SSH access."""

    public_ip_addr: str | None = None
    """IP address of the container."""

    port: int | None = None
    """SSH port."""

    username: str | None = None
    """User name for the login."""

    image_id: str | None = None
    """Image of the container; null for many builds."""

    ssh_enabled: bool | None = None
    """Whether SSH access was requested; null for many builds."""
