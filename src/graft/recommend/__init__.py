"""Placing what has no history, and letting behaviour take over."""
