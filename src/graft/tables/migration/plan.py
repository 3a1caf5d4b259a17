"""What a migration to another space will take, before anything is changed.

Decisions: hours are the distinct texts divided by the rate measured on a sample encoded now, on this machine (an
encoder that answers from a cache measures the cache: give it none). The sample is drawn at random, so that the recall
of the adapter speaks for the table. The plan is a record of plain values; the adapter it speaks of is handed over
beside it.
"""

import shutil
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from graft.core.errors import InputError
from graft.representations.spaces import Space, content_kind
from graft.tables.index.recall import Recall
from graft.tables.migration.chosen import FEWEST_PAIRS, LEAST, Chosen, choose_adapter
from graft.tables.migration.contents import Encode, encoded, require_contents, row_contents
from graft.tables.migration.order import Hot, order_in_words, require_order
from graft.tables.migration.retrieval import (
    MARGIN,
    Questions,
    Retrieval,
    compared,
    found_share,
    label_share,
    places_of,
    require_loss,
)
from graft.tables.table import EmbeddingTable

NOT_MEASURED = "not measured: questions with wanted ids (--queries FILE) or a column of labels (--label COLUMN) tell it"


@dataclass(frozen=True)
class Inquiry:
    """What retrieval is measured by. before, after: encoders of questions, of the present space and of the new one."""

    questions: Questions
    before: Encode
    after: Encode


@dataclass(frozen=True)
class Measured:
    """An adapter's measure. kind: what it is. recall: on held-out pairs. agreement: of the two spaces themselves."""

    kind: str
    recall: Recall
    agreement: float
    usable: bool


@dataclass(frozen=True)
class MigrationPlan:
    """A migration not yet begun.

    rows: to write. texts: different ones, to encode. sampled: rows encoded to measure. rows_per_second: distinct texts
    a second. disk: bytes the new generation will take, about. free: bytes free. order: which rows come first. adapter:
    None when the table is too small to measure one. retrieval: before and after, None when there was nothing to measure
    it by.
    """

    table: str
    generation: str
    source_before: str
    source: str
    before: Space
    space: Space
    content: tuple[str, ...]
    rows: int
    texts: int
    sampled: int
    rows_per_second: float
    hours: float
    disk: int
    free: int
    order: str
    adapter: Measured | None
    retrieval: Retrieval | None = None

    @property
    def fits(self) -> bool:
        """Whether the disk has room for both generations."""
        return self.free > self.disk

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON can hold it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The plan as plain lines."""
        names = [self.source_before or self.before.fingerprint[:8], self.source or self.space.fingerprint[:8]]
        kind = content_kind(self.space).plural
        dimensions = f"{self.before.dimension} numbers before, {self.space.dimension} after"
        said = [
            f"migrate {self.table} ({self.generation}) from {names[0]} to {names[1]}: {dimensions}",
            f"rows: {self.rows:,}, of {self.texts:,} different {kind} in {', '.join(self.content)}",
            f"time: {_duration(self.hours)} at {self.rows_per_second:,.1f} {kind} a second (of {self.sampled:,} rows)",
            f"disk: about {self.disk / 1e6:,.1f} MB more until the old rows are dropped, {self.free / 1e6:,.0f} MB free"
            + ("" if self.fits else ": NOT ENOUGH"),
            f"order: {self.order}",
            f"adapter: {self._adapter_line()}",
            f"retrieval: {NOT_MEASURED if self.retrieval is None else self.retrieval.line()}",
            "meanwhile: searching, writing, deleting and erasing go on in the old rows; what changes is caught up",
            "afterwards: one step swaps, and one step returns until the old rows are dropped",
        ]
        return [*said, "nothing has been changed yet"]

    def _adapter_line(self) -> str:
        if self.adapter is None:
            return f"not measured: fewer than {FEWEST_PAIRS} rows; queries stay with the old encoder until the swap"
        one = self.adapter
        found = f"{one.kind}, recall@{one.recall.k} {one.recall} on held-out {content_kind(self.space).plural}"
        if one.usable:
            return f"{found}: queries of the new source can search the old rows until the swap"
        return (
            f"{found}: TOO WEAK, the model changed too much (the neighbours in the two spaces agree by "
            f"{one.agreement:.2f}); queries stay with the old encoder until the swap"
        )


@dataclass(frozen=True)
class Planned:
    """A plan, and the adapter it speaks of: from the new space into the old one."""

    plan: MigrationPlan
    adapter: Chosen | None


def plan_migration(
    table: EmbeddingTable,
    space: Space,
    encode: Encode,
    *,
    rng: np.random.Generator,
    source: str = "",
    content: tuple[str, ...] = (),
    hot: Hot = None,
    sample: int = 2000,
    k: int = 10,
    least: float = LEAST,
    asked: Inquiry | None = None,
    label: str | None = None,
    margin: float = MARGIN,
) -> Planned:
    """Measure on a sample what moving ``table`` to ``space`` will take. Changes nothing.

    encode: the encoder of ``space``. content: the columns to embed, those of the table when left out. hot: what comes
    first, see ``ordering``. sample: rows to encode. k, least: of the adapter, see ``choose_adapter``. asked, label:
    what retrieval is measured by before and after, questions or a column of labels; margin: the loss that is remarked
    on. Raises InputError when there is nothing to migrate or the margin is no share, TableError when the table does not
    keep its texts.
    """
    require_loss(margin)
    _require_work(table, space, sample)
    columns = require_contents(table.schema, content or table.generation.content, table.space, space)
    require_order(table.schema, hot)
    # One version, whoever writes meanwhile.
    still = table.as_of(table.version)
    kind, (ids, vectors) = content_kind(space), still.vectors()
    contents = row_contents(still.read(columns), columns, kind)
    names = [kind.digest(one) for one in contents]
    chosen = np.sort(rng.permutation(len(contents))[:sample])
    wanted = [] if asked is None else places_of(asked.questions, ids.tolist())
    chosen = np.unique(np.concatenate([chosen, *wanted]))
    labels = None if label is None else _labels(still, label)
    first = {names[row]: row for row in reversed(chosen.tolist())}
    number = {name: place for place, name in enumerate(dict.fromkeys(names[row] for row in chosen))}
    places = np.array([first[name] for name in number])
    distinct = [contents[row] for row in places]
    started = time.perf_counter()
    new = encoded(encode, distinct, space)
    rate = len(distinct) / max(time.perf_counter() - started, 1e-9)
    adapter = None
    if len(distinct) >= FEWEST_PAIRS:
        spaces = (space, table.space)
        adapter = choose_adapter(
            new, vectors[places], spaces=spaces, rng=rng, rows=vectors, places=places, k=k, least=least
        )
    spaces_of_rows = vectors[chosen], new[[number[names[row]] for row in chosen.tolist()]]
    retrieval = None
    if asked is not None:
        among = [np.searchsorted(chosen, places) for places in wanted]
        shares = [
            found_share(encode_query(asked.questions.texts), rows, among, k=k)
            for encode_query, rows in zip((asked.before, asked.after), spaces_of_rows, strict=True)
        ]
        retrieval = compared("wanted rows found", *shares, k=k, margin=margin, rng=rng)
    elif labels is not None:
        shares = [label_share(rows, labels[chosen], k=k) for rows in spaces_of_rows]
        retrieval = compared(f"neighbours with the same {label!r}", *shares, k=k, margin=margin, rng=rng)
    different = len(set(names))
    plan = MigrationPlan(
        table=table.name,
        generation=table.generation.name,
        source_before=table.generation.source,
        source=source,
        before=table.space,
        space=space,
        content=columns,
        rows=len(contents),
        texts=different,
        sampled=len(chosen),
        rows_per_second=rate,
        hours=different / rate / 3600,
        disk=_bytes_needed(table, space),
        free=shutil.disk_usage(table.path).free,
        order=order_in_words(hot),
        adapter=None if adapter is None else _measured(adapter),
        retrieval=retrieval,
    )
    return Planned(plan, adapter)


def _labels(table: EmbeddingTable, column: str) -> np.ndarray:
    """A number for each different value of a column, shape (rows,)."""
    if column not in table.schema.names:
        raise InputError(
            f"no column {column!r} in table {table.name!r}",
            needed=f"one of {', '.join(table.schema.names)}",
            fix="name the column of labels",
        )
    written = [str(one) for one in table.read([column])[column].to_pylist()]
    return np.unique(np.array(written, object).astype(str), return_inverse=True)[1]


def _require_work(table: EmbeddingTable, space: Space, sample: int) -> None:
    if space.fingerprint == table.space.fingerprint:
        raise InputError(
            f"table {table.name!r} is in this space already",
            needed="a source that makes another space",
            fix="nothing has to be migrated",
        )
    if sample < 1:
        raise InputError(f"a sample of {sample} rows", needed="at least 1", fix="leave it out")
    if not table.count():
        raise InputError(
            f"table {table.name!r} has no rows", needed="rows to migrate", fix="create a table with the new source"
        )


def _bytes_needed(table: EmbeddingTable, space: Space) -> int:
    snapshot = table.snapshot()
    present = sum(file.size for file in snapshot.files)
    besides = max(0, present - 4 * table.space.dimension * sum(file.rows for file in snapshot.files))
    return besides + 4 * space.dimension * snapshot.rows


def _measured(chosen: Chosen) -> Measured:
    return Measured(chosen.adapter.kind, chosen.recall, chosen.agreement, chosen.usable)


def _duration(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.1f} minutes"
