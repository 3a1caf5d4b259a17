"""Splits that only ever look forward in time.

Decisions: borders lie between distinct times, so rows of one moment are never divided; the training side expands from
the beginning. A training row whose unit turns up again in the test is left out of that fold, and a development row
whose unit turns up in the holdout is left out altogether.
"""

import numpy as np

from graft.core.errors import InputError
from graft.inputs.blocks import apart, too_few


def forward_holdout(
    times: np.ndarray, units: np.ndarray, *, share: float, held: np.ndarray | None, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """(holdout, development), sorted indices: the latest rows, or the given ones, and what is strictly earlier."""
    late = latest(times, share) if held is None else held
    inside = np.flatnonzero(late)
    if not len(inside):
        return inside, np.arange(len(times))
    earlier = np.flatnonzero(~late & (times < times[late].min()))
    not_earlier = len(times) - len(inside) - len(earlier)
    if not_earlier:
        notes.append(f"{not_earlier} rows are not earlier than the earlier holdout and are left out")
    development = apart(earlier, inside, units)
    if len(development) < len(earlier):
        notes.append(f"{len(earlier) - len(development)} rows are repeated later, in the holdout, and are left out")
    return inside, development


def latest(times: np.ndarray, share: float) -> np.ndarray:
    """Mask of about the latest ``share`` of the rows, (rows,); rows of one moment stay together.

    >>> latest(np.array(["2020", "2021", "2021", "2022"], dtype="datetime64[us]"), 0.25).tolist()
    [False, False, False, True]
    """
    if share <= 0:
        return np.zeros(len(times), dtype=bool)
    moments, counts = np.unique(times, return_counts=True)
    if len(moments) < 2:
        raise too_few(len(moments), 2, "distinct times", "a holdout")
    after = counts[::-1].cumsum()[::-1][1:]
    border = moments[1:][int(np.abs(after - share * len(times)).argmin())]
    return np.asarray(times >= border)


def forward_folds(
    times: np.ndarray, units: np.ndarray, development: np.ndarray, *, folds: int, notes: list[str]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(train, test) of each fold, sorted indices; adds to notes what was left out.

    Rows are cut into folds + 1 spans of about equal size; fold k tests on span k + 1 and trains on everything before.
    """
    moments, inverse, counts = np.unique(times[development], return_inverse=True, return_counts=True)
    if len(moments) < folds + 1:
        raise too_few(len(moments), folds + 1, "distinct times", f"{folds} folds forward in time")
    span_of_row = _spans(counts, folds + 1)[inverse.ravel()]
    made: list[tuple[np.ndarray, np.ndarray]] = []
    for index in range(folds):
        test = development[span_of_row == index + 1]
        before = development[span_of_row <= index]
        train = apart(before, test, units)
        if len(train) < len(before):
            notes.append(
                f"fold {index}: {len(before) - len(train)} rows are repeated in its test and left out of training"
            )
        if not len(train):
            raise InputError(
                f"fold {index}: every earlier row is repeated in its test rows",
                needed="earlier rows with other texts",
                fix="use fewer folds, or look at why the texts repeat",
            )
        made.append((train, test))
    return made


def _spans(counts: np.ndarray, spans: int) -> np.ndarray:
    """Span of each moment, (moments,): about equal in rows, in order, none empty."""
    span = np.minimum(((counts.cumsum() - counts / 2) / counts.sum() * spans).astype(np.int64), spans - 1)
    for position in range(len(span)):
        lowest = max(0, spans - (len(span) - position))
        previous = int(span[position - 1]) if position else -1
        span[position] = min(max(int(span[position]), lowest, previous), previous + 1)
    return np.asarray(span)
