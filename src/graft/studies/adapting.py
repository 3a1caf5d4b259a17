"""From contents without labels to an adapted source: what is read, what is learnt, what is forgotten, what is written.

Decisions: rows that repeat one another stay on one side of what is learnt and what is kept apart; a folder is made
beside its place and gets its name when everything in it was written, read back and measured, so whoever kills it
leaves nothing; what was forgotten is measured on the folder as it was written; a body that learnt nothing is no source.
The rows and the source are in the ledger before anything is learnt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graft.core.digests import key
from graft.core.errors import InputError
from graft.core.files import write_json, write_text
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.evidence.forgetting import neighbour_overlap, pair_correlation, read_back
from graft.facts.adaptation import FILE, AdaptationRecord, ForgettingFact
from graft.governance.emit.adapted_card import adapted_card
from graft.governance.licences.statements import stated_licences
from graft.governance.named_assets import read_source
from graft.governance.reading import LINEAGE, read_data
from graft.governance.records import Asset, AssetKind, Edge, Relation
from graft.governance.registry import Registry
from graft.inputs.duplicates import find_duplicates
from graft.representations.encoding.encoder import Encoder
from graft.representations.encoding.sentences import CALIBRATING, CHECKING
from graft.representations.new_folder import publish, workplace
from graft.representations.source import Source
from graft.representations.tokens import tokenise
from graft.representations.weights.sums import write_sums
from graft.rows.content import Content
from graft.scores.adaptation.loop import AdaptedBody, Course, adapt_body
from graft.scores.adaptation.method import AdaptationMethod
from graft.scores.models import save_tuned_body
from graft.studies.adapted_rows import AdaptedRows, JudgedPairs

_HELD_SHARE, _HELD_MOST, _HELD_LEAST = 10, 1000, 10
_MEASURED = 2000
_NEAR, _NEAR_OF_FEW = 10, 5


@dataclass(frozen=True)
class AdaptedSource:
    """A finished adaptation. folder: of the new source, which ``path:`` names. seconds: of learning."""

    record: AdaptationRecord
    folder: Path
    seconds: float

    @property
    def reference(self) -> str:
        """How every command takes it."""
        return f"path:{self.folder}"


def adapt_source(
    asked: AdaptedRows,
    method: AdaptationMethod,
    *,
    given: Any,
    out: Path,
    pairs: JudgedPairs | None = None,
    course: Course,
    seed: int = 0,
    progress: Progress = SILENT,
) -> AdaptedSource:
    """Adapt a source to contents and write it as a source of its own.

    given: what the rows were read from. out: its folder, which is free. Raises InputError for rows that are too few, or
    that it learns nothing from; nothing is written then.
    """
    with Registry() as registry:
        rows = registry.add_asset(_rows_asset(given, asked))
        weights = asked.source.weights
        base = registry.add_asset(read_source(weights.reference, weights.directory, revision=weights.revision))
    groups = find_duplicates(asked.contents, kind=asked.kind, seed=seed).groups
    learnt, held = _sides(groups, seed)
    tokens = tokenise(asked.source, asked.contents)
    cut = int(tokens.truncated.sum())
    if cut:
        read = f"{asked.source.reading.limit:,} {asked.source.reading.unit}"
        progress.say(
            f"{cut:,} of {len(tokens):,} {asked.kind.plural} are longer than the {read} {weights.reference} reads: "
            "nothing is learnt from the rest of each"
        )
    if pairs is not None and pairs.set_aside:
        progress.say(
            f"{pairs.set_aside:,} pairs of {pairs.name} have no number or no {asked.kind.name}, and are left out"
        )
    found = adapt_body(
        asked.source, tokens, method, learnt=learnt, held=held, course=course, seed=seed, progress=progress
    )
    if not found.best_step:
        raise InputError(
            f"{weights.reference} learnt nothing from these rows: the loss of the {len(held):,} kept apart never fell "
            f"below where it began ({found.curve[0].held:.3f}; {found.stopped})",
            needed="rows that it can learn from",
            fix="give more rows or more --steps, or use the source as it is",
        )
    with workplace(out) as place:
        made = save_tuned_body(found.body, asked.source, place, reference=f"path:{out}")
        forgetting = _forgetting(asked, made, pairs, seed, progress)
        record = _record(
            asked, method, course, seed, found, made, (learnt, held), groups, cut, (base, rows), forgetting
        )
        record = record.model_copy(update={"name": out.name})
        _write_beside(place, record, base, rows)
        write_sums(place)
        publish(place, out)
    with Registry() as registry:
        registry.add_asset(read_source(f"path:{out}"))
    return AdaptedSource(record, out, found.seconds)


def _sides(groups: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows to learn from, and those kept apart: a tenth, at most a thousand, no group on both sides."""
    wanted = min(_HELD_MOST, max(_HELD_LEAST, len(groups) // _HELD_SHARE), len(groups) // 2)
    order = generator(seed, "kept apart").permutation(np.unique(groups))
    sizes = np.bincount(groups)
    taken = np.cumsum(sizes[order]) <= wanted
    held = np.isin(groups, order[taken])
    return np.flatnonzero(~held), np.flatnonzero(held)


def _rows_asset(given: Any, asked: AdaptedRows) -> Asset:
    if isinstance(given, str | Path) and Path(given).is_file():
        return read_data(Path(given))
    digest = key([asked.kind.digest(content).hex() for content in asked.contents])
    return Asset(kind=AssetKind.DATA, name=asked.name, digest=digest, reference="rows given in Python")


def _forgetting(
    asked: AdaptedRows, made: Source, pairs: JudgedPairs | None, seed: int, progress: Progress
) -> tuple[ForgettingFact, ...]:
    """What is left of the original, on the rows, on general sentences, and on the pairs of a person."""
    chosen = generator(seed, "forgetting").permutation(len(asked.contents))[:_MEASURED]
    rows = list(dict.fromkeys(asked.contents[place] for place in np.sort(chosen)))
    general = [*CALIBRATING, *CHECKING]
    both = [Encoder(source) for source in (asked.source, made)]

    def vectors(contents: Sequence[Content]) -> list[np.ndarray]:
        return [encoder.vectors(contents, progress=progress)[0] for encoder in both]

    found = []
    for where, contents, near in (("the rows", rows, _NEAR), ("general sentences", general, _NEAR_OF_FEW)):
        before, after = vectors(contents)
        found.append(
            ForgettingFact(
                name="neighbours kept",
                where=where,
                contents=len(contents),
                after=neighbour_overlap(before, after, k=near),
                meaning=f"share of the {min(near, len(contents) // 3)} nearest that are still among them",
            )
        )
        if where == "the rows":
            found.append(
                ForgettingFact(
                    name="original read back",
                    where=where,
                    contents=len(contents),
                    after=read_back(before, after, rng=generator(seed, "read back")),
                    before=read_back(before, before, rng=generator(seed, "read back")),
                    meaning="how well a linear probe tells the original vectors, R squared",
                )
            )
    if pairs is not None:
        one, other = vectors(pairs.one), vectors(pairs.other)
        told = [pair_correlation(left, right, pairs.scores) for left, right in zip(one, other, strict=True)]
        found.append(
            ForgettingFact(
                name="correlation with your pairs",
                where=pairs.name,
                contents=len(pairs.scores),
                after=told[1],
                before=told[0],
                meaning="Spearman's, of how near the pairs lie and how near they should",
            )
        )
    return tuple(found)


def _record(
    asked: AdaptedRows,
    method: AdaptationMethod,
    course: Course,
    seed: int,
    found: AdaptedBody,
    made: Source,
    sides: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray,
    cut: int,
    assets: tuple[Asset, Asset],
    forgetting: tuple[ForgettingFact, ...],
) -> AdaptationRecord:
    base, rows = assets
    return AdaptationRecord(
        name="",
        kind=asked.kind.name,
        method=method.name,
        title=method.title,
        source=asked.source.weights.reference,
        source_digest=asked.source.weights.digest,
        digest=made.weights.digest,
        rows=len(asked.contents),
        learnt=len(sides[0]),
        held=len(sides[1]),
        repeated=len(groups) - len(np.unique(groups)),
        set_aside=asked.set_aside,
        cut=cut,
        limit=asked.source.reading.limit,
        unit=asked.source.reading.unit,
        data=rows.name,
        data_digest=rows.digest,
        data_licences=stated_licences(rows),
        source_licences=stated_licences(base),
        planned=course.steps,
        minutes=course.minutes,
        batch=course.batch,
        rate=course.rate,
        seed=seed,
        alone=found.alone,
        steps=found.steps,
        best_step=found.best_step,
        stopped=found.stopped,
        curve=found.curve,
        forgetting=forgetting,
    )


def _write_beside(place: Path, record: AdaptationRecord, base: Asset, rows: Asset) -> None:
    """The report, the card and the lineage, beside the weights."""
    where = f"{LINEAGE}: adapted by Graft"
    edges = (
        Edge(relation=Relation.FINE_TUNED, parent=base.identity, where=where),
        Edge(relation=Relation.TRAINED_ON_DATA, parent=rows.identity, where=where),
    )
    write_text(place / FILE, record.to_json())
    write_json(place / LINEAGE, {"edges": [edge.model_dump(mode="json", exclude_defaults=True) for edge in edges]})
    write_text(place / "README.md", adapted_card(record, base))
