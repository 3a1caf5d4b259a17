"""Measurements: ratios against a peer in the same run, never a time alone."""
