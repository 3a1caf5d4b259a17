"""Rows that were checked and whose labels may still come, and which labels count by now.

Decisions: of a row is kept what its label will be compared with (scores, decision, times), a number for its id and one
for its group, no text and no vector; so a label counts whichever check it comes with. Rows are judged once their labels
have had time to come, not as soon as some have, because quick labels are not like slow ones. Of more rows than are kept
a random part stays, which is like the rest. A label of up to two hours before its event is a clock that was set back;
an earlier one is of another row, or of another zone, and does not count.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from graft.bundle.answers import read_truth
from graft.bundle.bundle import Bundle
from graft.bundle.judged_rows import one_number
from graft.bundle.watch_erasure import word_marks
from graft.core.errors import InputError
from graft.core.tasks import CLASSES, Task
from graft.evidence.label_arrival import matured, settle_labels, usual_delay
from graft.facts.watch import LabelArrivals
from graft.rows import values
from graft.rows.table import Table, read_frame
from graft.watch.batch import Batch, choices_of
from graft.watch.row_times import RowTimes, require_column, whole_days, written_day

ROWS, CELLS = 50_000, 4_000_000  # that are kept, and numbers among their scores
CLOCK, SHARE, FULL = 2 / 24, 0.9, 0.8


@dataclass(frozen=True, eq=False)
class SeenRows:
    """n rows that were checked, each array of shape (n,) unless it says otherwise.

    ids, groups: a number for the id of each and for its group, uint64. marks: two numbers, of its id and of what it
    says, uint64 (n, 2). event, embedded: when it was decided and its vector made, in days since 1970; nan where that is
    not known. scores: float32 (n, outputs). chosen: what was decided, -1 where it was left to a person. shift: how much
    more at home it is in its batch than in the reference, nan where that is not known. kind: the neighbourhood it lies
    in. label: the class or value, first and said: when it was told first and last; nan where it was not.
    """

    ids: np.ndarray
    marks: np.ndarray
    groups: np.ndarray
    event: np.ndarray
    embedded: np.ndarray
    scores: np.ndarray
    chosen: np.ndarray
    shift: np.ndarray
    kind: np.ndarray
    label: np.ndarray
    first: np.ndarray
    said: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def keys(self) -> np.ndarray:
        """One number for each row, of its id and of what it says, uint64 (n,)."""
        return one_number(self.marks)

    @classmethod
    def of(cls, bundle: Bundle, batch: Batch) -> "SeenRows":
        """The rows of a batch, without labels."""
        count, nothing = len(batch), np.full(len(batch), np.nan)
        named, marks = bundle.contract.roles.id is not None, row_marks(batch)
        classes = bundle.contract.task in CLASSES
        return cls(
            ids=marks[:, 0] if named else one_number(marks),
            marks=marks,
            groups=one_number(marks) if batch.groups is None else word_marks(batch.groups.tolist()),
            event=nothing if batch.event is None else batch.event,
            embedded=nothing if batch.embedded is None else batch.embedded,
            scores=batch.scores.astype(np.float32),
            chosen=choices_of(bundle, batch).astype(np.int32) if classes else np.zeros(count, np.int32),
            shift=nothing, kind=np.zeros(count, np.int32), label=nothing, first=nothing, said=nothing,
        )  # fmt: skip

    @classmethod
    def none(cls, outputs: int = 0) -> "SeenRows":
        """No rows."""
        whole, real = np.zeros(0, np.uint64), np.zeros(0)
        small = np.zeros(0, np.int32)
        return cls(
            whole,
            np.zeros((0, 2), np.uint64),
            whole,
            real,
            real,
            np.zeros((0, outputs), np.float32),
            small,
            real,
            small,
            real,
            real,
            real,
        )

    def take(self, rows: np.ndarray) -> "SeenRows":
        """The rows at these places, or where a mask is true."""
        return SeenRows(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    def with_rows(self, other: "SeenRows") -> "SeenRows":
        """With other rows behind them; of a row that comes again its labels are kept, of an id that means another row
        now the earlier row goes."""
        if not len(self):
            return other
        order = np.argsort(self.keys, kind="stable")
        mine, theirs = self.keys[order], other.keys
        at = np.minimum(np.searchsorted(mine, theirs), len(self) - 1)
        known = mine[at] == theirs
        told = {}
        for name in ("label", "first", "said"):
            told[name] = np.where(known, getattr(self, name)[order][at], getattr(other, name))
        rest = self.take(~np.isin(self.ids, other.ids))
        other = replace(other, **told)
        return SeenRows(
            **{one.name: np.concatenate([getattr(rest, one.name), getattr(other, one.name)]) for one in fields(self)}
        )

    def with_truth(self, keys: np.ndarray, truth: np.ndarray) -> "SeenRows":
        """With labels of which nobody knows when they were told. keys: of the rows that the labels are of."""
        order = np.argsort(keys, kind="stable")
        at = np.minimum(np.searchsorted(keys[order], self.keys), max(0, len(keys) - 1))
        hit = (keys[order][at] == self.keys) & np.isfinite(truth[order][at]) if len(keys) else np.zeros(len(self), bool)
        label, said = self.label.copy(), self.said.copy()
        label[hit], said[hit] = truth[order][at[hit]], 0.0
        return replace(self, label=label, said=said)

    def some(self) -> "SeenRows":
        """At most as many as are kept, a random part of them."""
        most = min(ROWS, CELLS // max(1, self.scores.shape[1]))
        if len(self) <= most:
            return self
        return self.take(np.sort(np.random.default_rng(len(self)).permutation(len(self))[:most]))


@dataclass(frozen=True, eq=False)
class ToldLabels:
    """Labels that were told, each array of shape (told,). ids: a number for the id of the row, uint64. labels: class or
    value. times: days since 1970. undated, unread: that were left out, for they have no time, or none that is known.
    lasts: how long a time lasts, in days: 1 where only the day was said."""

    ids: np.ndarray
    labels: np.ndarray
    times: np.ndarray
    undated: int = 0
    unread: int = 0
    lasts: float = 0.0


def told_labels(bundle: Bundle, batch: Batch, labels: Any | None, times: RowTimes) -> ToldLabels:
    """The labels of a table of their own, or of the rows where there is none. Raises InputError where columns are
    missing."""
    roles, label = bundle.contract.roles, bundle.contract.roles.label[0]
    if bundle.contract.task is Task.MULTILABEL:
        raise InputError(
            "times of labels for a model of several labels a row",
            needed="a model of classes or values",
            fix="draw rows to label with graft watch sample",
        )
    if labels is None:
        if batch.truth is None or batch.said is None:
            raise InputError(
                f"times of labels, and rows without the column {label if batch.truth is None else times.label!r}",
                needed="labels with the time they were told, in the rows or in a table of their own",
                fix="--labels labels.csv --times event=COLUMN,label=COLUMN",
            )
        marks = row_marks(batch)
        ids = marks[:, 0] if roles.id is not None else one_number(marks)
        return _told(ids, batch.truth, batch.said, 0)
    if roles.id is None:
        raise InputError(
            "labels in a table of their own, and rows without an id column",
            needed="a contract with an id column",
            fix="put the labels into the rows, or study with --id",
        )
    table = labels if isinstance(labels, Table) else read_frame(labels, empty=True)
    for name in (roles.id, label):
        require_column(table, name, what="labels")
    when = times.column(table, times.label, what="labels")
    named = values.ids(table.as_written(roles.id)).to_list()
    there = np.array([one is not None for one in named], bool)
    found = read_truth(bundle.contract, table)
    ids = word_marks([one or "" for one in named])
    made = _told(ids[there], found.values[there], when[there], len(found.unknown))
    return replace(made, lasts=float(whole_days(table.as_written(times.label))))


def _told(ids: np.ndarray, truth: np.ndarray, when: np.ndarray, unread: int) -> ToldLabels:
    known, dated = np.isfinite(truth), np.isfinite(when)
    kept = known & dated
    return ToldLabels(ids[kept], truth[kept], when[kept], int((known & ~dated).sum()), unread)


@dataclass(frozen=True, eq=False)
class Arrived:
    """Rows with the labels that count. seen: all rows, with every label told so far. counted: of them, whose labels
    had time to come and came, bool (n,). here: rows of this batch, bool (n,). fact: in numbers, None where nobody said
    when labels were told."""

    seen: SeenRows
    counted: np.ndarray
    here: np.ndarray
    fact: LabelArrivals | None

    def late(self, judged: np.ndarray) -> SeenRows:
        """Rows of earlier checks whose labels count now for the first time. judged: keys of rows that did before."""
        return self.seen.take(self.counted & ~self.here & ~np.isin(self.seen.keys, judged))


def arrived(seen: SeenRows, batch: np.ndarray, told: ToldLabels, times: RowTimes, judged: np.ndarray) -> Arrived:
    """Which labels count by now.

    batch: keys of the rows of this batch. judged: keys of rows that counted in an earlier check.
    """
    now, known = times.today, np.isin(told.ids, seen.ids)
    ids, labels, when = told.ids[known], told.labels[known], told.times[known]
    order = np.argsort(seen.ids, kind="stable")
    # A row that stands twice in a batch is told once.
    event = seen.event[order][np.searchsorted(seen.ids[order], ids)] if len(ids) else np.zeros(0)
    strange = when + told.lasts < event - CLOCK
    future = _many(when > now)
    ids, labels, when = ids[~strange], labels[~strange], np.maximum(when, np.nan_to_num(event, nan=-np.inf))[~strange]
    alone = settle_labels(ids, labels, when, now=now)
    before = np.isfinite(seen.label)
    found = settle_labels(
        np.concatenate([seen.ids[before], ids]), np.concatenate([seen.label[before], labels]),
        np.concatenate([seen.said[before], when]), now=now,
    )  # fmt: skip
    seen = _with_labels(seen, found.rows, found.labels, found.times, found.contradicting, ids, when, now)
    dated, labelled, here = np.isfinite(seen.event), np.isfinite(seen.label), np.isin(seen.keys, batch)
    delay = times.delay
    if delay is None:
        # Of labels that came without a time nobody knows how long they took.
        timed = dated & ~(labelled & np.isnan(seen.first))
        delay = usual_delay(seen.event[timed], seen.first[timed], now=now, share=SHARE).delay
    ripe = np.zeros(len(seen), bool)
    ripe[dated] = matured(seen.event[dated], now=now, delay=delay)
    counted = ripe & labelled
    share = float(counted.sum() / ripe.sum()) if ripe.any() else 0.0
    sparse = times.delay is None and bool(ripe.any()) and share < FULL
    if sparse:
        counted = np.zeros(len(seen), bool)
    later = dated & ~ripe
    ends = (seen.event + delay)[later & here]
    spans = (float(ends.min()), float(ends.max())) if len(ends) and np.isfinite(delay) else (np.nan, np.nan)
    return Arrived(
        seen, counted, here,
        LabelArrivals(
            now=written_day(now), delay=float(delay) if np.isfinite(delay) else None, given=times.delay is not None,
            share=SHARE, labelled=share, sparse=sparse, counted=_many(counted & here),
            gaps=_many(ripe & ~labelled & here), left=_many(later & here), early=_many(later & labelled & here),
            undated_rows=_many(~dated & here),
            ripe_from=written_day(spans[0]), ripe_until=written_day(spans[1]),
            late=_many(counted & ~here & ~np.isin(seen.keys, judged)), waiting=_many(later & ~here),
            repeated=alone.repeated, corrected=len(found.corrected), contradicting=len(found.contradicting),
            before_event=_many(strange), future=future, undated=told.undated, unread=told.unread,
            unknown=len(np.unique(told.ids[~known])),
        ),
    )  # fmt: skip


def _many(rows: np.ndarray) -> int:
    return int(rows.sum())


def _with_labels(
    seen: SeenRows, rows: np.ndarray, labels: np.ndarray, said: np.ndarray, torn: np.ndarray, ids: np.ndarray,
    when: np.ndarray, now: float,
) -> SeenRows:  # fmt: skip
    """With settled labels, and when the first of each row was told."""
    label, last, first = seen.label.copy(), seen.said.copy(), seen.first.copy()
    label[np.isin(seen.ids, torn)] = np.nan
    if len(rows):
        at = np.minimum(np.searchsorted(rows, seen.ids), len(rows) - 1)
        hit = rows[at] == seen.ids
        label[hit], last[hit] = labels[at[hit]], said[at[hit]]
    known = when <= now
    names, place = np.unique(ids[known], return_inverse=True)
    if len(names):
        earliest = np.full(len(names), np.inf)
        np.minimum.at(earliest, place, when[known])
        at = np.minimum(np.searchsorted(names, seen.ids), len(names) - 1)
        hit = names[at] == seen.ids
        first[hit] = np.fmin(first[hit], earliest[at[hit]])
    return replace(seen, label=label, said=last, first=first)


def row_marks(batch: Batch) -> np.ndarray:
    """Two numbers for each row, of its id and of what it says, by which it is known again; uint64 (n, 2)."""
    return np.stack([word_marks(batch.ids.tolist()), word_marks(batch.names.tolist())], axis=1)
