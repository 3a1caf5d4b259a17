"""Facts to a page, plots and words: everything a person reads about a study."""

from graft.report.page import render_page, write_page
from graft.report.plan import plan_lines
from graft.report.summary import print_summary

__all__ = ["plan_lines", "print_summary", "render_page", "write_page"]
