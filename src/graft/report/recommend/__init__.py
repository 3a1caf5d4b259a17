"""The page of an evaluated recommender."""

from graft.report.recommend.page import render_recommend_page, write_recommend_page

__all__ = ["render_recommend_page", "write_recommend_page"]
