"""Whom a representation treats differently, and what may be said about it: findings with codes, severity, evidence."""
