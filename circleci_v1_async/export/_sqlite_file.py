"""The SQLite file of an export: its tables, its rows, and what of them is complete.

All of it blocks, so it runs in a thread. A page of builds is written in one transaction with everything that belongs to
it, and with the note of which parts are complete. So a file holds whole builds only, whenever the program that wrote it
was killed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from circleci_v1_async.models import Build, Step

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["ExportFile", "Pending", "Record"]

Row = dict[str, Any]

_BUILDS: Final[dict[str, type]] = {
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
_POSITION: Final[dict[str, type]] = {"build_id": str, "position": int}
_PARTS: Final[dict[str, dict[str, type]]] = {
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
_INDEXES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("builds", ("project", "build_num")),
    ("builds", ("branch",)),
    ("builds", ("vcs_revision",)),
    ("builds", ("workflow_id",)),
    ("steps", ("name",)),
    ("tests", ("name",)),
    ("artifacts", ("path",)),
)


@attrs.frozen
class Record:
    """The content of the file about one build, to be written.

    Attributes:
        build_num: Its number.
        build: The build; `None` if its row stays as it is.
        parts: The steps, tests or artifacts, by the name of the part: those that are complete.
    """

    build_num: int
    build: Build | None
    parts: Mapping[str, Sequence[Any]]


@attrs.frozen
class Pending:
    """A build in the file that lacks something.

    Attributes:
        build_num: Its number.
        is_finished: Whether its row is final.
    """

    build_num: int
    is_finished: bool


class ExportFile:
    """A file with the builds of projects. It is used in one thread.

    Args:
        path: The file, which is made when it is missing.

    Raises:
        ModuleNotFoundError: The extra `export` is not installed.
        sqlite3.Error: The file cannot be opened, or is no database.
    """

    def __init__(self, path: Path) -> None:
        # Its methods are partly untyped.
        self._db: Any = _open(path)
        try:
            self._db.execute("PRAGMA foreign_keys = ON")
            with self._db.atomic():
                self._create_tables()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def get_known_through(self, project: str) -> int:
        """Return the newest build up to which all were read down to the first; 0 if that was never so."""
        rows = self._db.execute("SELECT known_through FROM export_progress WHERE project = ?", [project]).fetchall()
        return int(rows[0][0]) if rows else 0

    def set_known(self, project: str) -> None:
        """Note that all builds that the service has of a project are in the file, up to the newest one there."""
        with self._db.atomic():
            self._db.execute(
                "REPLACE INTO export_progress SELECT project, max(build_num) FROM builds WHERE project = ? GROUP BY 1",
                [project],
            )

    def find_complete_parts(self, project: str, build_nums: Iterable[int]) -> dict[int, set[str]]:
        """Return the names of the parts that are complete, by build."""
        complete: dict[int, set[str]] = {}
        for build_num in build_nums:
            rows = self._db.execute("SELECT part FROM export_parts WHERE build_id = ?", [_id(project, build_num)])
            complete[build_num] = {part for (part,) in rows}
        return complete

    def find_pending(self, project: str, parts: Iterable[str]) -> list[Pending]:
        """Return the builds that were unfinished when read, or lack one of the parts, newest first."""
        wanted = sorted(parts)
        marks = ", ".join("?" * len(wanted))
        rows = self._db.execute(
            "SELECT build_num, is_finished FROM builds WHERE project = ? AND (NOT is_finished OR "  # noqa: S608 - marks
            f"(SELECT count(*) FROM export_parts WHERE build_id = builds.id AND part IN ({marks})) < ?) "
            "ORDER BY build_num DESC",
            [project, *wanted, len(wanted)],
        )
        return [Pending(build_num, bool(is_finished)) for build_num, is_finished in rows]

    def write(self, project: str, records: Iterable[Record]) -> None:
        """Write builds with their parts, all of them or nothing."""
        records = list(records)
        with self._db.atomic():
            builds = [_to_build_row(project, record.build) for record in records if record.build is not None]
            self._table("builds").upsert_all(builds, pk="id")
            for part in _PARTS:
                self._replace_part(
                    part,
                    {
                        _id(project, record.build_num): _to_rows(part, record.parts[part])
                        for record in records
                        if part in record.parts
                    },
                )

    def _replace_part(self, part: str, rows_of: Mapping[str, list[Row]]) -> None:
        table = self._table(part)
        for build_id in rows_of:
            # A part may have become shorter.
            table.delete_where("build_id = ?", [build_id])
        table.upsert_all(
            (
                {"build_id": build_id, "position": position, **row}
                for build_id, rows in rows_of.items()
                for position, row in enumerate(rows)
            ),
            pk=("build_id", "position"),
        )
        self._table("export_parts").upsert_all(
            ({"build_id": build_id, "part": part} for build_id in rows_of), pk=("build_id", "part")
        )

    def _create_tables(self) -> None:
        self._table("builds").create(
            _BUILDS, pk="id", not_null={"project", "build_num", "is_finished"}, if_not_exists=True
        )
        build = [("build_id", "builds", "id")]
        for name, columns in _PARTS.items():
            self._table(name).create(
                _POSITION | columns, pk=("build_id", "position"), foreign_keys=build, if_not_exists=True
            )
        self._table("export_parts").create(
            {"build_id": str, "part": str}, pk=("build_id", "part"), foreign_keys=build, if_not_exists=True
        )
        self._table("export_progress").create(
            {"project": str, "known_through": int}, pk="project", not_null={"known_through"}, if_not_exists=True
        )
        for table, indexed in _INDEXES:
            self._table(table).create_index(indexed, if_not_exists=True)

    def _table(self, name: str) -> Any:
        return self._db.table(name)


def _open(path: Path) -> "Database":
    try:
        from sqlite_utils import Database  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The export needs sqlite-utils: pip install 'circleci-v1-async[export]'", name=error.name
        ) from None
    return Database(str(path))


def _to_rows(part: str, items: Sequence[Any]) -> list[Row]:
    if part == "steps":
        return _to_step_rows(items)
    return [{column: getattr(item, column) for column in _PARTS[part]} for item in items]


def _to_step_rows(steps: Sequence[Step]) -> list[Row]:
    """Return a row for each run of each step. The URL of the output is a secret, and left out."""
    return [
        {
            "name": step.name or action.name,
            "step": action.step,
            "node_index": action.index,
            "status": action.status,
            "exit_code": action.exit_code,
            "bash_command": action.bash_command,
            "start_time": _time(action.start_time),
            "end_time": _time(action.end_time),
            "run_time_millis": action.run_time_millis,
        }
        for step in steps
        for action in step.actions
    ]


def _to_build_row(project: str, build: Build) -> Row:
    workflow = build.workflows
    special = {
        "id": _id(project, build.build_num),
        "project": project,
        "is_finished": int(build.is_finished),
        "login": build.user and build.user.login,
        "workflow_id": workflow and workflow.workflow_id,
        "workflow_name": workflow and workflow.workflow_name,
        "queued_at": _time(build.queued_at or build.usage_queued_at),
        "start_time": _time(build.start_time),
        "stop_time": _time(build.stop_time),
    }
    return {column: special[column] if column in special else getattr(build, column) for column in _BUILDS}


def _id(project: str, build_num: int) -> str:
    return f"{project}/{build_num}"


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
