"""Scores with intervals, comparisons, verdicts and learning curves: pure functions of arrays.

Decisions: nothing here knows a model, a file or the ledger; it imports ``graft.core`` alone and can be read, tested
and trusted by itself. Every statistic has an oracle in tests/oracles.
"""

from graft.core.intervals import Interval, wilson
from graft.evidence.calibration_error import CalibrationError, calibration_error
from graft.evidence.calibration_quality import Bin, brier, coverage, log_loss, reliability_bins
from graft.evidence.choice import Choice, Entry, Prior, choose
from graft.evidence.comparison import Comparison, compare, score_interval
from graft.evidence.label_noise import Suspect, Suspicion, suspects, suspicion
from graft.evidence.learning_curve import Crossing, Curve, crossing, fit_curve
from graft.evidence.metrics import METRICS, Metric, default_metric, evaluate, metric, oriented_score
from graft.evidence.more_labels import MoreLabels, more_labels
from graft.evidence.optimism import optimism_interval
from graft.evidence.pooled import Jackknife, Pooled, jackknife
from graft.evidence.predictions import Scored
from graft.evidence.selection import paid_doubt
from graft.evidence.slices import ClassScore, SliceScore, per_class, slice_differences
from graft.evidence.transferability import logme, neighbour_agreement
from graft.evidence.verdict import Outcome, Verdict, decide_verdict

__all__ = [
    "METRICS",
    "Bin",
    "CalibrationError",
    "Choice",
    "ClassScore",
    "Comparison",
    "Crossing",
    "Curve",
    "Entry",
    "Interval",
    "Jackknife",
    "Metric",
    "MoreLabels",
    "Outcome",
    "Pooled",
    "Prior",
    "Scored",
    "SliceScore",
    "Suspect",
    "Suspicion",
    "Verdict",
    "brier",
    "calibration_error",
    "choose",
    "compare",
    "coverage",
    "crossing",
    "decide_verdict",
    "default_metric",
    "evaluate",
    "fit_curve",
    "jackknife",
    "log_loss",
    "logme",
    "metric",
    "more_labels",
    "neighbour_agreement",
    "optimism_interval",
    "oriented_score",
    "paid_doubt",
    "per_class",
    "reliability_bins",
    "score_interval",
    "slice_differences",
    "suspects",
    "suspicion",
    "wilson",
]
