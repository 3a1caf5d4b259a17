"""The records each pillar hands on: what a study found, what a table holds.

Nothing is computed here. Pages, documents, bundles and the terminal read these records and nothing else.
"""
