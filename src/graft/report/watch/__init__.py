"""The page of a watch."""

from graft.report.watch.page import render_watch_page, write_watch_page

__all__ = ["render_watch_page", "write_watch_page"]
