"""The page of an embedding table."""

from graft.report.table.page import render_table_page, write_table_page

__all__ = ["render_table_page", "write_table_page"]
