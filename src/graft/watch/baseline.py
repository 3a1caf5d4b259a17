"""The reference of a watch: its rows, and what every detector is worth on them.

Decisions: before a detector may alarm, it is tried where nothing has changed. The reference is split at random, whole
groups together, into a part of the size of a batch and the rest; how often each detector, and the whole check, alarms
is counted and told with its interval, and a detector that alarms surely more often than it may (by the lower 99.9 %
limit) does not take part. Power is measured on a shift that anybody can picture: a share of the batch's rows is
replaced by rows from one corner of the reference (the nearest tenth to some row), so that rows crowd together there;
what that does not change (alphabets, unknown words) is changed in a share of the rows; words are tried on a new one.
The baseline is a folder beside the bundle, each file with a digest; texts are not in it.

Clopper & Pearson (1934) for the limits.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save_file
from scipy import stats

from graft.bundle.bundle import Bundle
from graft.bundle.folders import whole_folder
from graft.bundle.manifest import check_files, read_manifest, write_manifest
from graft.bundle.watch_erasure import ARRAYS, LOCK, ROWS
from graft.bundle.watch_erasure import FACTS as FACTS
from graft.bundle.watch_erasure import watch_folder as watch_folder
from graft.core import foreign
from graft.core.errors import BundleError, InputError
from graft.core.files import locked, write_text
from graft.core.intervals import Interval
from graft.core.progress import SILENT, Progress
from graft.core.seeds import first_seen, generator
from graft.core.tasks import Task
from graft.core.version import __version__
from graft.evidence.likeness import group_likeness, order_likeness
from graft.facts.watch import DetectorFact, PlantedShift, WatchBaseline
from graft.representations.weights.safetensors_file import check_safetensors
from graft.rows.pieces import pieces
from graft.rows.table import Table
from graft.watch.batch import Batch, read_batch
from graft.watch.columns import as_kept, from_kept
from graft.watch.comparison import bounded, compare
from graft.watch.contexts import (
    CONTEXT_MATTERS,
    CONTEXT_SHARE,
    CONTEXT_SHARES,
    KeptContexts,
    count_contexts,
    moved_contexts,
    planted_power_of_contexts,
    read_contexts,
    write_contexts,
)
from graft.watch.detectors import DETECTORS, INPUTS, Detector, detectors_for
from graft.watch.terms import (
    MATTERS,
    NEW_SHARES,
    SHARE,
    TRIED_DRAWS,
    KeptTerms,
    count_terms,
    moved_terms,
    planted_power_of_terms,
    rare_words_of_reference,
    read_terms,
    write_terms,
)

LEVEL, RUNS, DRAWS = 0.05, 100, 999
LEAST_ROWS, USUAL_BATCH, ENOUGH_BATCHES = 40, 500, 20
MOST_OF_A_REFERENCE = 50_000
SHARES = (0.05, 0.1, 0.2, 0.4)
POWER_RUNS, _TRIED_DRAWS, _SURE = 20, 399, 0.001
_CORNER, _FEWEST_GROUPS, _LOOKED_THROUGH = 0.1, 10, 8
Splitting = Callable[[Batch, int, bool, np.random.Generator], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Baseline:
    """A reference with its record. rows: of the reference. terms: of its texts, where it has any. contexts: of these
    words, where the model sees vectors."""

    facts: WatchBaseline
    rows: Batch
    terms: KeptTerms | None = None
    contexts: KeptContexts | None = None

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """Those that take part."""
        taken = {one.name for one in self.facts.detectors if not one.refused}
        return tuple(one for one in DETECTORS if one.name in taken and one.there(self.rows))

    def refused(self, name: str) -> bool:
        """Whether what looks at words does not take part."""
        return any(one.name == name and one.refused for one in self.facts.detectors)

    @property
    def grouped(self) -> bool:
        """Whether rows belong together."""
        return bool(self.facts.group)


def make_baseline(
    bundle: Bundle,
    rows: Any,
    *,
    group: str = "",
    segments: Sequence[str] = (),
    allowed: Sequence[str] = (),
    batch: int | None = None,
    level: float = LEVEL,
    runs: int = RUNS,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Baseline:
    """Read the reference and measure what every detector is worth on it.

    rows: like those the model is for, with labels where they are known; of more than 50,000 a sample is kept. group:
    the column of what belongs together. segments: columns whose values are looked at apart. allowed: columns whose mix
    may change. batch: rows of a usual batch; 500, or half of the reference, when None. level: of a whole check. runs:
    splits without drift. draws: of a check. Raises InputError for fewer than 40 usable rows.
    """
    if not 0 < level <= 0.5 or runs < 1 or draws < 19:
        raise InputError(
            f"a level of {level}, {runs} runs and {draws} draws", needed="a level up to .5, a run and 19 draws or more"
        )
    columns = tuple(dict.fromkeys((*segments, *allowed)))
    several = pieces(rows, rows=MOST_OF_A_REFERENCE)
    first = next(several)
    maybe = () if group or bundle.contract.roles.group else _could_group(bundle, first)
    asked = tuple(dict.fromkeys((*columns, *maybe)))
    reference = read_batch(
        bundle, chain([first], several), group=group, segments=asked, labels=True, most=MOST_OF_A_REFERENCE,
        progress=progress,
    )  # fmt: skip
    if len(reference) < LEAST_ROWS:
        raise InputError(
            f"{len(reference)} usable rows of {reference.rows}",
            needed=f"{LEAST_ROWS} or more, better a thousand",
            fix="give more rows like those the model is for",
        )
    notes = [*_likely_groups(reference, maybe, generator(seed, "watch", "groups")), *reference.notes]
    usable, learnt = len(reference), int(reference.learnt.sum())
    if (whole := reference.whole) is not None:
        usable, learnt = whole.usable, 0
        said = f", {whole.learnt:,} learnt ones left out" if whole.learnt else ""
        drawn = f"a sample of {len(reference):,} is the reference, drawn by chance"
        notes.append(f"of {usable - whole.learnt:,} rows{said} {drawn}")
        reference = replace(reference, whole=None)
    kept = {name: held for name, held in reference.segments.items() if name in columns}
    reference = replace(reference, segments=kept)
    tuned = bundle.origin.strategy not in ("frozen", "classical", "majority", "")
    if tuned and reference.learnt.mean() > 0.5:
        # A tuned network pulls apart the rows it was tuned on; new rows never lie like these.
        reference = replace(reference, vectors=np.zeros((len(reference), 0), np.float32))
        notes.append(
            "most of the reference is what the model was tuned on, so its vectors are not compared: give newer rows"
        )
    named = group or (bundle.contract.roles.group or "")
    named = named if reference.groups is not None else ""
    units = len(np.unique(reference.groups)) if reference.groups is not None else len(reference)
    if units < _FEWEST_GROUPS:
        raise InputError(
            f"{units} groups by {named!r} in the reference",
            needed="10 or more, better a hundred",
            fix="give rows of more groups, or another column",
        )
    size = min(batch or USUAL_BATCH, len(reference) // 2)
    if size < 2:
        raise InputError(f"batches of {batch} rows", needed="2 or more", fix="give the rows of a usual batch")
    # Words come with a mix that is allowed to change; how rare they are is asked within each part of it.
    terms = count_terms(reference, generator(seed, "watch", "terms"), grouped=bool(named))
    if terms is not None:
        rare = rare_words_of_reference(terms, reference, generator(seed, "watch", "terms"), grouped=bool(named))
        reference = replace(reference, rare=rare)
    fitting = detectors_for(reference)
    rng = generator(seed, "watch", "baseline")
    contexts = None
    if terms is not None and allowed:
        notes.append(
            f"words that emerge, vanish or stand in other company are not looked at: they come with the mix of"
            f" {', '.join(allowed)}, which may change; leave that out to have words told"
        )
    if terms is not None and not allowed:
        contexts = count_contexts(reference, terms, generator(seed, "watch", "contexts"), grouped=bool(named))
    words = (
        None
        if terms is None or allowed
        else _WordTrials(bool(named), level, None if contexts is None else contexts.basis)
    )
    alarms, checks = _alarms(reference, fitting, size, level, runs, bool(named), rng, progress, words)
    tried = min(runs, POWER_RUNS)
    power = planted_power(reference, fitting, size, level, bool(named), rng, progress, runs=tried)
    told = [detector_fact(one, alarms[place], power[place], level, runs) for place, one in enumerate(fitting)]
    if words is not None:
        power_of = words.power(reference, size, generator(seed, "watch", "power of terms"), tried)
        told.append(
            worth("terms", INPUTS, "words that emerge or vanish", MATTERS, "rows with one new word",
                  alarms[-2], power_of[0], level, runs)
        )  # fmt: skip
        if contexts is not None:
            told.append(
                worth("contexts", INPUTS, "words that stand in other company", CONTEXT_MATTERS,
                      "rows of one word, in other company", alarms[-1], power_of[1], level, runs)
            )  # fmt: skip
    if len(reference) < ENOUGH_BATCHES * size:
        notes.append(
            f"the reference is {len(reference) / size:.0f} batches large: all checks are compared with it, so what it"
            f" is off by adds up; from {ENOUGH_BATCHES} batches on the evidence of all checks together holds"
        )
    scored = None if reference.truth is None else int(np.isfinite(reference.truth).sum())
    facts = WatchBaseline(
        bundle=bundle.manifest.seal, made=datetime.now(UTC).isoformat(timespec="seconds"), graft=__version__,
        task=str(bundle.contract.task), quality=_quality(bundle), rows=len(reference),
        learnt=learnt, labelled=scored or 0, unusable=reference.rows - usable,
        dimension=reference.vectors.shape[1], group=named, groups=units if named else None,
        segments=tuple(segments), allowed=tuple(allowed), batch=size, level=level, runs=runs, draws=draws, seed=seed,
        check_alarms=share_of(checks, runs), detectors=tuple(told), notes=tuple(notes),
    )  # fmt: skip
    return Baseline(facts, reference, terms, contexts)


def write_baseline(folder: Path, baseline: Baseline, *, papers: Callable[[Path], None] | None = None) -> Path:
    """Write a baseline; an earlier one in this place is replaced at the very end.

    papers: called with a folder that has its files, to write further ones there.
    """
    rows = baseline.rows
    frame: dict[str, Any] = {
        "id": rows.ids.tolist(), "name": rows.names.tolist(), "certainty": rows.certainty,
        "decided": rows.decided.tolist(), "length": rows.length, "alphabet": rows.alphabet.tolist(), "cut": rows.cut,
        "far": rows.far, "learnt": rows.learnt, "disguise": rows.disguise.tolist(), "unknown": rows.unknown,
        "pieces": rows.pieces, "rare": rows.rare,
    }  # fmt: skip
    if rows.groups is not None:
        frame["group"] = rows.groups.tolist()
    if rows.times is not None:
        frame["time"] = rows.times
    if rows.truth is not None:
        frame["truth"] = rows.truth
    frame |= {f"segment {name}": held.tolist() for name, held in rows.segments.items()}
    frame |= {f"column {name}": held for name, held in as_kept(rows.columns).items()}
    folder.parent.mkdir(parents=True, exist_ok=True)
    # No erasure meanwhile, which removes what killed writers left.
    with locked(folder.parent / LOCK), whole_folder(folder) as place:
        pl.DataFrame(frame).write_parquet(place / ROWS)
        save_file({"vectors": rows.vectors, "scores": rows.scores, "sketch": rows.sketch}, place / ARRAYS)
        if baseline.terms is not None:
            write_terms(place, baseline.terms)
        if baseline.contexts is not None:
            write_contexts(place, baseline.contexts)
        write_text(place / FACTS, baseline.facts.to_json())
        if papers is not None:
            papers(place)
        write_manifest(place)
    return folder


def read_baseline(folder: Path) -> Baseline:
    """A baseline from its folder. Raises BundleError where it is not as it was written."""
    if not (folder / FACTS).is_file():
        raise InputError(
            f"{folder} has no baseline",
            needed="the reference that batches are compared with",
            fix="graft watch baseline BUNDLE --rows reference.csv",
        )
    check_files(folder, read_manifest(folder))
    try:
        facts = WatchBaseline.from_json(foreign.read_text(folder / FACTS), str(folder / FACTS))
        check_safetensors(folder / ARRAYS)
        arrays, frame = load_file(folder / ARRAYS), pl.read_parquet(folder / ROWS)
        count = frame.height
        if any(len(held) != count for held in arrays.values()):
            raise ValueError("arrays of other lengths than the rows")
        segments = {
            name.removeprefix("segment "): np.array(frame[name].to_list(), dtype=str)
            for name in frame.columns
            if name.startswith("segment ")
        }
        # A baseline of before they were kept has none, and no detector that looks at them.
        columns = {
            name.removeprefix("column "): from_kept(frame[name]) for name in frame.columns if name.startswith("column ")
        }
        terms = read_terms(folder)
        rows = Batch(
            ids=_words(frame["id"]), names=_words(frame["name"]), vectors=arrays["vectors"], scores=arrays["scores"],
            certainty=frame["certainty"].to_numpy(), decided=_words(frame["decided"]),
            length=frame["length"].to_numpy(), alphabet=_words(frame["alphabet"]),
            # A baseline of before they were kept has none, and no detector that looks at them.
            unknown=_numbers(frame, "unknown"), pieces=_numbers(frame, "pieces"),
            # Without the words they were compared with, which are erased with those who had them, nothing can be.
            rare=_numbers(frame, "rare" if terms is not None else ""),
            disguise=_words(frame["disguise"]) if "disguise" in frame.columns else np.full(count, "", "<U1"),
            sketch=arrays.get("sketch", np.zeros((count, 0), np.uint8)),
            terms=np.full(count, "", object), cut=frame["cut"].to_numpy(), far=frame["far"].to_numpy(),
            learnt=frame["learnt"].to_numpy(), groups=_words(frame["group"]) if "group" in frame.columns else None,
            times=frame["time"].to_numpy() if "time" in frame.columns else None,
            truth=frame["truth"].to_numpy() if "truth" in frame.columns else None,
            segments=segments, rows_given=np.arange(count), rows=count + facts.unusable, problems={}, columns=columns,
        )  # fmt: skip
        contexts = read_contexts(folder, terms)
    except (ValueError, KeyError, pl.exceptions.PolarsError, OSError) as error:
        raise BundleError(
            f"{folder} does not hold what its manifest promises ({error})",
            needed="a baseline as Graft wrote it",
            fix="make it again: graft watch baseline",
        ) from error
    return Baseline(facts, rows, terms, contexts)


def splits(reference: Batch, size: int, grouped: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places of a part of about so many rows and of the rest, whole groups on one side."""
    if not grouped or reference.groups is None:
        order = rng.permutation(len(reference))
        return order[size:], order[:size]
    place = first_seen(reference.groups)
    groups = int(place.max()) + 1
    rank = np.empty(groups, np.int64)
    rank[rng.permutation(groups)] = np.arange(groups)
    ends = np.cumsum(np.bincount(rank[place]))
    count = min(max(1, int(np.searchsorted(ends, size, side="left")) + 1), groups - 1)
    inside = rank[place] < count
    return np.flatnonzero(~inside), np.flatnonzero(inside)


def _alarms(
    reference: Batch, fitting: Sequence[Detector], size: int, level: float, runs: int, grouped: bool,
    rng: np.random.Generator, progress: Progress, words: "_WordTrials | None",
) -> tuple[np.ndarray, int]:  # fmt: skip
    """How often each detector alarmed by itself without drift, terms and their company last, (detectors + 2,), and the
    whole check. words: how they are looked at, None where they are not."""
    alone, checks = np.zeros(len(fitting) + 2, np.int64), 0
    left = 1.0 if words is None else 1 - SHARE - (CONTEXT_SHARE if words.basis is not None else 0.0)
    with progress.stage("false alarms", runs, "splits") as stage:
        for _ in range(runs):
            rest, part = splits(reference, size, grouped, rng)
            before = bounded(reference.take(rest), rng, 4 * size)
            told = compare(before, reference.take(part), fitting, rng=rng, draws=_TRIED_DRAWS, grouped=grouped)
            named = (1.0, 1.0) if words is None else words.p_values(reference.take(rest), reference.take(part), rng)
            alone += np.array([*(shift.p_value <= level for _, shift, _ in told), *(p <= level for p in named)])
            paid = (p <= level * share for p, share in zip(named, (SHARE, CONTEXT_SHARE), strict=True))
            checks += any(p <= level * left for _, _, p in told) or any(paid)
            stage.advance()
    return alone, checks


def planted_power(
    reference: Batch, fitting: Sequence[Detector], size: int, level: float, grouped: bool, rng: np.random.Generator,
    progress: Progress, parted: Splitting | None = None, most: int | None = None, runs: int = POWER_RUNS,
) -> list[tuple[PlantedShift, ...]]:  # fmt: skip
    """How often each detector sees that a share of the rows crowds into one corner, or what else is planted for it, by
    detector. parted: how a batch is taken out of the reference; ``splits`` when None. most: rows of the reference; four
    batches when None."""
    found = np.zeros((len(fitting), len(SHARES)), np.int64)
    with progress.stage("power", runs, "runs") as stage:
        for _ in range(runs):
            rest, part = (parted or splits)(reference, size, grouped, rng)
            before, now = bounded(reference.take(rest), rng, most or 4 * size), reference.take(part)
            corner = _corner(reference, rng)
            for place, share in enumerate(SHARES):
                told = compare(
                    before, planted(now, reference, corner, share, fitting, rng), fitting, rng=rng,
                    draws=_TRIED_DRAWS, grouped=grouped,
                )  # fmt: skip
                found[:, place] += np.array([shift.p_value <= level for _, shift, _ in told])
            stage.advance()
    return [
        tuple(
            PlantedShift(share=share, found=share_of(int(found[one, place]), runs))
            for place, share in enumerate(SHARES)
        )
        for one in range(len(fitting))
    ]


def _corner(reference: Batch, rng: np.random.Generator) -> np.ndarray:
    """Places of the tenth of the rows nearest to one of them: by vectors, else by how sure the model is."""
    count = max(1, round(_CORNER * len(reference)))
    middle = int(rng.integers(len(reference)))
    seen = reference.vectors if reference.vectors.shape[1] else reference.scores.astype(np.float32)
    away = np.square(seen - seen[middle]).sum(axis=1)
    return np.argsort(away, kind="stable")[:count]


def planted(
    current: Batch, reference: Batch, corner: np.ndarray, share: float, fitting: Sequence[Detector],
    rng: np.random.Generator,
) -> Batch:  # fmt: skip
    """A batch of which a share of the rows (or groups) is replaced by rows from one corner of the reference, or changed
    where a detector plants something of its own."""
    count = round(share * len(current))
    if not count:
        return current
    if current.groups is None:
        gone = rng.permutation(len(current))[:count]
    else:
        place = first_seen(current.groups)
        some = rng.random(int(place.max(initial=-1)) + 1) < share
        gone = np.flatnonzero(some[place])
    put = rng.choice(corner, size=len(gone), replace=len(gone) > len(corner))
    # Sketches stay: a row that is put twice would be seen as its own copy, and not for where it lies.
    changed: dict[str, Any] = {}
    for name in ("vectors", "scores", "certainty", "decided", "length", "alphabet", "disguise", "cut", "far"):
        held = getattr(current, name)
        other = getattr(reference, name)
        kept = held.astype(np.result_type(held, other)) if held.dtype.kind == "U" else held.copy()
        kept[gone] = other[put]
        changed[name] = kept
    changed["columns"] = {name: held.copy() for name, held in current.columns.items()}
    for name, held in changed["columns"].items():
        other = reference.columns[name]
        if held.dtype.kind == "U":
            changed["columns"][name] = held = held.astype(np.result_type(held, other))
        held[gone] = other[put]
    # Each looks at a field of its own, so all of them share one batch.
    for one in fitting:
        if one.plant is not None:
            changed[one.plant.field] = one.plant.made(current, gone, rng)
    return replace(current, **changed)


@dataclass(frozen=True, eq=False)
class _WordTrials:
    """How words are tried. basis: directions of all rows, which know no side; None where company is not looked at."""

    grouped: bool
    level: float
    basis: np.ndarray | None

    def p_values(self, before: Batch, now: Batch, rng: np.random.Generator) -> tuple[float, float]:
        """Of terms and of their company, paid for among all words."""
        terms, contexts = self._counted(before, rng)
        if terms is None:
            return 1.0, 1.0
        how: dict[str, Any] = {"draws": TRIED_DRAWS, "level": self.level, "grouped": self.grouped}
        told = moved_terms(terms, now, rng, **how)
        moved = None if contexts is None else moved_contexts(contexts, terms, now, rng, **how)
        return 1.0 if told is None else told[0].p_value, 1.0 if moved is None else moved[0].p_value

    def power(
        self, reference: Batch, size: int, rng: np.random.Generator, runs: int
    ) -> tuple[tuple[PlantedShift, ...], tuple[PlantedShift, ...]]:
        """Of terms and of their company, by share."""
        counts: tuple[Counter[float], Counter[float]] = (Counter(), Counter())
        for _ in range(runs):
            rest, part = splits(reference, size, self.grouped, rng)
            before, now = reference.take(rest), reference.take(part)
            terms, contexts = self._counted(before, rng)
            if terms is None:
                continue
            counts[0].update(planted_power_of_terms(terms, now, rng, level=self.level, grouped=self.grouped))
            if contexts is not None:
                counts[1].update(
                    planted_power_of_contexts(
                        contexts, terms, now, rng, draws=TRIED_DRAWS, level=self.level, grouped=self.grouped
                    )
                )
        terms_power, contexts_power = (
            tuple(PlantedShift(share=share, found=share_of(found[share], runs)) for share in shares)
            for found, shares in zip(counts, (NEW_SHARES, CONTEXT_SHARES), strict=True)
        )
        return terms_power, contexts_power

    def _counted(self, before: Batch, rng: np.random.Generator) -> tuple[KeptTerms | None, KeptContexts | None]:
        terms = count_terms(before, rng, grouped=self.grouped)
        if terms is None or self.basis is None:
            return terms, None
        return terms, count_contexts(before, terms, rng, grouped=self.grouped, basis=self.basis)


def detector_fact(one: Detector, alarms: int, power: tuple[PlantedShift, ...], level: float, runs: int) -> DetectorFact:
    """What a detector is worth, after so many alarms in so many runs without drift."""
    planted = "" if one.plant is None else one.plant.what
    return worth(one.name, one.of, one.means, one.matters, planted, alarms, power, level, runs)


def worth(
    name: str, of: str, means: str, matters: float, planted: str, alarms: int, power: tuple[PlantedShift, ...],
    level: float, runs: int,
) -> DetectorFact:  # fmt: skip
    """The same of what is no detector of two batches."""
    least = stats.beta.ppf(_SURE, alarms, runs - alarms + 1) if alarms else 0.0
    most = stats.beta.ppf(1 - _SURE, alarms + 1, runs - alarms) if alarms < runs else 1.0
    refused = ""
    if least > level:
        refused = f"it alarmed in {alarms} of {runs} splits without drift, and {level:.0%} is allowed"
    return DetectorFact(
        name=name, of=of, means=means, matters=matters, alarms=share_of(alarms, runs), power=power,
        least=_least(power), refused=refused, conservative=bool(most < level),
        planted=planted,
    )  # fmt: skip


def _least(power: Sequence[PlantedShift]) -> float | None:
    """The smallest share that is seen in eight of ten runs, between those that were tried."""
    before_share, before = 0.0, 0.0
    for one in power:
        if one.found.mean >= 0.8:
            step = (0.8 - before) / max(one.found.mean - before, 1e-9)
            return float(before_share + step * (one.share - before_share))
        before_share, before = one.share, one.found.mean
    return None


def share_of(count: int, runs: int) -> Interval:
    """So many of so many runs, as a share with its exact interval."""
    low, high = stats.binomtest(count, runs).proportion_ci(0.95)
    return Interval(count / runs, float(low), float(high))


def _quality(bundle: Bundle) -> str:
    if bundle.record is not None:
        return bundle.record.metric
    return "rmse" if bundle.contract.task is Task.REGRESSION else "accuracy"


def _could_group(bundle: Bundle, table: Table) -> tuple[str, ...]:
    """Columns by whose cells rows might belong together: no input, no label, some cells repeated and many apart."""
    roles, rows = bundle.contract.roles, table.frame.height
    used = {*roles.inputs, *roles.label, roles.id, roles.time}
    found = []
    for name in table.frame.columns:
        if name in used or table.frame[name].dtype.is_float() or table.frame[name].dtype.is_nested():
            continue
        apart = table.frame[name].n_unique()
        if _FEWEST_GROUPS <= apart <= rows / 1.5:
            found.append(name)
    return tuple(found[:_LOOKED_THROUGH])


def _likely_groups(reference: Batch, columns: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Where rows seem to belong together and nothing says by what."""
    if reference.groups is not None or not reference.vectors.shape[1]:
        return []
    found = [(name, group_likeness(reference.vectors, reference.segments[name], rng=rng)) for name in columns]
    alike = sorted((one for one in found if one[1].matters), key=lambda one: -(one[1].effect or 0))
    if alike:
        name, told = alike[0]
        return [
            f"rows of one {name} are alike (correlation {told.correlation:.2f}): name it with --group {name}, or false"
            " alarms are more often than said here"
        ]
    if order_likeness(reference.vectors, rng=rng).matters:
        return [
            "rows near one another in the file are alike: name what they have in common (a day, a document) with"
            " --group, or false alarms are more often than said here"
        ]
    return []


def _numbers(frame: pl.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy() if name in frame.columns else np.full(frame.height, np.nan)


def _words(column: pl.Series) -> np.ndarray:
    return np.array(column.to_list(), dtype=str) if len(column) else np.zeros(0, "<U1")
