"""The history of projects as an SQLite file, for SQL, notebooks and Datasette.

It needs the extra `export`.
"""

from ._export import PARTS, ExportProgress, ExportSummary, export_builds

__all__ = ["PARTS", "ExportProgress", "ExportSummary", "export_builds"]
