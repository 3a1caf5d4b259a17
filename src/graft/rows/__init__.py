"""Bytes, files and frames to typed columns: the only reader of rows in the house. It knows no label and no torch."""

from graft.rows.table import Table, read_frame, read_rows

__all__ = ["Table", "read_frame", "read_rows"]
