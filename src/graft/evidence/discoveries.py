"""Many tests at once: which of them are discoveries, when at most a share of the discoveries may be false.

Decisions: p-values that come from the same draws are corrected together (``shuffles.together``), where no false one at
all is wanted. Here they are of many segments or entities, and a share of false ones is accepted. Benjamini-Hochberg
holds for independent tests and for those that go up and down together; e-values need no such thing.

Benjamini & Hochberg (1995), Controlling the false discovery rate; Wang & Ramdas (2022), False discovery rate control
with e-values.
"""

import numpy as np
from scipy import stats

from graft.core.errors import InputError


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Adjusted p-values, shape (tests,): those at most 0.05 are discoveries of which at most 5 % are false, on average.

    p_values: shape (tests,), from 0 to 1. Without tests, none.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    ps = np.asarray(p_values, dtype=np.float64)
    if ps.ndim != 1 or not ((ps >= 0) & (ps <= 1)).all():
        raise InputError(f"p-values of shape {ps.shape}, not all from 0 to 1", needed="a p-value for each test")
    return np.asarray(stats.false_discovery_control(ps, method="bh")) if len(ps) else ps


def e_benjamini_hochberg(e_values: np.ndarray, *, level: float = 0.05) -> np.ndarray:
    """Which tests are discoveries, shape (tests,), given their e-values, whatever they have in common.

    e_values: shape (tests,), 0 or more. level: how many of the discoveries may be false, on average.

    >>> e_benjamini_hochberg(np.array([90.0, 45.0, 10.0, 0.1])).tolist()
    [True, True, False, False]
    """
    es = np.asarray(e_values, dtype=np.float64)
    if es.ndim != 1 or not (es >= 0).all():
        raise InputError(f"e-values of shape {es.shape}, not all 0 or more", needed="an e-value for each test")
    if not 0 < level < 1:
        raise InputError(f"a level of {level}", needed="a share between 0 and 1", fix="use 0.05")
    ranked = np.sort(es)[::-1]
    found = np.flatnonzero(ranked * np.arange(1, len(es) + 1) >= len(es) / level)
    return es >= ranked[found[-1]] if len(found) else np.zeros(len(es), dtype=bool)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjusted p-values, shape (tests,): that any of those at most 0.05 is false has a chance of at most 5 %.

    Whatever the tests have in common.

    p_values: shape (tests,), from 0 to 1. Without tests, none.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(4).tolist()
    [0.03, 0.06, 0.06]

    Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    ps = np.asarray(p_values, dtype=np.float64)
    if ps.ndim != 1 or not ((ps >= 0) & (ps <= 1)).all():
        raise InputError(f"p-values of shape {ps.shape}, not all from 0 to 1", needed="a p-value for each test")
    order = np.argsort(ps, kind="stable")
    adjusted = np.empty(len(ps))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(ps[order] * np.arange(len(ps), 0, -1)))
    return adjusted
