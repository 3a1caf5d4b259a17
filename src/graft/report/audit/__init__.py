"""Audits for a reader: their lines, and the page."""
