"""What a watch remembers: every check, and what the next one needs to know.

Decisions: checks are rows of a Delta table, which other tools read; a check is found by the key of its rows, so the
same batch twice is one check. What the next check needs (how far the bets are, a sample of the rows since the baseline,
and marks of the rows whose labels were bet on, a file that only grows) stands beside it, written whole before the check
is in the table, with the check: what a killed writer did not put into the table the next one does, so no check is bet
on twice or never. The arrays of the bets lie in the file of the rows, those of this state beside those of the one
before, and the state says which are its own: a writer that is killed between both files leaves the bets as they were.
Of each batch a hundred rows are kept, vectors and counts, no texts; together at most five thousand. Of rows with times
what a late label is compared with is kept too, at most fifty thousand rows (see ``seen_rows``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from graft.bundle.folders import put_back
from graft.bundle.judged_rows import judged_rows, other_judged_rows, with_judged_rows
from graft.bundle.watch_erasure import (
    BASELINE,
    CHECKS,
    CONFIGURATION,
    JUDGED,
    KEPT,
    LOCK,
    MARKS,
    SEEN,
    SEGMENT,
    SINCE,
    STATE,
    baseline_seal,
)
from graft.core import foreign
from graft.core.errors import BundleError, InputError
from graft.core.files import locked, whole_file, write_json
from graft.evidence.label_arrival import LabelBets
from graft.evidence.wealth import Wealth
from graft.facts.watch import DealtWith, WatchCheck
from graft.watch.batch import Batch
from graft.watch.seen_rows import SeenRows, row_marks

OF_A_BATCH, AT_MOST = 100, 5_000
# Files as large as that are left alone: else all checks so far would be written anew every fifty checks.
_TIDIED, _WHOLE = 50, 2 << 20
_SCHEMA = pa.schema(
    [
        ("batch", pa.string()), ("number", pa.int64()), ("bundle", pa.string()), ("baseline", pa.string()),
        ("at", pa.string()), ("until", pa.string()), ("outcome", pa.string()), ("evidence", pa.float64()),
        ("record", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class WatchState:
    """Where a watch stands. number: of the last check. wealth: of the bets on all checks. bets: against the estimates
    without labels, by quality. kept: of rows since the baseline, by name: vectors, certainty, length and codes. judged:
    two numbers for each row whose label was bet on, uint64 (n, 2), so that it is bet on once. seen: rows whose labels
    may still come."""

    number: int = 0
    wealth: Wealth = field(default_factory=Wealth)
    bets: dict[str, LabelBets] = field(default_factory=dict)
    kept: dict[str, np.ndarray] = field(default_factory=dict)
    judged: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.uint64))
    seen: SeenRows = field(default_factory=SeenRows.none)

    def dealt_with(self, why: str, by: str) -> DealtWith:
        """What is said of a new start, before it is made."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return DealtWith(by=by, at=now, why=why, checks=self.wealth.days, evidence=self.wealth.capital)

    def again(self) -> "WatchState":
        """With new bets, and without the rows so far; how long labels take stays known."""
        seen = replace(self.seen, embedded=np.full(len(self.seen), np.nan))
        return replace(self, wealth=self.wealth.again(), bets={}, kept={}, judged=seen.marks, seen=seen)

    def since(self, batch: Batch, like: Batch) -> Batch:
        """The rows kept since the baseline, this batch's too, as a batch."""
        whole = _joined(self.kept, _sample(batch))
        return _as_batch(whole, like)

    def with_rows(self, batch: Batch) -> "WatchState":
        """With a sample of a batch, and at most five thousand rows in all."""
        whole = _joined(self.kept, _sample(batch))
        count = len(whole["certainty"])
        if count > AT_MOST:
            rows = np.sort(np.random.default_rng(count).permutation(count)[:AT_MOST])
            whole = {name: held[rows] for name, held in whole.items()}
        return replace(self, kept=whole)


@dataclass(frozen=True)
class History:
    """The checks of one watch. folder: of the watch. baseline: the seal of its baseline, to which the bets belong."""

    folder: Path
    baseline: str = ""

    @classmethod
    def of(cls, folder: Path) -> "History":
        """The history in a folder, of the baseline that is there now."""
        return cls(folder, baseline_seal(folder / BASELINE))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other check meanwhile. Raises InputError where the baseline was replaced since this was made: what was
        compared with the old one counts nothing beside the new one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / LOCK):
            if baseline_seal(self.folder / BASELINE) != self.baseline:
                raise InputError(
                    f"the baseline in {self.folder} was replaced while the rows were read",
                    needed="one baseline for the whole check",
                    fix="check the same rows again",
                )
            put_back(self.folder / CHECKS)
            self._finish()
            yield

    def state(self) -> WatchState:
        """Where the watch stands since its baseline. Raises BundleError where that cannot be read."""
        path = self.folder / STATE
        if not path.is_file():
            return WatchState()
        told = self._told()
        if told["baseline"] != self.baseline:
            # A new baseline: the checks stay, bets and rows begin anew.
            return WatchState(number=int(told["number"]))
        try:
            arrays = load_file(self.folder / SINCE)
            kept = {name.removeprefix(KEPT): held for name, held in arrays.items() if name.startswith(KEPT)}
            place = _bets_place(told)
            bets = {name: _bets(one, arrays, f"{place}{name}") for name, one in told["bets"].items()}
            judged = judged_rows(self.folder, told["judged"]) if "judged" in told else arrays[JUDGED]
            if judged.ndim != 2:
                # Of before rows were marked by two numbers: what was bet on cannot be told, so it begins anew.
                bets, judged = {}, np.zeros((0, 2), np.uint64)
            seen = {name.removeprefix(SEEN): held for name, held in arrays.items() if name.startswith(SEEN)}
            # A state of before they were kept has none.
            rows = SeenRows(**seen) if seen else SeenRows.none()
            return WatchState(int(told["number"]), _wealth(told["wealth"]), bets, kept, judged, rows)
        except (KeyError, TypeError, ValueError, OSError, SafetensorError) as error:
            raise self._unreadable(error) from error

    def _told(self) -> dict[str, Any]:
        """The state as it was written. Raises BundleError for anything else."""
        try:
            told = foreign.read_json(self.folder / STATE)
            if not isinstance(told, dict) or not isinstance(told["number"], int) or "baseline" not in told:
                raise ValueError("it is no state of a watch")
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise self._unreadable(error) from error
        return told

    def _unreadable(self, error: Exception) -> BundleError:
        return BundleError(
            f"{self.folder / STATE} cannot be read ({error})",
            needed="the state as Graft wrote it",
            fix="remove it to begin the bets anew; the checks stay",
        )

    def found(self, batch: str) -> WatchCheck | None:
        """The check of these rows against the baseline that is there now, if there is one."""
        there = self._frame(batch=batch, columns=["batch", "baseline", "number", "at"])
        if there is None or not (there["baseline"] == self.baseline).any():
            return None
        rows = self._frame(batch=batch)
        assert rows is not None
        rows = rows.filter(pl.col("baseline") == self.baseline)
        told = rows["record"][-1]
        return WatchCheck.from_json(told, str(self.folder / CHECKS))

    def checks(self) -> tuple[WatchCheck, ...]:
        """All checks, oldest first; of the same rows the last one."""
        return tuple(self.each())

    def each(self) -> Iterator[WatchCheck]:
        """The same, one at a time."""
        rows = self._frame()
        if rows is None:
            return
        rows = rows.unique(["batch", "baseline"], keep="last", maintain_order=True).sort("number")
        for told in rows["record"]:
            yield WatchCheck.from_json(told, str(self.folder / CHECKS))

    def add(self, found: WatchCheck, state: WatchState, batch: Batch | None) -> None:
        """Remember a check. batch: its rows, where they are new."""
        row = {
            "batch": found.batch, "number": found.number, "bundle": found.bundle, "baseline": self.baseline,
            "at": self._stamp(found.batch), "until": found.until, "outcome": found.outcome, "evidence": found.evidence,
            "record": found.to_json(),
        }  # fmt: skip
        if batch is not None:
            state = state.with_rows(batch)
        arrays = {f"{KEPT}{name}": held for name, held in state.kept.items()}
        arrays |= {f"{SEEN}{one.name}": getattr(state.seen, one.name) for one in fields(SeenRows)}
        before = self._told() if (self.folder / STATE).is_file() else {}
        written = int(before.get("written", 0)) + 1
        arrays |= self._bets_of(before)
        for name, one in state.bets.items():
            place = f"{_bets_place({'written': written})}{name}"
            arrays |= {f"{place}/logs": one.logs, f"{place}/foretold": one.foretold}
        with whole_file(self.folder / SINCE) as temporary:
            save_file({name: np.ascontiguousarray(held) for name, held in arrays.items()}, temporary)
        judged = with_judged_rows(self.folder, before.get("judged"), state.judged)
        told = {
            "baseline": self.baseline, "number": state.number, "written": written, "judged": judged,
            "wealth": {
                "log_parts": list(state.wealth.log_parts), "days": state.wealth.days, "peak": state.wealth.peak,
                "starts": state.wealth.starts,
            },
            "bets": {
                name: {
                    "batches": one.batches, "rows": one.rows, "observed": one.observed, "expected": one.expected,
                }
                for name, one in state.bets.items()
            },
        }  # fmt: skip
        # Until it is in the table the check stands here; then no longer, since it may name who flooded.
        write_json(self.folder / STATE, {**told, "check": row})
        self._append(row)
        write_json(self.folder / STATE, {**told, "check": None})
        for path in other_judged_rows(self.folder, judged):
            path.unlink(missing_ok=True)
        self._tidy(found.number)

    def _bets_of(self, told: dict[str, Any]) -> dict[str, np.ndarray]:
        """The arrays of the bets of a state that holds until another is written."""
        path, place = self.folder / SINCE, _bets_place(told)
        wanted = [f"{place}{name}/{part}" for name in told.get("bets", {}) for part in ("logs", "foretold")]
        if not wanted or not path.is_file():
            return {}
        with safe_open(path, framework="numpy") as held:
            return {name: held.get_tensor(name) for name in wanted if name in held.keys()}  # noqa: SIM118

    def _stamp(self, batch: str) -> str:
        """Now, and later than what is known of the same rows: the last said of them counts, whatever the clock does."""
        now = datetime.now(UTC)
        there = self._frame(batch=batch, columns=["batch", "number", "at"])
        if there is not None and there.height:
            last = datetime.fromisoformat(str(there["at"].max()))
            now = max(now, last + timedelta(microseconds=1))
        return now.isoformat(timespec="microseconds")

    def _finish(self) -> None:
        """Put the last check into the table where a writer was killed before it was there."""
        path = self.folder / STATE
        told = self._told() if path.is_file() else {}
        row = told.get("check")
        if not isinstance(row, dict):
            return
        there = self._frame(batch=str(row["batch"]), columns=["batch", "number", "at", "record"])
        if there is None or row["record"] not in there["record"].to_list():
            self._append(row)
        write_json(path, {**told, "check": None})

    def _append(self, row: dict[str, Any]) -> None:
        place = str(self.folder / CHECKS)
        kept = None if DeltaTable.is_deltatable(place) else CONFIGURATION
        write_deltalake(place, pa.Table.from_pylist([row], schema=_SCHEMA), mode="append", configuration=kept)

    def _frame(self, batch: str | None = None, columns: list[str] | None = None) -> pl.DataFrame | None:
        place = str(self.folder / CHECKS)
        if not DeltaTable.is_deltatable(place):
            return None
        asked = None if batch is None else [("batch", "=", batch)]
        table = DeltaTable(place).to_pyarrow_table(columns=columns, filters=asked)
        found = pl.from_arrow(table)
        assert isinstance(found, pl.DataFrame)
        return found.sort("number", "at")

    def _tidy(self, number: int) -> None:
        """Now and then many small files become one, so that ten thousand checks are still read at once."""
        if number % _TIDIED:
            return
        table = DeltaTable(str(self.folder / CHECKS))
        table.optimize.compact(target_size=_WHOLE)
        table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
        table.create_checkpoint()
        table.cleanup_metadata()


def _sample(batch: Batch) -> dict[str, np.ndarray]:
    rows = np.arange(len(batch))
    if len(rows) > OF_A_BATCH:
        rows = np.sort(np.random.default_rng(len(rows)).permutation(len(rows))[:OF_A_BATCH])
    some = batch.take(rows)
    found = {
        "vectors": some.vectors.astype(np.float16), "certainty": some.certainty, "length": some.length,
        "unknown": some.unknown, "pieces": some.pieces, "rare": some.rare,
        "cut": some.cut, "far": some.far, "decided": _bytes(some.decided), "alphabet": _bytes(some.alphabet),
        "disguise": _bytes(some.disguise), "sketch": some.sketch, MARKS: row_marks(some),
    }  # fmt: skip
    if some.groups is not None:
        found["groups"] = _bytes(some.groups)
    return found | {f"{SEGMENT}{name}": _bytes(held) for name, held in some.segments.items()}


def _joined(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if not one or not len(one["certainty"]):
        return other
    if not len(other["certainty"]):
        return one
    return {name: _stacked(one[name], other[name]) for name in other if name in one}


def _stacked(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if one.dtype == np.uint8 and one.ndim == 2 and one.shape[1] != other.shape[1]:
        width = max(one.shape[1], other.shape[1])
        one, other = (np.pad(held, ((0, 0), (0, width - held.shape[1]))) for held in (one, other))
    return np.concatenate([one, other])


def _bytes(words: np.ndarray) -> np.ndarray:
    """Words as rows of bytes, which safetensors hold."""
    told = [one.encode("utf-8", "surrogatepass") for one in words.tolist()]
    width = max(map(len, told), default=0)
    return np.frombuffer(b"".join(one.ljust(width, b"\0") for one in told), np.uint8).reshape(len(told), width).copy()


def _said(rows: np.ndarray) -> np.ndarray:
    told = [row.tobytes().rstrip(b"\0").decode("utf-8", "surrogatepass") for row in rows]
    return np.array(told, dtype=str) if told else np.zeros(0, "<U1")


def _as_batch(kept: dict[str, np.ndarray], like: Batch) -> Batch:
    count = len(kept["certainty"])
    nothing, unsaid = np.full(count, "", "<U1"), np.full(count, np.nan)
    return replace(
        like, ids=nothing, names=nothing, vectors=kept["vectors"].astype(np.float32),
        scores=np.zeros((count, like.scores.shape[1])), certainty=kept["certainty"], decided=_said(kept["decided"]),
        length=kept["length"],
        unknown=kept.get("unknown", unsaid), pieces=kept.get("pieces", unsaid), rare=kept.get("rare", unsaid),
        alphabet=_said(kept["alphabet"]),
        disguise=_said(kept["disguise"]) if "disguise" in kept else nothing,
        terms=np.full(count, "", object),
        sketch=kept.get("sketch", np.zeros((count, 0), np.uint8)), cut=kept["cut"], far=kept["far"],
        learnt=np.zeros(count, bool), groups=_said(kept["groups"]) if "groups" in kept else None, times=None,
        truth=None, event=None, embedded=None,
        segments={
            name.removeprefix(SEGMENT): _said(held) for name, held in kept.items() if name.startswith(SEGMENT)
        },
        rows_given=np.arange(count), rows=count, problems={}, notes=(), columns={},
    )  # fmt: skip


def _wealth(told: Any) -> Wealth:
    return Wealth(tuple(map(float, told["log_parts"])), int(told["days"]), float(told["peak"]), int(told["starts"]))


def _bets_place(told: dict[str, Any]) -> str:
    """Where the arrays of a state's bets begin; a state of before they were numbered has one place."""
    return f"bets/{told['written']}/" if "written" in told else "bets/"


def _bets(told: Any, arrays: dict[str, np.ndarray], place: str) -> LabelBets:
    return LabelBets(
        arrays[f"{place}/logs"], arrays[f"{place}/foretold"], int(told["batches"]), int(told["rows"]),
        float(told["observed"]), float(told["expected"]),
    )  # fmt: skip
