"""All detectors of a check on one batch and its reference, over the same draws, paid for together.

Decisions: one set of draws serves all detectors, so the chance that any of them alarms without drift is the level,
whatever they have in common (Westfall & Young); segments have draws of their own, and what is paid for several of them
is Benjamini-Hochberg's. Of mixes that may change (weekdays, channels) rows are exchanged within a part only; where
whole groups are, the reference is drawn so that it has the mix of the batch.

Westfall & Young (1993), Resampling-based multiple testing; Benjamini & Hochberg (1995).
"""

from collections.abc import Sequence

import numpy as np

from graft.core.seeds import first_seen
from graft.evidence.discoveries import benjamini_hochberg
from graft.evidence.shuffles import Shuffles, shuffles, together
from graft.evidence.two_samples import Shift
from graft.facts.watch import ShiftFact
from graft.watch.batch import Batch
from graft.watch.detectors import Detector

LEAST_OF_A_SEGMENT = 20
REFERENCE_ROWS = 5_000
OF_SEGMENTS = ("mean", "certainty", "decisions", "length")


def exchanged(
    reference: Batch, current: Batch, *, rng: np.random.Generator, draws: int, grouped: bool,
    allowed: Sequence[str] = (),
) -> Shuffles:  # fmt: skip
    """Draws of which rows could as well have been the batch: whole groups, or rows within what may change."""
    groups = strata = None
    if grouped and reference.groups is not None and current.groups is not None:
        groups = (reference.groups, current.groups)
    elif known := _known(reference, current, allowed):
        strata = (_parts(reference, known), _parts(current, known))
    return shuffles(len(reference), len(current), rng=rng, groups=groups, strata=strata, draws=draws)


def compare(
    reference: Batch,
    current: Batch,
    detectors: Sequence[Detector],
    *,
    rng: np.random.Generator,
    draws: int,
    grouped: bool,
    allowed: Sequence[str] = (),
) -> tuple[tuple[Detector, Shift, float], ...]:
    """Each detector with its shift and its p-value, corrected for all of them. allowed: columns whose mix may
    change."""
    drawn = exchanged(reference, current, rng=rng, draws=draws, grouped=grouped, allowed=allowed)
    found = [(one, one.shift(reference, current, drawn, rng)) for one in detectors]
    corrected = together([shift.values for _, shift in found]) if found else ()
    return tuple((one, shift, p) for (one, shift), p in zip(found, corrected, strict=True))


def compare_all(
    reference: Batch,
    current: Batch,
    detectors: Sequence[Detector],
    *,
    segments: Sequence[str],
    rng: np.random.Generator,
    draws: int,
    level: float,
    grouped: bool,
    allowed: Sequence[str] = (),
    of_segments: Sequence[str] = OF_SEGMENTS,
) -> tuple[ShiftFact, ...]:
    """The whole batch, and every segment of each column that has rows enough on both sides. of_segments: names of the
    detectors that look at segments."""
    parts: list[tuple[str, Batch, Batch, tuple[Detector, ...]]] = [("", reference, current, tuple(detectors))]
    few = tuple(one for one in detectors if one.name in of_segments)
    for name in segments:
        if name not in reference.segments or name not in current.segments:
            continue
        for value in np.unique(current.segments[name]).tolist():
            before, now = reference.segments[name] == value, current.segments[name] == value
            if min(before.sum(), now.sum()) >= LEAST_OF_A_SEGMENT:
                parts.append((f"{name}={value}", reference.take(before), current.take(now), few))
    found = [
        (segment, compare(before, now, some, rng=rng, draws=draws, grouped=grouped, allowed=allowed))
        for segment, before, now, some in parts
    ]
    # The whole has a half of the level, segments share the other.
    apart = len(found) > 1
    least = np.array([min((p for _, _, p in told), default=1.0) for _, told in found[1:]])
    passed = benjamini_hochberg(least) if len(least) else least
    facts = []
    for place, (segment, told) in enumerate(found):
        for one, shift, p in told:
            said = ""
            if place == 0:
                adjusted = min(1.0, 2 * p) if apart else p
                if adjusted <= level and one.said is not None:
                    said = one.said(reference, current)
            else:
                # A test within a segment is never surer than its segment among all segments.
                adjusted = min(1.0, 2 * max(p, float(passed[place - 1])))
            facts.append(shift_fact(one, shift, segment, adjusted, level, said))
    return tuple(facts)


def shift_fact(one: Detector, shift: Shift, segment: str, adjusted: float, level: float, said: str = "") -> ShiftFact:
    """What a detector says, as a record. said: how the rows differ, in words."""
    low = shift.effect.low if shift.effect.low is not None else shift.effect.mean
    return ShiftFact(
        detector=one.name, of=one.of, means=one.means, segment=segment, p_value=shift.p_value, adjusted=adjusted,
        effect=shift.effect, unit=shift.unit, matters=one.matters, significant=adjusted <= level,
        large=adjusted <= level and low >= one.matters, rows=shift.rows, said=said,
    )  # fmt: skip


def matched(
    reference: Batch, current: Batch, columns: Sequence[str], rng: np.random.Generator, *, grouped: bool
) -> tuple[Batch, Batch]:
    """Both without what only one of them has, of columns whose mix may change; where whole groups are exchanged, as
    many rows of the reference, in the mix of the batch, as its scarcest part allows."""
    known = _known(reference, current, columns)
    if not known:
        return reference, current
    before, now = _parts(reference, known), _parts(current, known)
    kept, held = np.isin(now, before), np.isin(before, now)
    if not grouped or not kept.any():
        return reference.take(held), current.take(kept)
    names, mix = np.unique(now[kept], return_counts=True)
    there = np.array([(before == name).sum() for name in names])
    scale = float((there / mix).min())
    rows = [
        rng.permutation(np.flatnonzero(before == name))[: int(np.floor(scale * count + 1e-9))]
        for name, count in zip(names, mix, strict=True)
    ]
    return reference.take(np.sort(np.concatenate(rows))), current.take(kept)


def _known(reference: Batch, current: Batch, columns: Sequence[str]) -> list[str]:
    return [name for name in columns if name in reference.segments and name in current.segments]


def _parts(batch: Batch, columns: Sequence[str]) -> np.ndarray:
    """The cells of some columns of each row, as one word, (n,) str."""
    told = ["\0".join(cells) for cells in zip(*(batch.segments[name].tolist() for name in columns), strict=True)]
    return np.array(told, dtype=str) if told else np.zeros(0, "<U1")


def bounded(reference: Batch, rng: np.random.Generator, most: int = REFERENCE_ROWS) -> Batch:
    """At most so many rows of a reference, whole groups where it has them."""
    if len(reference) <= most:
        return reference
    if reference.groups is None:
        return reference.take(np.sort(rng.permutation(len(reference))[:most]))
    place = first_seen(reference.groups)
    count = int(place.max()) + 1
    rank = np.empty(count, np.int64)
    rank[rng.permutation(count)] = np.arange(count)
    rows = np.argsort(rank[place], kind="stable")
    ends = np.cumsum(np.bincount(rank[place]))
    count = int(ends[max(0, int(np.searchsorted(ends, most, side="right")) - 1)])
    return reference.take(np.sort(rows[:count]))
