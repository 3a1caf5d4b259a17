"""When rows were decided, when their labels were told, and when the vectors they were decided by were made.

Decisions: times with a zone are taken as they say, times without one as of the zone that is named, UTC where none is;
an hour that the clock showed twice is taken as the first of the two, one that it left out as an hour later. Labels of
which only the day is said may be from any time of it. The vector
of a row may be of a table of its own: there the time of a row is when it was last written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from graft.core.errors import InputError
from graft.rows import values
from graft.rows.named import as_days, ids_of
from graft.rows.table import Table
from graft.tables.table import EmbeddingTable

UPDATED = "updated_at"
SPREADSHEET = (20_000, 75_000)  # days since the end of 1899 from 1954 to 2105; as seconds, one day of 1970
# After a time of day: the last part of a date looks like a zone too.
_ZONED = r"(?i)(\d[t ]\s*\d{2}|:\d{2}).*(z|utc|[+-]\d{2}(:?\d{2})?)\s*$"


@dataclass(frozen=True)
class RowTimes:
    """Which columns say when.

    event: of the rows, when each was decided; the contract's column of times when empty. label: of the labels (of the
    rows, where these carry them), when each was told; without it every label counts as soon as it is there. embedded:
    of the rows, when the vector of each was made. table: an embedding table whose rows say that instead (its column
    ``embedded``, or when each was last written); entity: the column of the rows that names its rows, the id when empty.
    delay: days by which labels have usually come; seen from those that came when None. zone: of times without one, such
    as Europe/Berlin. now: what is later is not known yet; the clock when None.
    """

    event: str = ""
    label: str = ""
    embedded: str = ""
    table: EmbeddingTable | Path | str | None = None
    entity: str = ""
    delay: float | None = None
    zone: str = ""
    now: datetime | str | None = None

    def __post_init__(self) -> None:
        if self.delay is not None and not 0 <= self.delay < np.inf:
            raise InputError(f"a delay of {self.delay} days", needed="0 or more", fix="for example 14")
        if self.entity and self.table is None:
            raise InputError(
                f"rows named by {self.entity!r} and no table", needed="the embedding table whose rows it names"
            )
        if self.zone:
            try:
                pl.Series([datetime(2024, 1, 1)]).dt.replace_time_zone(self.zone)
            except pl.exceptions.PolarsError as error:
                raise InputError(
                    f"a time zone {self.zone!r}", needed="one of the IANA names", fix="for example Europe/Berlin"
                ) from error

    @property
    def ages(self) -> bool:
        """Whether they say how old vectors are."""
        return bool(self.embedded) or self.table is not None

    @property
    def named(self) -> bool:
        """Whether anything was asked for."""
        return self != RowTimes()

    @property
    def today(self) -> float:
        """Now, in days since 1970."""
        if self.now is None:
            return datetime.now(UTC).timestamp() / 86_400
        now = pl.Series("now", [self.now])
        found = self.moments(now)[0]
        if not np.isfinite(found):
            raise InputError(f"now is {self.now!r}", needed="a date, or a time in ISO 8601", fix="2026-03-01T12:00")
        return float(found)

    def moments(self, column: pl.Series) -> np.ndarray:
        """Times as days since 1970 (UTC), float64, nan where there is none."""
        found, _ = values.times(column)
        if not self.zone:
            return as_days(found)
        local = ~np.isnat(found) & _without_zone(column)
        if local.any():
            told = pl.Series(found[local]).cast(pl.Datetime("us"))
            here = _in_zone(told, self.zone)
            # An hour that the clock left out.
            later = _in_zone(told.dt.offset_by("1h"), self.zone)
            both = pl.DataFrame({"here": here, "later": later}).select(pl.coalesce("here", "later")).to_series()
            found = found.copy()
            found[local] = (
                both.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy().astype("datetime64[us]")
            )
        return as_days(found)

    def column(self, table: Table, name: str, *, what: str) -> np.ndarray:
        """The times of a column, as ``moments``. Raises InputError where it is not there or holds nothing like it."""
        require_column(table, name, what=what)
        written = table.as_written(name)
        found = self.moments(written)
        if len(found) and written.null_count() < len(written) and not np.isfinite(found).any():
            first = written.drop_nulls()[0]
            raise InputError(
                f"column {name!r} of the {what} holds no time: {first!r}",
                needed="dates, times in ISO 8601, or numbers since 1970",
                fix="name the column of times",
            )
        _, counted, _ = values.uncounted_times(written)
        some = counted[~np.isnan(counted)]
        if len(some) and ((some >= SPREADSHEET[0]) & (some <= SPREADSHEET[1])).all():
            raise InputError(
                f"column {name!r} of the {what} holds numbers such as {some[0]:.10g}: seconds of the first of January"
                " 1970, or days as a spreadsheet counts them",
                needed="dates, times in ISO 8601, or numbers since 1970",
                fix="format the column as a date before it is exported, or add these days to 1899-12-30",
            )
        return found

    def written(self) -> Mapping[str, float]:
        """When each row of the embedding table was written, by its id; nothing without a table."""
        if self.table is None:
            return {}
        table = self.table if isinstance(self.table, EmbeddingTable) else EmbeddingTable.open(self.table)
        column = self.embedded or UPDATED
        held = pl.from_arrow(table.read(["id", column]))
        assert isinstance(held, pl.DataFrame)
        ids = ids_of(held, "id", what="table").to_list()
        return dict(zip(ids, self.moments(held[column]).tolist(), strict=True))

    def made(self, rows: Table, id_column: str | None, written: Mapping[str, float]) -> np.ndarray:
        """When the vector of each row was made, in days since 1970, nan where that is not known.

        id_column: of the rows. written: by id, for vectors of a table.
        """
        if self.table is None:
            return self.column(rows, self.embedded, what="rows")
        key = self.entity or id_column or ""
        if not key:
            raise InputError(
                "an embedding table, and rows without an id", needed="the column that names rows of the table",
                fix="--entity COLUMN",
            )  # fmt: skip
        require_column(rows, key, what="rows")
        named = values.ids(rows.as_written(key)).to_list()
        found = np.array([written.get(one, np.nan) for one in named], np.float64)
        if len(found) and not np.isfinite(found).any():
            raise InputError(
                f"no row names a row of the embedding table by {key!r} (the first is {named[0]!r})",
                needed="rows that name what they were decided by",
                fix="name the column with --entity",
            )
        return found


def require_column(table: Table, name: str, *, what: str) -> None:
    """Raise InputError where a column is not there."""
    if name not in table.frame.columns:
        raise InputError(
            f"the {what} have no column {name!r}; there are {', '.join(map(repr, table.frame.columns[:20]))}",
            needed="the column named",
            fix="correct its name, or leave it out",
        )


def whole_days(column: pl.Series) -> bool:
    """Whether a column says days and no time of day: every time in it is midnight where it was written.

    >>> whole_days(pl.Series(["2024-07-01", None])), whole_days(pl.Series(["2024-07-01 00:00", "2024-07-01 09:30"]))
    (True, False)
    """
    if isinstance(column.dtype, pl.Datetime):
        column = column.dt.replace_time_zone(None)
    found, _ = values.times(column)
    there = found[~np.isnat(found)]
    return len(there) > 0 and bool((there == there.astype("datetime64[D]")).all())


def _without_zone(column: pl.Series) -> np.ndarray:
    """Cells that do not say of which zone they are; a count of seconds is of none."""
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        return np.full(len(column), kind.time_zone is None)
    if kind == pl.Date:
        return np.ones(len(column), bool)
    _, counted, _ = values.uncounted_times(column)
    numbers = ~np.isnan(counted)
    local = numbers & values.numbers_are_dates(counted)
    if kind != pl.String:
        return np.asarray(local)
    zoned = column.str.contains(_ZONED).fill_null(value=False).to_numpy()
    return np.asarray(np.where(numbers, local, ~zoned))


def _in_zone(told: pl.Series, zone: str) -> pl.Series:
    return told.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")


def written_day(day: float) -> str:
    """Days since 1970 as a time to the second in UTC, "" where it is none."""
    if not np.isfinite(day):
        return ""
    return datetime.fromtimestamp(day * 86_400, UTC).isoformat(timespec="seconds")
