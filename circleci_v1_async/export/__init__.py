"""The history of projects as an SQLite file, for SQL, notebooks and Datasette.

It needs the extra `export`.
"""

from circleci_v1_async._core.faces import show_as_home

from ._export import PARTS, ExportProgress, ExportSummary, export_builds

__all__ = ["PARTS", "ExportProgress", "ExportSummary", "export_builds"]

show_as_home(__name__)
