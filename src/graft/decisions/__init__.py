"""Scores to calibrated probabilities, costs and decisions: pure functions of arrays.

Decisions: what a bundle must keep (calibrator, cost table, policy, conformal interval) is a frozen record that
serialises to JSON; nothing here knows a model or a file, but for the cost table the user wrote.
"""
