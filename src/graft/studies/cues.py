"""Signs, before anything is trained, that a source suits the rows or does not.

Decision: cues warn and order, they never decide: no transferability score wins everywhere (Agostinelli et al. 2022), so
they may keep a source from the expensive strategies when there are many, and nothing else. Whether contents are of the
kind of thing a source was trained on is read from how it takes them apart, which is the business of their kind: one
record each, found in one tuple.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graft.core.tasks import Task
from graft.evidence.transferability import chance_agreement, logme, neighbour_agreement
from graft.facts.study import CueFact
from graft.representations.image_reading import image_reading
from graft.representations.row_columns import cell_table
from graft.representations.row_source import row_reading
from graft.representations.source import Source
from graft.scores.workbench import Workbench
from graft.studies.ranked_rows import sample_of

_FERTILITY, _UNKNOWN, _TRUNCATED, _SMALL = 2.2, 0.02, 0.05, 0.5
_COLUMNS, _STRANGE = 0.5, 0.1


@dataclass(frozen=True)
class KindCues:
    """What is looked at in contents of one kind. kind: its name. cues: of a source on some rows of a workbench."""

    kind: str
    cues: Callable[[Workbench, Source, np.ndarray], tuple[CueFact, ...]]


def cues_of(bench: Workbench, source: Source, rows: np.ndarray, *, seed: int = 0) -> tuple[CueFact, ...]:
    """The cues of one source on development rows: at most 4,000, drawn by the seed, the same for all sources."""
    rows = sample_of(rows, seed)
    vectors = bench.vectors(source)[rows]
    targets = bench.targets[rows]
    found = [
        *mismatch_cues(bench, source, rows),
        _cue(source, "LogME", logme(vectors, targets, str(bench.task)), "higher suits the labels better", False),
    ]
    if bench.task is not Task.REGRESSION:
        agreement = neighbour_agreement(vectors, targets)
        chance = chance_agreement(targets)
        found.append(
            _cue(
                source,
                "neighbour agreement",
                agreement,
                f"share of nearest rows with the same label ({chance:.2f} by chance)",
                agreement < 1.5 * chance and agreement - chance < 0.1,
            )
        )
    return tuple(found)


def mismatch_cues(bench: Workbench, source: Source, rows: np.ndarray) -> tuple[CueFact, ...]:
    """Of the cues, those that need no labels: how strange the rows are to a source."""
    looked = next((one for one in KIND_CUES if one.kind == source.reading.kind), None)
    return () if looked is None else looked.cues(bench, source, rows)


def _text_cues(bench: Workbench, source: Source, rows: np.ndarray) -> tuple[CueFact, ...]:
    tokens = bench.tokens(source).take(rows)
    fertility = float(tokens.lengths.sum() / max(1, tokens.words.sum()))
    unknown, truncated = float(tokens.unknown.mean()), float(tokens.truncated.mean())
    return (
        _cue(source, "pieces per word", fertility, "how finely the tokenizer cuts the words", fertility > _FERTILITY),
        _cue(source, "unknown tokens", unknown, "share of tokens the source has never seen", unknown > _UNKNOWN),
        _cue(source, "truncated rows", truncated, "share of rows longer than the source reads", truncated > _TRUNCATED),
    )


def _image_cues(bench: Workbench, source: Source, rows: np.ndarray) -> tuple[CueFact, ...]:
    side = image_reading(source).side
    sides = [min(bench.contents[row].found.width, bench.contents[row].found.height) for row in rows]
    small = float(np.mean(np.array(sides) < side / 2))
    meaning = f"share of pictures less than half as large as the {side} pixels the source reads"
    return (_cue(source, "small pictures", small, meaning, small > _SMALL),)


def _row_cues(bench: Workbench, source: Source, rows: np.ndarray) -> tuple[CueFact, ...]:
    roles, reading = bench.rows.contract.roles, row_reading(source)
    shared, own = reading.shared(roles.numeric, roles.categorical), reading.columns
    table = cell_table([bench.contents[row] for row in rows.tolist()], own.numeric, own.categorical)
    named = [place for place, name in enumerate(own.categorical) if name in shared]
    unknown = np.isnan(own.parted(table)[:, named]) & (table.codes[:, named] >= 0)
    lost = float(unknown.mean()) if unknown.size else 0.0
    numbers = [place for place, name in enumerate(own.numeric) if name in shared]
    moved = [_moved(table.numbers[:, place], own.means[place], own.scales[place]) for place in numbers]
    part, most = len(shared) / len(roles.inputs), max(moved, default=0.0)
    far = f"; of {own.numeric[numbers[int(np.argmax(moved))]]}" if moved else ""
    return (
        _cue(source, "columns known", part, "share of the columns the source reads", part < _COLUMNS),
        _cue(source, "unknown categories", lost, "share of names the source has never seen", lost > _STRANGE),
        _cue(source, "numbers moved", most, f"deviations between the means of both tables, at most{far}", most > 1),
    )


def _moved(numbers: np.ndarray, mean: float, scale: float) -> float:
    present = numbers[np.isfinite(numbers)]
    return float(abs(present.mean() - mean) / scale) if len(present) else 0.0


def _cue(source: Source, name: str, value: float, meaning: str, warning: bool) -> CueFact:
    return CueFact(source=source.weights.reference, name=name, value=value, meaning=meaning, warning=bool(warning))


KIND_CUES: tuple[KindCues, ...] = (
    KindCues("text", _text_cues),
    KindCues("image", _image_cues),
    KindCues("row", _row_cues),
)
