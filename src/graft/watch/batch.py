"""Rows as a model sees them, and nothing else of them: what a watch compares and keeps.

Decisions: everything a detector looks at is computed once, here, by the bundle that serves, so a check never reads a
row in another way than a prediction does. Texts themselves are not kept: a batch is vectors, scores and counts. Vectors
of more than 512 columns, and sparse ones, are projected onto 256 fixed random directions, which keeps distances to a
tenth or so. Rows that the model has learnt are recognised by what they say, and are not taken for new ones: what it
says of them is what its study said while it had not learnt them, where that is kept.

Achlioptas (2003), Database-friendly random projections.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from graft.bundle.answers import StudyAnswers, read_truth
from graft.bundle.bundle import Bundle
from graft.bundle.raw_scores import score
from graft.bundle.reference import why_far
from graft.core.errors import InputError
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.inputs.dataset import Dataset, build_dataset
from graft.representations.encoding.joined_encoder import cut_parts
from graft.rows import values
from graft.rows.content import TEXT
from graft.rows.content.disguise import alphabet_of, disguise_of
from graft.rows.pieces import pieces
from graft.rows.table import Table
from graft.tables.neighbourhood.labels import terms_of
from graft.watch.columns import input_columns
from graft.watch.copies import sketches
from graft.watch.reservoir import Lengths, Tally, group_ranks, kept, row_ranks
from graft.watch.row_times import RowTimes, whole_days
from graft.watch.vocabulary import known_parts, texts_read

WIDEST, PROJECTED = 512, 256
UNDECIDED = "(left to a person)"
ALONE = "(none) "  # before what names a row that belongs with no other
_TOLD = 32_768  # rows, after which a person is told again
_ALPHABET_OF = 200  # letters of a text that are looked at


@dataclass(frozen=True, eq=False)
class Batch:
    """n usable rows of a batch, and what happened to the others.

    ids: of the rows, (n,) str. names: 16 bytes each of what the row says, (n,). vectors: float32 (n, dimension), with
    no columns for a model that sees none. scores: calibrated (n, outputs), or values (n, 1). certainty: probability of
    what was decided, or the value, (n,). decided: its name, (n,) str. length: of what was read, (n,); nan where that
    has none. unknown: share of a row's tokens, or words, that the model has no entry for; pieces: of a word; rare:
    share of its words that few rows of the reference have; (n,) each, nan where that cannot be told. alphabet: of
    a text, (n,) str, "" without. disguise: of a text, (n,) str, "" for a plain one. sketch: of a
    text, uint8 (n, 32), by which near copies are found; no columns without texts. terms: of a text, object (n,), for as
    long as it is looked at; never written. cut, far, learnt: bool (n,). groups: (n,) str, or None. times:
    datetime64[us] (n,), or None. truth: class or value of each, (n,), nan where it is not known, or (n, labels).
    segments: columns by name, (n,) str each. rows_given: place of each among the rows given, int64 (n,). rows: given.
    problems: rows that could not be used, by the code. whole: what is known of all rows, where these are a sample of
    them; None where they are all there are. event, embedded, said: when each was decided, the vector it was decided by
    was made, and its label was told, in days since 1970, nan where that is not known, (n,); None where nobody asked.
    columns: what single input columns hold, by name, where there are several: numbers, and lengths of texts, nan where
    missing, or categories, "" where missing; (n,) each.
    """

    ids: np.ndarray
    names: np.ndarray
    vectors: np.ndarray
    scores: np.ndarray
    certainty: np.ndarray
    decided: np.ndarray
    length: np.ndarray
    unknown: np.ndarray
    pieces: np.ndarray
    rare: np.ndarray
    alphabet: np.ndarray
    disguise: np.ndarray
    sketch: np.ndarray
    terms: np.ndarray
    cut: np.ndarray
    far: np.ndarray
    learnt: np.ndarray
    groups: np.ndarray | None
    times: np.ndarray | None
    truth: np.ndarray | None
    segments: dict[str, np.ndarray]
    rows_given: np.ndarray
    rows: int
    problems: dict[str, int]
    notes: tuple[str, ...] = ()
    whole: "Whole | None" = None
    event: np.ndarray | None = None
    embedded: np.ndarray | None = None
    said: np.ndarray | None = None
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many usable rows."""
        return len(self.ids)

    @property
    def key(self) -> str:
        """The same for the same rows in the same order: 32 hexadecimal digits. Of rows that cannot be used, how many
        there are and why."""
        if self.whole is not None:
            return self.whole.key
        told = ["\0".join(one.tolist()) for one in (self.names, self.ids)]
        if self.problems:
            told += [str(self.rows), *(f"{code}\0{count}" for code, count in sorted(self.problems.items()))]
        made = hashlib.sha256("\1".join(told).encode("utf-8", "surrogatepass"))
        return made.hexdigest()[:32]

    def take(self, rows: np.ndarray) -> "Batch":
        """The rows at these places, or where a mask is true; what is known of all rows is not known of them."""
        taken: dict[str, Any] = {"whole": None}
        for one in fields(self):
            held = getattr(self, one.name)
            if isinstance(held, np.ndarray):
                taken[one.name] = held[rows]
        for name in ("segments", "columns"):
            taken[name] = {column: held[rows] for column, held in getattr(self, name).items()}
        return replace(self, **taken)

    def with_terms(self, terms: np.ndarray) -> "Batch":
        """The same with other words."""
        return replace(self, terms=terms)

    def with_truth(self, truth: np.ndarray) -> "Batch":
        """The same with labels."""
        return replace(self, truth=truth)


@dataclass(frozen=True, eq=False)
class Whole:
    """What is known of all rows of a batch of which a sample is kept.

    key: of all. usable: rows, those that were learnt too; learnt: of these. labelled: a sample of the rows with a
    label, without vectors; with_label: how many have one. until: the time of the newest. length: of what was read.
    counts: rows by value, for all that is counted (``decided``, ``read``, ``alphabet``, ``disguise``, ``segment NAME``)
    among those that were not learnt. cut: groups of which only a part was kept.
    """

    key: str
    usable: int
    learnt: int
    labelled: Batch
    with_label: int
    until: str
    length: Lengths
    counts: dict[str, dict[str, int]]
    cut: int


def read_batch(
    bundle: Bundle,
    rows: Any,
    *,
    group: str = "",
    segments: Sequence[str] = (),
    labels: bool = False,
    late: Mapping[str, float] | None = None,
    most: int | None = None,
    times: RowTimes | None = None,
    progress: Progress = SILENT,
) -> Batch:
    """Rows as the bundle sees them.

    rows: as ``rows.pieces`` takes them: a file or a folder of files of any size, a frame, an iterator of frames. group:
    a column whose equal cells belong together; the contract's when empty, where the rows have it. segments: columns by
    which the rows are looked at apart. labels: whether the label column is read where it is there. late: class or value
    by id, for rows whose label is not among them. most: rows that are kept; of more usable ones a sample is, in
    ``whole`` is what was counted of all, and rows that were learnt are left out. All are kept when None. times: which
    columns say when. Raises InputError where a column is missing.
    """
    reader = _Reader(bundle, group, tuple(segments), labels, late, times or RowTimes())
    told: list[Batch] = []
    sample: _Sample | None = None
    given = usable = 0
    problems: Counter[str] = Counter()
    notes: dict[str, None] = {}
    unknown = Tally()
    several = pieces(rows, columns=reader.columns)
    first, second = next(several), next(several, None)
    alone = second is None
    for table in chain([first], [] if second is None else [second], several):
        seen = reader.read(table, given, progress if alone else SILENT)
        if (given + len(table)) // _TOLD > given // _TOLD:
            progress.say(f"{given + len(table):,} rows read")
        given, usable = given + len(table), usable + len(seen.batch)
        problems.update(seen.problems)
        notes |= dict.fromkeys(table.notes)
        unknown.add(np.array(seen.unknown, dtype=str))
        if sample is not None:
            sample.offer(seen)
        elif len(seen.batch) or not told:
            told.append(seen.take(np.arange(len(seen.batch))))
            if most is not None and usable > most:
                # All rows so far, as one piece of those that follow.
                sample, told = _Sample.of(joined(told), most), []
    made = sample.batch() if sample is not None else joined(told)
    return replace(
        made, rows=given, problems=dict(problems),
        notes=(
            *notes, *_of_unknown(unknown), *_of_groups(reader), *_of_ids(bundle, first, made),
            *_of_late(late or {}, reader.met, made),
        ),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _ReadRows:
    """A piece of rows, without what is worked out of texts for those that are kept alone. texts: of each.
    unknown: labels that the model does not know. known: of rows at some places, learnt or not, what their texts are to
    the model."""

    batch: Batch
    texts: Sequence[str | None]
    problems: Mapping[str, int]
    unknown: tuple[str, ...] = ()
    known: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None

    def take(self, rows: np.ndarray) -> Batch:
        """The rows at these places, with all that is known of them."""
        some = self.batch.take(rows)
        if self.known is not None:
            unknown, in_pieces = self.known(rows, some.learnt)
            some = replace(some, unknown=unknown, pieces=in_pieces)
        if not self.texts:
            return some
        texts = [self.texts[row] or "" for row in rows.tolist()]
        return replace(some, sketch=sketches(texts), terms=np.array([_terms(one) for one in texts], dtype=object))


class _Reader:
    """Pieces of rows as a bundle sees them; what that needs of the study is read once. met: ids of the late labels
    whose row was among them. alone: rows without a group."""

    def __init__(
        self, bundle: Bundle, group: str, segments: tuple[str, ...], labels: bool, late: Mapping[str, float] | None,
        times: RowTimes,
    ) -> None:  # fmt: skip
        roles = bundle.contract.roles
        self.bundle, self.segments, self.labels, self.late = bundle, segments, labels, late
        self.asked, self.group = group, group or roles.group or ""
        self.study = StudyAnswers(bundle.folder.parent, bundle.contract)
        self.met: set[str] = set()
        self.alone = 0
        self.times = times
        said = (times.event, times.label, "" if times.table is not None else times.embedded, times.entity)
        optional = (roles.id, roles.time, self.group if group else None, *(roles.label if labels else ()), *said)
        self.columns = tuple(dict.fromkeys((*roles.inputs, *segments, *filter(None, optional))))

    def read(self, table: Table, before: int, progress: Progress) -> _ReadRows:
        """before: how many rows were given before these."""
        bundle, frame = self.bundle, table.frame
        contract = bundle.contract
        data, found = build_dataset(table, contract, labelled=False)
        wanted = (*([self.asked] if self.asked else []), *self.segments)
        if missing := [one for one in wanted if one not in frame.columns]:
            raise InputError(
                f"the rows have no column {missing[0]!r}; there are {', '.join(map(repr, frame.columns[:20]))}",
                needed="the column named",
                fix="correct its name, or leave it out",
            )
        truth, unknown = _truth(bundle, table, data) if self.labels else (None, ())
        scored = score(bundle.model, data, progress=progress)
        far = np.array([why is not None for why in why_far(bundle.reference, data.contents, scored.vectors)], bool)
        judged = bundle.decision.judge(scored.scores, far)
        texts = [one if isinstance(one, str) else None for one in data.contents] if data.kind is TEXT else []
        told: dict[int, str] = {}
        for one in found:
            told.setdefault(one.row, one.code)
        usable = set(data.rows.tolist())
        learnt = self.study.learnt(data)
        # A digest may end in a zero byte, which NumPy's strings of bytes do not keep.
        names = np.array([name.hex() for name in data.digests], dtype=str) if len(data) else np.zeros(0, "<U32")
        ids = _ids(table, data, before)
        sizes = [float(data.kind.size(one)) for one in data.contents]
        made = Batch(
            ids=ids,
            names=names,
            vectors=_vectors(scored.vectors, len(data)),
            scores=np.asarray(judged.probabilities, np.float64),
            certainty=(judged.decided if contract.task is Task.REGRESSION else judged.certainty).astype(np.float64),
            decided=_decided(bundle, judged),
            length=np.array(sizes) if not data.kind.cells else np.full(len(data), np.nan),
            unknown=np.full(len(data), np.nan),
            pieces=np.full(len(data), np.nan),
            rare=np.full(len(data), np.nan),
            alphabet=np.array([_alphabet(one) for one in texts], dtype=str) if texts else np.full(len(data), "", "<U1"),
            disguise=np.array([disguise_of(one or "") for one in texts] or [""] * len(data), dtype=str),
            sketch=np.zeros((len(data), 0), np.uint8),
            terms=np.full(len(data), "", object),
            cut=_cut(bundle, data),
            far=far,
            learnt=learnt,
            groups=self._groups(frame, data, ids) if self.group in frame.columns else None,
            times=_times(bundle, frame, data),
            truth=truth,
            segments={name: _column(frame, name, data) for name in self.segments},
            rows_given=data.rows.astype(np.int64) + before,
            rows=frame.height,
            problems={},
            columns=input_columns(frame, data),
        )  # fmt: skip
        if self.late is not None:
            names = made.ids.tolist()
            self.met.update(name for name in names if name in self.late)
            mine = np.array([self.late.get(name, np.nan) for name in names], np.float64)
            own = made.truth if made.truth is not None else np.full(len(made), np.nan)
            made = made.with_truth(np.where(np.isfinite(mine), mine, own))
        made = self._as_unlearnt(made, data) if learnt.any() else made
        made = self._timed(made, table, data.rows)
        lost = Counter(code for row, code in told.items() if row not in usable)
        return _ReadRows(made, texts, lost, unknown, partial(known_parts, bundle.model, texts_read(data)))

    def _groups(self, frame: pl.DataFrame, data: Dataset, ids: np.ndarray) -> np.ndarray:
        """The group of each row; one without belongs with no other, so it is by itself."""
        groups = _column(frame, self.group, data)
        alone = groups == ""
        if not alone.any():
            return groups
        self.alone += int(alone.sum())
        names = [f"{ALONE}{name.hex()} {one}" for name, one in zip(data.digests, ids.tolist(), strict=True)]
        return np.where(alone, np.array(names, dtype=str), groups)

    def _timed(self, made: Batch, table: Table, rows: np.ndarray) -> Batch:
        """With when rows were decided, their vectors made and their labels told, as far as they say so."""
        times, roles = self.times, self.bundle.contract.roles
        name = times.event or roles.time or ""
        if not name or (not times.event and name not in table.frame.columns):
            if times.label or times.ages:
                raise InputError(
                    f"times of {'labels' if times.label else 'vectors'}, and rows without the time of their event",
                    needed="when each row was decided",
                    fix="--times event=COLUMN",
                )
            return made
        event = times.column(table, name, what="rows")[rows]
        when = made.times
        if times.event:
            when, known = np.full(len(event), np.datetime64("NaT"), "datetime64[us]"), np.isfinite(event)
            when[known] = (event[known] * 86_400e6).round().astype(np.int64).astype("datetime64[us]")
        embedded = said = None
        if times.ages:
            embedded = times.made(table, roles.id, self._renewed)[rows]
        if times.label and times.label in table.frame.columns:
            said = times.column(table, times.label, what="rows")[rows]
            if whole_days(table.as_written(times.label)):
                # A day has room for what was decided within it.
                said = np.where((said < event) & (event < said + 1), event, said)
        return replace(made, times=when, event=event, embedded=embedded, said=said)

    @cached_property
    def _renewed(self) -> Mapping[str, float]:
        """When the rows of an embedding table were written, by id."""
        return self.times.written()

    def _as_unlearnt(self, batch: Batch, data: Dataset) -> Batch:
        """With what the study said of learnt rows while it had not learnt them, where it kept that."""
        contract = self.bundle.contract
        if contract.task is Task.MULTILABEL:
            return batch
        told, known = self.study.of("shipped", data)
        known &= batch.learnt
        if not known.any():
            return batch
        whole, certainty, decided = batch.scores.copy(), batch.certainty.copy(), batch.decided.astype(object)
        whole[known] = given = told.probabilities[known]
        if contract.task is Task.REGRESSION:
            certainty[known] = given[:, 0]
        else:
            chosen = told.decided[known]
            decided[known] = np.array([*contract.labels, UNDECIDED], object)[chosen]
            certainty[known] = np.where(chosen < 0, given.max(axis=1), given[np.arange(len(given)), chosen])
        return replace(batch, scores=whole, certainty=certainty, decided=np.asarray(decided, dtype=str))


class _Pool:
    """The rows kept so far, with their numbers."""

    def __init__(self, most: int) -> None:
        self.most, self.below = most, np.inf
        self.rows: Batch | None = None
        self.group_rank: np.ndarray | None = None
        self.row_rank = np.zeros(0)
        self.cut: set[float] = set()

    def offer(
        self, taken: Callable[[np.ndarray], Batch], asked: np.ndarray, group_rank: np.ndarray | None,
        row_rank: np.ndarray,
    ) -> None:  # fmt: skip
        """Keep some of these rows, and let some go that were kept. taken: gives rows by their places. asked: mask."""
        rank = row_rank if group_rank is None else group_rank
        places = np.flatnonzero(asked & (rank < self.below))
        if not len(places):
            return
        pool = taken(places) if self.rows is None else joined([self.rows, taken(places)])
        self.row_rank = np.concatenate([self.row_rank, row_rank[places]])
        if group_rank is not None:
            before = np.zeros(0) if self.group_rank is None else self.group_rank
            self.group_rank = np.concatenate([before, group_rank[places]])
        chosen = kept(self.group_rank, self.row_rank, self.most)
        self.rows, self.row_rank = pool.take(chosen.places), self.row_rank[chosen.places]
        if self.group_rank is not None:
            self.group_rank = self.group_rank[chosen.places]
        self.below = min(self.below, chosen.below)
        self.cut |= set(chosen.cut.tolist())


class _Sample:
    """A sample of a batch, and what is counted of all of it."""

    def __init__(self, first: Batch, most: int) -> None:
        self.key = bytes.fromhex(first.take(np.arange(most)).key)
        self.rng = row_ranks(self.key, "rows")
        self.rows, self.labelled = _Pool(most), _Pool(most)
        self.nothing = first.take(np.zeros(0, np.int64))
        self.told, self.length = hashlib.sha256(), Lengths()
        self.counts: dict[str, Tally] = {}
        self.usable = self.learnt = self.with_label = 0
        self.until = ""

    @classmethod
    def of(cls, first: Batch, most: int) -> "_Sample":
        """Of a batch whose first rows are these, more than may be kept."""
        made = cls(first, most)
        made.offer(_ReadRows(first, (), {}))
        return made

    def offer(self, seen: _ReadRows) -> None:
        """Count a piece, and keep some of its rows."""
        batch = seen.batch
        if not len(batch):
            return
        if (batch.groups is None) != (self.nothing.groups is None):
            raise InputError(
                "some of the files have the column by which rows belong together, and others do not",
                needed="the column in all of them",
                fix="add it",
            )
        pairs = zip(batch.names.tolist(), batch.ids.tolist(), strict=True)
        said = "".join(f"{name}\0{one}\1" for name, one in pairs)
        self.told.update(said.encode("utf-8", "surrogatepass"))
        fresh = ~batch.learnt
        self.usable, self.learnt = self.usable + len(batch), self.learnt + int(batch.learnt.sum())
        self._count(batch.take(fresh))
        group_rank = None if batch.groups is None else group_ranks(batch.groups, self.key)
        row_rank = self.rng.random(len(batch))
        self.rows.offer(seen.take, fresh, group_rank, row_rank)
        if batch.truth is not None:
            ripe = fresh & np.isfinite(batch.truth)
            self.with_label += int(ripe.sum())
            lean = replace(batch, vectors=batch.vectors[:, :0], sketch=batch.sketch[:, :0], columns={})
            self.labelled.offer(lean.take, ripe, group_rank, row_rank)

    def _count(self, batch: Batch) -> None:
        state = np.where(batch.cut, "cut", np.where(batch.far, "far", "read"))
        told = {"decided": batch.decided, "read": state, "alphabet": batch.alphabet, "disguise": batch.disguise}
        told |= {f"segment {name}": held for name, held in batch.segments.items()}
        for name, cells in told.items():
            self.counts.setdefault(name, Tally()).add(cells)
        self.length.add(batch.length)
        self.until = max(self.until, until(batch))

    def batch(self) -> Batch:
        """The rows that are kept, with what is known of all."""
        rows = self.rows.rows if self.rows.rows is not None else self.nothing
        labelled = self.labelled.rows if self.labelled.rows is not None else self.nothing
        cut = sum(rank < self.rows.below for rank in self.rows.cut)
        whole = Whole(
            key=self.told.hexdigest()[:32], usable=self.usable, learnt=self.learnt, labelled=labelled,
            with_label=self.with_label, until=self.until, length=self.length, cut=cut,
            counts={name: dict(tally.counts.most_common()) for name, tally in self.counts.items()},
        )  # fmt: skip
        return replace(rows, whole=whole)


def joined(several: Sequence[Batch]) -> Batch:
    """Batches of one kind, one after the other, as one. Raises InputError where only some know groups."""
    there = [one for one in several if len(one)] or list(several[:1])
    if len(there) == 1:
        return there[0]
    if len({one.groups is None for one in there}) > 1:
        raise InputError(
            "some of the files have the column by which rows belong together, and others do not",
            needed="the column in all of them",
            fix="add it",
        )
    changed: dict[str, Any] = {}
    for one in fields(Batch):
        held = [getattr(each, one.name) for each in there]
        if one.name == "times" and any(each is not None for each in held):
            none = np.datetime64("NaT")
            held = [np.full(len(each), none, "datetime64[us]") if own is None else own
                    for each, own in zip(there, held, strict=True)]  # fmt: skip
        if one.name == "truth" and any(each is not None for each in held):
            held = [np.full(len(each), np.nan) if own is None else own for each, own in zip(there, held, strict=True)]
        if all(isinstance(each, np.ndarray) for each in held):
            changed[one.name] = np.concatenate(held)
    for kind in ("segments", "columns"):
        first = getattr(there[0], kind)
        changed[kind] = {name: np.concatenate([getattr(each, kind)[name] for each in there]) for name in first}
    return replace(there[0], **changed)


def until(batch: Batch) -> str:
    """The time of the newest row, in ISO 8601; "" without times."""
    if batch.times is None:
        return ""
    there = batch.times[~np.isnat(batch.times)]
    return str(there.max()) if len(there) else ""


def _ids(table: Table, data: Dataset, before: int) -> np.ndarray:
    """The names of rows; those that have none are named by their place among all."""
    if not len(data):
        return np.zeros(0, "<U1")
    roles = data.contract.roles
    if not before:
        return np.array(data.ids, dtype=str)
    if not table.names_rows(roles.id):
        return np.array([str(row + before) for row in data.rows.tolist()], dtype=str)
    assert roles.id is not None
    there = table.as_ids(roles.id).to_list()
    pairs = zip(data.ids, data.rows.tolist(), strict=True)
    return np.array([name if there[row] is not None else f"row {row + before}" for name, row in pairs], dtype=str)


def _of_ids(bundle: Bundle, first: Table, made: Batch) -> tuple[str, ...]:
    """What to say of the ids of rows. first: of the tables they came in."""
    name = bundle.contract.roles.id
    if name is None or not len(made):
        return ()
    if name not in first.frame.columns:
        return (f"there is no column {name!r}: rows are called by their place, and labels that come later find none",)
    again = 0 if made.whole is not None else len(made) - len(np.unique(made.ids))
    said = f"{again:,} rows have the id of another row of this batch: a label that comes later is for all of them"
    return (said,) if again else ()


def _of_groups(reader: _Reader) -> tuple[str, ...]:
    if not reader.alone:
        return ()
    rows = "1 row has" if reader.alone == 1 else f"{reader.alone:,} rows have"
    return (f"{rows} nothing in {reader.group!r}, by which rows belong together: each is taken by itself",)


def _of_late(late: Mapping[str, float], met: set[str], made: Batch) -> tuple[str, ...]:
    """What to say of late labels whose row is not among the rows that can be used."""
    lost = [name for name in late if name not in met]
    if not lost:
        return ()
    if met:
        return (
            f"{len(lost):,} of {len(late):,} labels are of no row of this batch (the first is of {lost[0]!r}): those of"
            " rows of earlier checks count with --times",
        )
    row = f", the first row is {str(made.ids[0])!r}" if len(made) else ""
    return (f"none of {len(late):,} labels is of a row of this batch: the first label is of {lost[0]!r}{row}",)


def _vectors(seen: Any, count: int) -> np.ndarray:
    if seen is None:
        return np.zeros((count, 0), np.float32)
    if isinstance(seen, np.ndarray) and seen.shape[1] <= WIDEST:
        return np.asarray(seen, np.float32)
    # Of this width always the same, whatever the batch.
    rng = generator(0, "watch", "projection", str(seen.shape[1]))
    directions = (rng.integers(0, 2, size=(seen.shape[1], PROJECTED)) * 2 - 1).astype(np.float32)
    return np.asarray(seen @ (directions / np.float32(np.sqrt(PROJECTED))), np.float32)


def _decided(bundle: Bundle, judged: Any) -> np.ndarray:
    contract = bundle.contract
    if contract.task is Task.REGRESSION:
        return np.full(len(judged.decided), "", "<U1")
    if contract.task is Task.MULTILABEL:
        told = ["; ".join(contract.labels[place] for place in np.flatnonzero(row)) for row in judged.decided]
        return np.array(told, dtype=str) if told else np.zeros(0, "<U1")
    names = np.array([*contract.labels, UNDECIDED], dtype=str)
    return np.asarray(names[np.where(judged.abstained, -1, judged.decided).astype(np.int64)])


def _alphabet(text: str | None) -> str:
    """The writing system of most letters, by the names Unicode gives them; "" without letters."""
    start = (text or "")[: 4 * _ALPHABET_OF]
    if start.isascii():
        return "latin" if any(map(str.isalpha, start)) else ""
    letters = [letter for letter in start if letter.isalpha()][:_ALPHABET_OF]
    seen = Counter(map(alphabet_of, letters))
    return seen.most_common(1)[0][0].lower() if seen else ""


def _terms(text: str) -> str:
    """The words of a text, each once, in one word; pairs of characters in scripts without spaces."""
    return "\0".join(sorted({term for term in terms_of(text) if " " not in term}))


def _cut(bundle: Bundle, data: Dataset) -> np.ndarray:
    found = np.zeros(len(data), bool)
    if bundle.model.source is not None and len(data):
        for _, cut in cut_parts(bundle.model.source, data.contents):
            found |= cut
    return found


def _column(frame: pl.DataFrame, name: str, data: Dataset) -> np.ndarray:
    written = values.written_names(frame[name]).fill_null("").to_numpy()
    return np.asarray(written[data.rows], dtype=str) if len(data) else np.zeros(0, "<U1")


def _times(bundle: Bundle, frame: pl.DataFrame, data: Dataset) -> np.ndarray | None:
    name = bundle.contract.roles.time
    if not name or name not in frame.columns:
        return None
    return np.asarray(values.times(frame[name])[0][data.rows])


def notes_of(unknown: Mapping[int, str]) -> tuple[str, ...]:
    """What to say of labels that the model does not know. unknown: what is written, by row."""
    told = Tally()
    told.add(np.array(list(unknown.values()), dtype=str))
    return _of_unknown(told)


def _of_unknown(told: Tally) -> tuple[str, ...]:
    words = list(told.counts)
    if not words:
        return ()
    named = ", ".join(map(repr, words[:5])) + (" ..." if len(words) > 5 else "")
    return (
        f"{told.counts.total():,} labels are none that the model knows and were left out, so quality is told without"
        f" them: {named}",
    )  # fmt: skip


def _truth(bundle: Bundle, table: Table, data: Dataset) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The truth of each row under the contract, and what is written where no label of the model is."""
    contract = bundle.contract
    if contract.roles.label[0] not in table.frame.columns or contract.task is Task.MULTILABEL:
        return None, ()
    found = read_truth(contract, table)
    return found.values[data.rows], tuple(found.unknown.values())


def choices_of(bundle: Bundle, batch: Batch) -> np.ndarray:
    """What was decided, as class indices, -1 where it is left to a person; (n,)."""
    places = {label: place for place, label in enumerate(bundle.contract.labels)} | {UNDECIDED: -1}
    return np.array([places[one] for one in batch.decided.tolist()], np.int64)
