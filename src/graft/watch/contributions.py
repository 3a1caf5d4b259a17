"""Which rows of a batch make the difference: neighbourhoods that grew, and what the model says there.

Decision: reference and batch are put into a few neighbourhoods together, without their side, so a neighbourhood is not
made to look like drift; those are told whose share of the batch is beyond their share of the reference by more than
three standard errors, the largest growth first. Rows that are new here and there, each in another place, make no
neighbourhood: of these the share is told that is newer to the reference than nineteen of twenty of its own rows are,
by the witness of the MMD.
"""

import numpy as np
from sklearn.cluster import KMeans

from graft.evidence.shuffles import shuffles
from graft.evidence.two_samples import TwoSamples
from graft.evidence.witness import witness
from graft.facts.watch import MovedRows
from graft.watch.batch import Batch

NEIGHBOURHOODS, TOLD, EXAMPLES = 12, 3, 5
_ROWS, _ERRORS, _NEW = 4_000, 3.0, 0.05


def crowded_rows(reference: Batch, current: Batch) -> tuple[MovedRows, ...]:
    """The neighbourhoods that hold more of the batch than of the reference. Both with vectors of one width."""
    rng = np.random.default_rng(0)
    before, now = (one.vectors[np.sort(rng.permutation(len(one))[:_ROWS])] for one in (reference, current))
    pooled = np.concatenate([before, now]).astype(np.float64)
    count = min(NEIGHBOURHOODS, len(pooled) // 10)
    if count < 2 or not np.ptp(pooled, axis=0).any():
        return ()
    made = KMeans(count, n_init=1, random_state=0).fit(pooled)
    old = np.bincount(made.labels_[: len(before)], minlength=count) / len(before)
    places = made.predict(current.vectors.astype(np.float64))
    new = np.bincount(places, minlength=count) / len(current)
    error = np.sqrt(old * (1 - old) / len(before) + new * (1 - new) / len(current)) + 1e-9
    found = []
    for one in np.argsort(old - new, kind="stable")[:TOLD].tolist():
        if new[one] - old[one] <= _ERRORS * error[one]:
            continue
        inside = places == one
        away = np.square(current.vectors[inside] - made.cluster_centers_[one]).sum(axis=1)
        examples = current.ids[inside][np.argsort(away, kind="stable")[:EXAMPLES]]
        certainty = None
        if not inside.all() and np.isfinite(current.certainty).all():
            certainty = float(current.certainty[inside].mean()), float(current.certainty[~inside].mean())
        found.append(
            MovedRows(
                what=f"rows like {', '.join(examples.tolist())}",
                share=float(new[one]),
                before=float(old[one]),
                certainty=certainty,
                examples=tuple(examples.tolist()),
            )
        )
    return tuple(found)


def newest_rows(reference: Batch, current: Batch) -> tuple[MovedRows, ...]:
    """The rows of the batch that the reference has least of, where these are more than chance. Both with vectors of one
    width."""
    groups = None
    if reference.groups is not None and current.groups is not None:
        groups = (reference.groups, current.groups)
    rng = np.random.default_rng(0)
    drawn = shuffles(len(reference), len(current), rng=rng, groups=groups, draws=1)
    found = witness(TwoSamples(reference.vectors, current.vectors, drawn), rng=rng)
    before, now = found.newness
    new = now > np.quantile(before, 1 - _NEW)
    share = float(new.mean())
    error = np.sqrt(_NEW * (1 - _NEW) * (1 / len(before) + 1 / len(now)))
    if share - _NEW <= _ERRORS * error:
        return ()
    examples = tuple(current.ids[found.newest(EXAMPLES)].tolist())
    certainty = None
    if not new.all() and np.isfinite(current.certainty).all():
        certainty = float(current.certainty[new].mean()), float(current.certainty[~new].mean())
    what = f"rows like {', '.join(examples)}"
    return (MovedRows(what=what, share=share, before=_NEW, certainty=certainty, examples=examples),)
