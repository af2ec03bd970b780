"""Names of branches and workflows. The service percent-encodes them if they are JSON keys."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import quote, unquote

import attrs

from .branches import Branch
from .projects import Project

V = TypeVar("V")


def decode_branch_names(value: Any) -> None:
    """Decode the names of branches and workflows in projects, in place. Ignore other values."""
    match value:
        case Project(branches=dict() as branches):
            _decode_keys(branches)
            for branch in branches.values():
                _decode_keys(branch.latest_workflows)
                _decode_keys(branch.latest_completed_workflows)
        case [Project(), *_]:
            for item in cast("Iterable[Any]", value):
                decode_branch_names(item)
        case _:
            pass


def _decode_keys(named: Mapping[str, Any] | None) -> None:
    if isinstance(named, dict) and any("%" in name for name in named):
        decoded = {_decode(name): value for name, value in named.items()}
        named.clear()
        named.update(decoded)


def _decode(name: str) -> str:
    # Most encoded characters are slashes. `unquote` takes ten times as long as `replace`.
    name = name.replace("%2F", "/")
    return unquote(name) if "%" in name else name


def encode_branch_names(value: Any) -> Any:
    """Return projects with the service's encoded names. Return any other value unchanged."""
    match value:
        case Project(branches=branches) if branches:
            encoded = {name: _encode_workflow_names(branch) for name, branch in _encode_keys(branches).items()}
            return attrs.evolve(value, branches=encoded)
        case [Project(), *_]:
            return [encode_branch_names(item) for item in cast("Iterable[Any]", value)]
        case _:
            return value


def _encode_workflow_names(branch: Branch) -> Branch:
    latest, completed = branch.latest_workflows, branch.latest_completed_workflows
    if not latest and not completed:
        return branch
    return attrs.evolve(
        branch,
        latest_workflows=latest and _encode_keys(latest),
        latest_completed_workflows=completed and _encode_keys(completed),
    )


def _encode_keys(named: Mapping[str, V]) -> dict[str, V]:
    return {quote(name, safe="").replace(".", "%2E"): value for name, value in named.items()}
