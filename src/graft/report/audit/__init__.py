"""Audits for a reader: their lines, and the page."""

from graft.report.audit.page import render_audit_page, write_audit_page

__all__ = ["render_audit_page", "write_audit_page"]
