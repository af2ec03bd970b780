"""Export of projects' builds to an SQLite file, for SQL, notebooks and Datasette.

You must install the extra `export`.
"""

from circleci_v1_async._core.faces import show_as_home

from ._export import PARTS, ExportProgress, ExportSummary, export_builds

__all__ = ["PARTS", "ExportProgress", "ExportSummary", "export_builds"]

show_as_home(__name__)
