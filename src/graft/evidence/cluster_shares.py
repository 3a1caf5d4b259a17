"""Which clusters hold more of one class than chance puts there.

Decisions: classes are drawn as for the probes (``attribute_probes``), so what may be known counts for nothing here
either, and groups move as a whole. Each cluster and class is compared with its own draws, in their deviations, and the
largest of all is judged by the largest of each draw (Westfall & Young 1993): the chance that any cluster is named where
vectors tell nothing is the level. The interval of a share pays for all that were asked too (Bonferroni); rows of a
group count as one.
"""

from dataclasses import dataclass

import numpy as np

from graft.core.intervals import Interval, wilson
from graft.evidence.attribute_probes import AskedRows

LEAST_IN_CLUSTER, _LEAST_EXPECTED = 5, 1.0


@dataclass(frozen=True)
class ClassShare:
    """The share of a class in a cluster. rows: of the cluster. share: with an interval that pays for all that were
    asked. expected: what chance, or what may be known, would give. p_value: paid for all clusters and classes."""

    cluster: int
    of_class: int
    rows: int
    share: Interval
    expected: float
    p_value: float


def cluster_shares(assignment: np.ndarray, asked: AskedRows, *, level: float = 0.95) -> list[ClassShare]:
    """The share of every class in every cluster, the surest first.

    assignment: whole numbers from 0, shape (rows,). Clusters of fewer than 5 rows (or groups), and classes of which
    chance gives one less than a row, are not asked; nothing is returned where none can be.
    """
    clusters = int(assignment.max()) + 1
    member = (assignment == np.arange(clusters)[:, None]).astype(np.float32)
    sizes = member.sum(axis=1)
    units = np.array([_units(asked, assignment == one) for one in range(clusters)])
    cells, away, counts = [], [], []
    for of_class in range(asked.count):
        drawn = np.concatenate([(asked.classes == of_class)[None], asked.draws == of_class]).astype(np.float32)
        held = member @ drawn.T
        for one in range(clusters):
            expected = float(held[one, 1:].mean())
            spread = float(held[one].std())
            if units[one] >= LEAST_IN_CLUSTER and expected >= _LEAST_EXPECTED and spread > 1e-6:
                cells.append((one, of_class, expected))
                away.append((held[one] - held[one].mean()) / spread)
                counts.append(float(held[one, 0]))
    if not cells:
        return []
    every = np.array(away)
    best = every.max(axis=0)
    sure = 1 - (1 - level) / len(cells)
    found = []
    for (one, of_class, expected), row, count in zip(cells, every, counts, strict=True):
        share = count / float(sizes[one])
        wide = wilson(share * units[one], float(units[one]), level=sure)
        p_value = float((best >= row[0] - 1e-6).mean())
        among = Interval(share, wide.low, wide.high)
        found.append(ClassShare(one, of_class, int(sizes[one]), among, expected / float(sizes[one]), p_value))
    return sorted(found, key=lambda each: (each.p_value, -(each.share.mean - each.expected)))


def _units(asked: AskedRows, inside: np.ndarray) -> int:
    return int(inside.sum()) if asked.unit is None else len(np.unique(asked.unit[inside]))
