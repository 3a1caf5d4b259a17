"""Scores to calibrated probabilities, costs and decisions: pure functions of arrays.

Decisions: what a bundle must keep (calibrator, cost table, policy, conformal interval) is a frozen record that
serialises to JSON; nothing here knows a model or a file, but for the cost table the user wrote.
"""

from graft.decisions.calibration import CalibrationChoice, MethodLoss, fit_calibrator, fit_method
from graft.decisions.calibrators import Calibrator, Identity, Isotonic, Platt, Temperature, calibrator_from_json
from graft.decisions.conformal import ConformalInterval, fit_conformal
from graft.decisions.costs import CostTable, costs_from_mapping, load_costs
from graft.decisions.policy import BinaryThreshold, Decisions, Policy, fit_policy
from graft.decisions.spending import PolicyCost, compare_policies, cost_per_thousand, realised_cost

__all__ = [
    "BinaryThreshold",
    "CalibrationChoice",
    "Calibrator",
    "ConformalInterval",
    "CostTable",
    "Decisions",
    "Identity",
    "Isotonic",
    "MethodLoss",
    "Platt",
    "Policy",
    "PolicyCost",
    "Temperature",
    "calibrator_from_json",
    "compare_policies",
    "cost_per_thousand",
    "costs_from_mapping",
    "fit_calibrator",
    "fit_conformal",
    "fit_method",
    "fit_policy",
    "load_costs",
    "realised_cost",
]
