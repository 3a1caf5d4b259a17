"""Single input columns of a batch: which of them moved, named, with what a reader would call it.

Decisions: where a model reads one column of content alone, what it holds is looked at by everything else; of several,
and of numbers and categories, each is looked at by itself. A baseline keeps of each row what the test needs and no
more: of a number which of at most 255 values of its column it does not exceed; of a category its name where five rows
or more have it, else a number that stands for it, so that it is known to be there and not called new; of a text its
length. That many rows are kept of the largest reference. What is told of single columns has been paid for among all
questions of all columns, and these together as one detector of the check.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import polars as pl

from graft.evidence.column_shift import MATTERS, ColumnShift, column_shifts
from graft.evidence.shuffles import Shuffles
from graft.facts.watch import ColumnFact
from graft.inputs.dataset import Dataset
from graft.rows import values

KEPT_VALUES, LEAST_ROWS = 255, 5
_NAMED, _MOST_TOLD = 3, 20
_RARE = "\0"  # before the number that stands for a rare category; no cell begins so


def input_columns(frame: pl.DataFrame, data: Dataset) -> dict[str, np.ndarray]:
    """What each input column holds, by name; of texts how long they are. Nothing where a single column of content is
    all there is."""
    roles = data.contract.roles
    found: dict[str, np.ndarray] = {}
    if data.kind.cells:
        cells = [row.values for row in data.contents]
        for place, name in enumerate((*roles.numeric, *roles.categorical)):
            held = [row[place] for row in cells]
            found[name] = _numbers(held) if name in roles.numeric else _words(held)
        return found
    found |= {name: data.numeric[:, place].astype(np.float64) for place, name in enumerate(roles.numeric)}
    found |= {name: _words(data.categorical[:, place].tolist()) for place, name in enumerate(roles.categorical)}
    texts = dict(roles.parts).get("text", ())
    if len(roles.inputs) < 2:
        return found
    for name in texts:
        lengths = values.words(frame[name]).str.len_chars().cast(pl.Float64).to_numpy()
        found[name] = np.asarray(lengths[data.rows], np.float64)
    return found


def as_kept(columns: Mapping[str, np.ndarray]) -> dict[str, pl.Series]:
    """What a baseline keeps of the columns of its rows."""
    found: dict[str, pl.Series] = {}
    for name, held in columns.items():
        if held.dtype.kind != "f":
            found[name] = pl.Series(_without_rare(held).tolist(), dtype=pl.String)
            continue
        known = np.unique(held[np.isfinite(held)])
        if len(known) > KEPT_VALUES:
            shares = np.arange(1, KEPT_VALUES + 1) / KEPT_VALUES
            known = np.unique(np.quantile(held[np.isfinite(held)], shares, method="higher"))
        kept = held.copy()
        there = np.isfinite(held)
        if there.any():
            kept[there] = known[np.searchsorted(known, held[there])]
        found[name] = pl.Series(kept, dtype=pl.Float64)
    return found


def from_kept(column: pl.Series) -> np.ndarray:
    """A column as a baseline kept it."""
    if column.dtype.is_float():
        return column.to_numpy()
    return np.array(column.fill_null("").to_list(), dtype=str) if len(column) else np.zeros(0, "<U1")


def comparable(
    reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Both so that equal categories are equal words: those of few rows stand as their number."""
    before, now = {}, {}
    for name, held in reference.items():
        if name not in current or (held.dtype.kind == "f") != (current[name].dtype.kind == "f"):
            continue
        before[name] = held
        now[name] = current[name] if held.dtype.kind == "f" else _matched(current[name], held)
    return before, now


def moved_columns(
    reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray], draws: Shuffles, *, adjusted: float,
    level: float, ever: Mapping[str, np.ndarray],
) -> tuple[ColumnFact, ...]:  # fmt: skip
    """What moved in which column; the column that moved most where none does by itself. adjusted: p-value of all of
    them together in their check. ever: what the whole reference has, of which some rows are compared."""
    before, now = comparable(reference, current)
    found = column_shifts(before, now, draws)
    named = [one for one in found if one.adjusted <= level] or list(found[:1])
    facts = [_fact(one, reference, current, ever, max(adjusted, one.adjusted)) for one in named]
    # What is new explains that values moved, by about as much.
    new = {one.column: one.effect.mean for one in facts if one.what == "new"}
    facts = [
        one
        for one in facts
        if one.what != "values" or one.column not in new or one.effect.mean >= new[one.column] + one.matters / 2
    ]
    return tuple(sorted(facts, key=lambda one: (not one.large, one.adjusted, -one.effect.mean / one.matters)))[
        :_MOST_TOLD
    ]


def _fact(
    one: ColumnShift, reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray],
    ever: Mapping[str, np.ndarray], adjusted: float,
) -> ColumnFact:  # fmt: skip
    before, now = reference[one.column], current[one.column]
    gone = tuple(_absent(held).mean() if len(held) else 0.0 for held in (before, now))
    if one.what == "missing":
        said = f"{_percent(gone[1])} missing, {_percent(gone[0])} before"
    elif one.what == "new":
        said = _new_said(before, now, ever.get(one.column, before))
    elif before.dtype.kind == "f":
        said = _numbers_said(before[~_absent(before)], now[~_absent(now)])
    else:
        said = _shares_said(before[~_absent(before)], now[~_absent(now)])
    return ColumnFact(
        column=one.column, what=one.what, said=said, effect=one.effect, matters=MATTERS[one.what], adjusted=adjusted,
        large=one.much >= 1,
    )  # fmt: skip


def _numbers_said(before: np.ndarray, now: np.ndarray) -> str:
    """Where the middle went, or else where the shares differ most."""
    if not len(before) or not len(now):
        return "no values to compare"
    old, new = float(np.median(before)), float(np.median(now))
    usual = np.subtract(*np.quantile(before, (0.75, 0.25)))
    if abs(new - old) >= 0.1 * max(float(usual), 1e-300) and new != old:
        far = f"{_figure(abs(new - old))} {'higher' if new > old else 'lower'} in the middle"
        return f"{far} ({_figure(new)}, {_figure(old)} before)"
    edges = np.unique(np.concatenate([before, now]))
    below = [np.searchsorted(np.sort(held), edges, side="right") / len(held) for held in (before, now)]
    place = int(np.abs(below[1] - below[0]).argmax())
    shares = [_percent(float(one[place])) for one in (below[1], below[0])]
    return f"{shares[0]} are {_figure(float(edges[place]))} or less, {shares[1]} before"


def _shares_said(before: np.ndarray, now: np.ndarray) -> str:
    """The values whose shares changed most."""
    old, new = _shares(before), _shares(_matched(now, before))
    known = sorted({*old, *new}, key=lambda name: (-abs(new.get(name, 0) - old.get(name, 0)), name))
    told = [
        f"{_percent(new.get(name, 0))} are {_called(name)}, {_percent(old.get(name, 0))} before"
        for name in known[:_NAMED]
        if not name.startswith(_RARE)
    ]
    return "; ".join(told) or "rare values changed"


def _new_said(before: np.ndarray, now: np.ndarray, ever: np.ndarray) -> str:
    kept = set(before.tolist())
    seen = set(ever.tolist())
    code = _matched(now, ever)
    as_compared = _matched(now, before)
    names, counts = np.unique(now, return_counts=True)
    at = {name: place for place, name in enumerate(now.tolist())}
    pairs = [
        (name, int(count))
        for name, count in zip(names.tolist(), counts.tolist(), strict=True)
        if name and str(as_compared[at[name]]) not in kept
    ]
    pairs.sort(key=lambda pair: (-pair[1], pair[0]))
    never = [pair for pair in pairs if str(code[at[pair[0]]]) not in seen]
    how, those = ("never seen before", never) if never else ("hardly ever seen before", pairs)
    # What fewer rows than that say may be somebody's name.
    named = [(name, count) for name, count in those if count >= LEAST_ROWS][:_NAMED]
    told = [f"{_percent(count / len(now))} are {_called(name)}" for name, count in named]
    if rest := len(those) - len(named):
        share = _percent(sum(count for _, count in those[len(named) :]) / len(now))
        told.append(f"{share} are {rest:,} {'other ' if named else ''}value{'' if rest == 1 else 's'}")
    return f"{', '.join(told)}, {how}"


def _matched(words: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Words as those that are known are kept: by their name where that is among them, else by what stands for it."""
    there = {*np.unique(known).tolist(), ""}
    names, places = np.unique(words, return_inverse=True)
    stands = np.array([name if name in there else _mark(name) for name in names.tolist()], dtype=str)
    return stands[places] if len(words) else np.zeros(0, "<U1")


def _without_rare(words: np.ndarray) -> np.ndarray:
    """Words that few rows have as what stands for them."""
    names, places, counts = np.unique(words, return_inverse=True, return_counts=True)
    pairs = zip(names.tolist(), counts.tolist(), strict=True)
    stands = [name if count >= LEAST_ROWS or not name else _mark(name) for name, count in pairs]
    return np.array(stands, dtype=str)[places] if len(words) else np.zeros(0, "<U1")


def _mark(name: str) -> str:
    return _RARE + hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _absent(held: np.ndarray) -> np.ndarray:
    return np.isnan(held) if held.dtype.kind == "f" else np.asarray(held == "")


def _shares(held: np.ndarray) -> dict[str, float]:
    names, counts = np.unique(held, return_counts=True)
    return dict(zip(names.tolist(), (counts / max(1, len(held))).tolist(), strict=True))


def _called(name: str) -> str:
    return "empty" if name == "" else repr(name if len(name) <= 40 else f"{name[:39]}…")


def _percent(share: float) -> str:
    """A share in words: two digits below one per cent.

    >>> _percent(0.123), _percent(0.0042), _percent(0.00001)
    ('12%', '0.42%', 'under 0.01%')
    """
    if share <= 0:
        return "none"
    if share < 1e-4:
        return "under 0.01%"
    return f"{share:.0%}" if share >= 0.0095 else f"{100 * share:.2g}%"


def _figure(value: float) -> str:
    """A number in at most four telling digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _numbers(cells: list[object]) -> np.ndarray:
    return np.array([np.nan if cell is None else cell for cell in cells], np.float64)


def _words(cells: list[object]) -> np.ndarray:
    told = ["" if cell is None else str(cell).lstrip(_RARE) for cell in cells]
    return np.array(told, dtype=str) if told else np.zeros(0, "<U1")
