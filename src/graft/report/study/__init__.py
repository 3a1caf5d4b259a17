"""Everything a person reads about a study: the page, the plan and the summary in the terminal."""

from graft.report.study.page import render_page, write_page
from graft.report.study.summary import plan_lines, print_summary

__all__ = ["plan_lines", "print_summary", "render_page", "write_page"]
