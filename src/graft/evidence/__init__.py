"""Scores with intervals, comparisons, verdicts and learning curves: pure functions of arrays.

Decisions: nothing here knows a model, a file or the ledger; it imports ``graft.core`` alone and can be read, tested
and trusted by itself. Every statistic has an oracle in tests/oracles.
"""
