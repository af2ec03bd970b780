"""The SQLite file of an export: writing builds, and finding incomplete builds.

All methods block, so call them in a thread. A page of builds is written in one transaction, together with the parts of
the builds and the names of the complete parts. A file therefore contains only complete builds, even if the program was
killed while it wrote. Several exports can write to one file at the same time.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import attrs

from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import Build

from ._rows import BUILDS, INDEXES, PARTS, POSITION, Row, fit_integer, make_id, to_build_row, to_part_rows

_VERSION: Final = 1
"""The file's `user_version`. It is 0 in files of version 0.1.0, and in files without an export."""
_BUSY_TIMEOUT: Final = 60.0  # seconds that a writer waits for another writer


@attrs.frozen
class Record:
    """Data of one build to write: its complete parts by name, and its row unless that stays unchanged."""

    build_num: int
    build: Build | None
    parts: Mapping[str, Sequence[Any]]


@attrs.frozen
class Pending:
    """A build in the file that was unfinished or lacks a part. `is_finished` if its row is final."""

    build_num: int
    is_finished: bool


class ExportFile:
    """A file with the builds of projects, which is created if missing. Use it in one thread only.

    A file of a newer version or another program is an `InvalidInputError`.
    """

    def __init__(self, path: Path) -> None:
        self._db = _open(path)
        try:
            self._check_version(path)
            # In WAL mode, readers and a writer do not block each other (https://www.sqlite.org/wal.html). The file
            # stays in WAL mode: otherwise, a reader could prevent the next export from turning the mode on again.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            with self._write():
                self._migrate(self._check_version(path))
                self._create_tables()
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file, and merge the write-ahead log into it, unless another program has the file open."""
        with suppress(sqlite3.Error):
            # If the file is in use, the last program to close it merges the log.
            self._db.execute("PRAGMA busy_timeout = 0")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def get_known_through(self, project: str) -> int:
        """Return the highest build number such that all builds up to it were read; 0 if there is none."""
        rows = self._db.execute("SELECT known_through FROM export_progress WHERE project = ?", [project]).fetchall()
        return int(rows[0][0]) if rows else 0

    def raise_known_through(self, project: str, build_num: int) -> None:
        """Save that the file has all builds of a project up to a number. Keep a higher saved number."""
        with self._write():
            known_through = max(build_num, self.get_known_through(project))
            self._db.execute(
                "REPLACE INTO export_progress (project, known_through) VALUES (?, ?)",
                [project, fit_integer(known_through)],
            )

    def find_complete_parts(self, project: str, build_nums: Iterable[int]) -> dict[int, set[str]]:
        """Return the names of each build's complete parts, by build number."""
        complete: dict[int, set[str]] = {}
        for build_num in build_nums:
            rows = self._db.execute("SELECT part FROM export_parts WHERE build_id = ?", [make_id(project, build_num)])
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
        return [Pending(int(build_num), bool(is_finished)) for build_num, is_finished in rows]

    def write(self, project: str, records: Iterable[Record]) -> None:
        """Write builds with their parts in one transaction."""
        records = list(records)
        with self._write():
            builds = [to_build_row(project, record.build) for record in records if record.build is not None]
            self._db.table("builds").upsert_all(builds, pk="id")
            for part in PARTS:
                self._replace_part(
                    part,
                    {
                        make_id(project, record.build_num): to_part_rows(part, record.parts[part])
                        for record in records
                        if part in record.parts
                    },
                )

    def _replace_part(self, part: str, rows_of: Mapping[str, list[Row]]) -> None:
        table = self._db.table(part)
        for build_id in rows_of:
            # Delete the old rows first: the part may have fewer rows than before.
            table.delete_where("build_id = ?", [build_id])
        table.upsert_all(
            (
                {"build_id": build_id, "position": position, **row}
                for build_id, rows in rows_of.items()
                for position, row in enumerate(rows)
            ),
            pk=("build_id", "position"),
        )
        self._db.table("export_parts").upsert_all(
            ({"build_id": build_id, "part": part} for build_id in rows_of), pk=("build_id", "part")
        )

    def _write(self) -> sqlite3.Connection:
        """Begin a transaction. Use the returned connection in a `with` block, which commits or rolls back.

        The transaction locks the file immediately: SQLite does not wait for the lock in a transaction that has already
        read (https://www.sqlite.org/lang_transaction.html).
        """
        connection: sqlite3.Connection = self._db.conn
        connection.execute("BEGIN IMMEDIATE")
        return connection

    def _check_version(self, path: Path) -> int:
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise InvalidInputError(
                f"path: expected an export with a user_version up to {_VERSION}, got {version}, "
                f"of a newer circleci-v1-async or another program: {path}"
            )
        return version

    def _migrate(self, version: int) -> None:
        """Convert the tables of an older export, if there are any, to the current version."""
        missing = [
            (table, column, kind)
            for name, columns in {"builds": BUILDS, **PARTS}.items()
            if (table := self._db.table(name)).exists()
            for column, kind in columns.items()
            if column not in table.columns_dict
        ]
        for table, column, kind in missing:
            table.add_column(column, kind)
        progress = self._db.table("export_progress")
        if (missing or version < _VERSION) and progress.exists():
            # Read all lists again, once. Before version 1, when two exports ran at the same time, an export could save
            # a higher number than the file had builds for.
            progress.delete_where()

    def _create_tables(self) -> None:
        self._db.table("builds").create(
            BUILDS, pk="id", not_null={"project", "build_num", "is_finished"}, if_not_exists=True
        )
        build = [("build_id", "builds", "id")]
        for name, columns in PARTS.items():
            self._db.table(name).create(
                POSITION | columns, pk=("build_id", "position"), foreign_keys=build, if_not_exists=True
            )
        self._db.table("export_parts").create(
            {"build_id": str, "part": str}, pk=("build_id", "part"), foreign_keys=build, if_not_exists=True
        )
        self._db.table("export_progress").create(
            {"project": str, "known_through": int}, pk="project", not_null={"known_through"}, if_not_exists=True
        )
        for table, indexed in INDEXES:
            self._db.table(table).create_index(indexed, if_not_exists=True)


def _open(path: Path) -> Any:  # sqlite_utils types its methods only in part
    try:
        from sqlite_utils import Database  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The export needs sqlite-utils: pip install 'circleci-v1-async[export]'", name=error.name
        ) from None
    # Use the absolute path: some relative paths, such as `:memory:`, do not name a file in SQLite.
    return Database(sqlite3.connect(path.absolute(), timeout=_BUSY_TIMEOUT))
