"""The log of explored lists: what was shown to whom, with which propensity, in the order it was answered.

Decision: the log is the whole state of exploration. A budget that is kept apart from what was shown would be wrong
after the first crash between the two, so the one is counted from the other. It is held by one process at a time from
counting to writing, and rows are on the disk before anybody sees the lists; half a line, which a kill may leave, is cut
off before anything is added.
"""

import io
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl

from graft.core.errors import InputError
from graft.core.files import locked
from graft.core.places import require_output
from graft.entities.exploration import COLUMNS, Exposures

_COUNTED = {"list": pl.Int64, "item": pl.String, "explored": pl.Boolean}


class ShownLog:
    """A CSV file of lists with exploration. path: of it, made when it is not there."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        require_output(self.path, ends=(".csv",))

    def exposures(self) -> Exposures:
        """What was answered so far. Raises InputError for a file that is no such log."""
        if not self.path.is_file() or not self.path.stat().st_size:
            return Exposures()
        try:
            shown = pl.read_csv(self.path, columns=list(_COUNTED), schema_overrides=_COUNTED)
        except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
            raise InputError(
                f"{self.path} is no log of explored lists: {str(error).splitlines()[0][:200]}",
                needed=f"a CSV file with the columns {', '.join(_COUNTED)}, as exploration writes it",
                fix="name another file; one that is not there yet is made",
            ) from error
        if missing := [name for name in _COUNTED if shown[name].null_count()]:
            raise InputError(
                f"{self.path} has rows without {missing[0]!r}",
                needed="every row whole",
                fix="restore the log from a copy: a budget that is counted from less is overspent",
            )
        return Exposures().after(shown)

    def answered(self, make: Callable[[Exposures], pl.DataFrame]) -> pl.DataFrame:
        """Lists that ``make`` answers after what was answered so far, once they are written."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.with_name(f".{self.path.name}.lock")):
            self._cut_half_a_line()
            lists = make(self.exposures())
            if missing := [name for name in COLUMNS if name not in lists.columns]:
                raise InputError(f"lists without {missing[0]!r}", needed="lists that were answered with exploration")
            written = io.BytesIO()
            lists.write_csv(written, include_header=not self.path.is_file() or not self.path.stat().st_size)
            with self.path.open("ab") as file:
                file.write(written.getvalue())
                file.flush()
                os.fsync(file.fileno())
        return lists

    def _cut_half_a_line(self) -> None:
        if not self.path.is_file() or not (size := self.path.stat().st_size):
            return
        with self.path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) == b"\n":
                return
            file.seek(0)
            file.truncate(file.read(size).rfind(b"\n") + 1)
