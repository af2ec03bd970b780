"""Tables of an export, and the rows of builds and their parts. No I/O."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from circleci_v1_async.models import Build

Row = dict[str, Any]

BUILDS: Final[dict[str, type]] = {
    "id": str,
    "project": str,
    "build_num": int,
    "is_finished": int,
    "status": str,
    "outcome": str,
    "lifecycle": str,
    "branch": str,
    "vcs_tag": str,
    "vcs_revision": str,
    "subject": str,
    "why": str,
    "login": str,
    "workflow_id": str,
    "workflow_name": str,
    "job": str,
    "queued_at": str,
    "start_time": str,
    "stop_time": str,
    "build_time_millis": int,
    "build_url": str,
}
POSITION: Final[dict[str, type]] = {"build_id": str, "position": int}
PARTS: Final[dict[str, dict[str, type]]] = {
    "steps": {
        "name": str,
        "step": int,
        "node_index": int,
        "status": str,
        "exit_code": int,
        "bash_command": str,
        "start_time": str,
        "end_time": str,
        "run_time_millis": int,
    },
    "tests": {
        "name": str,
        "classname": str,
        "file": str,
        "result": str,
        "message": str,
        "run_time": float,
        "source": str,
    },
    "artifacts": {"path": str, "node_index": int, "url": str},
}
INDEXES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("builds", ("project", "build_num")),
    ("builds", ("branch",)),
    ("builds", ("vcs_revision",)),
    ("builds", ("workflow_id",)),
    ("steps", ("name",)),
    ("tests", ("name",)),
    ("artifacts", ("path",)),
)


def to_part_rows(part: str, items: Sequence[Any]) -> list[Row]:
    """Return a row for each item or step run. URLs of outputs are left out, because they are secrets."""
    if part != "steps":
        return [_to_row(item, PARTS[part]) for item in items]
    return [
        _to_row(action, PARTS["steps"], name=step.name or action.name, node_index=action.index)
        for step in items
        for action in step.actions
    ]


def to_build_row(project: str, build: Build) -> Row:
    workflow = build.workflows
    return _to_row(
        build,
        BUILDS,
        id=make_id(project, build.build_num),
        project=project,
        is_finished=int(build.is_finished),
        login=build.user and build.user.login,
        workflow_id=workflow and workflow.workflow_id,
        workflow_name=workflow and workflow.workflow_name,
        queued_at=build.queued_at or build.usage_queued_at,
    )


def make_id(project: str, build_num: int) -> str:
    return f"{project}/{build_num}"


def fit_integer(number: int) -> int | str:
    """Return an integer in a form that SQLite can store: an integer beyond 64 bits becomes a string.

    The string has the form `9_223_372_036_854_775_808`. Without underscores, an integer column would convert the string
    to a rounded float (https://www.sqlite.org/datatype3.html#type_affinity). `int()` reads both forms.
    """
    return number if -(2**63) <= number < 2**63 else f"{number:_}"


def _to_row(source: object, columns: Iterable[str], **special: Any) -> Row:
    """Return the values of the columns: special ones, or attributes of the same name."""
    values = ((column, special[column] if column in special else getattr(source, column)) for column in columns)
    return {column: _to_stored(value) for column, value in values}


def _to_stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return fit_integer(value) if isinstance(value, int) else value
