"""A history to export, and what an export has written."""

import sqlite3
from contextlib import closing

__all__ = ["TABLES", "add_history", "read_tables"]

TABLES = ("builds", "steps", "tests", "artifacts", "export_parts", "export_progress")


def add_history(fake, project, builds):
    """Fill a project with builds that have steps, tests and artifacts. Every seventh still runs."""
    fake.add_project(project)
    for number in range(1, builds + 1):
        status = "running" if number % 7 == 0 else ("failed", "success")[number % 2]
        fake.add_build(project, status=status, branch=("main", "dev")[number % 2], steps=("checkout", "pytest"))
        fake.add_test(project, number, name=f"test_{number}", run_time=0.5)
        fake.add_artifact(project, number, f"dist/{number}.txt", b"text")


def read_tables(path):
    """All rows of all tables of an export."""
    with closing(sqlite3.connect(path)) as db:
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TABLES}  # noqa: S608
