"""What a study leaves in its folder beside ``study.json``.

The bundle; ``predictions.parquet``: what the shipped procedure and the best control said of every row they had not
seen, out of fold and in the holdout; ``learnt.json``: the digest of every row the bundle learnt from; ``holdout.json``:
of those held out. Whoever measures the bundle later can tell rows it has learnt from, and has scores of them from
models that had not.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from graft.bundle.origin import Origin
from graft.bundle.parts import BundleParts, write_bundle
from graft.core.files import whole_file, write_json
from graft.core.progress import Progress
from graft.core.version import __version__
from graft.facts.study import StudyRecord
from graft.governance.descent_file import Descent
from graft.governance.records import Answer
from graft.representations.source import Source
from graft.scores.models import Model
from graft.studies.out_of_fold import DecisionParts
from graft.studies.study_record import StudyParts

_SAMPLE_ROWS = 16


@dataclass(frozen=True, eq=False)
class ToSave:
    """The shipped model, how it decides, and what it was made from."""

    model: Model
    decisions: DecisionParts
    descent: Descent
    answers: tuple[Answer, ...]


def save_study(out: Path, study: StudyParts, record: StudyRecord, saved: ToSave, *, progress: Progress) -> None:
    """Write the bundle and the digests of the holdout into ``out``."""
    parts = saved.decisions
    prepared = study.prepared
    holdout = prepared.rows.take(prepared.splits.holdout)
    bundle = BundleParts(
        model=saved.model,
        contract=prepared.rows.contract,
        calibrator=None if parts.calibration is None else parts.calibration.calibrator,
        policy=parts.policy,
        interval=parts.interval,
        training=prepared.rows.take(study.shipped.learnt),
        sample=holdout.take(np.arange(min(_SAMPLE_ROWS, len(holdout)))),
        record=record,
        origin=_origin(study),
        descent=saved.descent,
        answers=saved.answers,
    )
    keep_rows = study.settings.keep_rows
    write_bundle(out / "bundle", bundle, keep_rows=keep_rows, cache=study.bench.cache, progress=progress)
    write_json(out / "holdout.json", sorted(digest.hex() for digest in holdout.digests))
    learnt = prepared.rows.take(study.shipped.learnt)
    write_json(out / "learnt.json", sorted({digest.hex() for digest in learnt.digests}))
    with whole_file(out / "predictions.parquet") as temporary:
        _predictions(study).write_parquet(temporary)
    shutil.rmtree(out / "models", ignore_errors=True)


def _predictions(study: StudyParts) -> pl.DataFrame:
    """Rows that were unseen, as scored by the shipped procedure and the best control.

    role: ``shipped``, ``control``, and ``reused`` where the best candidate that reuses something does not ship.
    digest: of the content. part: ``fold`` or ``holdout``. scores: calibrated, in the order of the contract's labels.
    decided, truth: class or value; for several labels those given, joined by ``;``.
    """
    prepared, concluded = study.prepared, study.concluded
    rows = prepared.rows
    digests = [digest.hex() for digest in rows.digests]
    frames = []
    names = {"shipped": concluded.shipped, "control": study.judgement.choice.control}
    if study.judgement.choice.chosen != concluded.shipped:
        # An audit compares reuse with doing without it, whichever of them ships.
        names["reused"] = study.judgement.choice.chosen
    for role, name in names.items():
        judged = study.gathered.judged[name]
        held = prepared.splits.holdout
        parts = [("fold", judged.seen.rows, judged.seen.repeats, judged.seen.folds, judged.scored)]
        if name in concluded.held:
            parts.append(("holdout", held, np.full(len(held), -1), np.full(len(held), -1), concluded.held[name]))
        for part, places, repeats, folds, scored in parts:
            values = scored.scores if scored.scores.ndim == 2 else scored.scores[:, None]
            frames.append(
                pl.DataFrame(
                    {
                        "digest": [digests[place] for place in places],
                        "row": rows.rows[places],
                        "id": [rows.ids[place] for place in places],
                        "role": role,
                        "candidate": name,
                        "part": part,
                        "repeat": repeats,
                        "fold": folds,
                        "truth": _named(scored.targets, rows.contract.labels),
                        "decided": _named(scored.decided, rows.contract.labels),
                        "scores": values.tolist(),
                    },
                    schema_overrides={"row": pl.Int64, "repeat": pl.Int64, "fold": pl.Int64},
                )
            )
    return pl.concat(frames)


def _named(values: np.ndarray, labels: tuple[str, ...]) -> list[str]:
    """Classes, sets of labels or numbers as they are written; an abstention is empty."""
    if values.ndim == 2:
        return ["; ".join(labels[place] for place in np.flatnonzero(row)) for row in values]
    if values.dtype.kind == "f":
        return [repr(float(value)) for value in values]
    return [labels[value] if value >= 0 else "" for value in values]


def _of_each(source: Source | None, fact: Callable[[Source], str]) -> str:
    """A fact of a source; of sources side by side that of each, with its reference."""
    origins = () if source is None else source.origins
    if len(origins) < 2:
        return "".join(map(fact, origins))
    return "; ".join(f"{one.weights.reference}: {said}" for one in origins if (said := fact(one)))


def _origin(study: StudyParts) -> Origin:
    shipped = study.candidate(study.concluded.shipped)
    source = shipped.source
    return Origin(
        study=study.prepared.identity,
        source=source.weights.reference if source is not None else "",
        source_digest=_of_each(source, lambda one: one.weights.digest),
        revision=source.weights.revision if source is not None else "",
        strategy=str(shipped.strategy),
        licence=_of_each(source, lambda one: study.licences.get(one.weights.reference, "")),
        done=study.done(),
        data=study.prepared.rows.fingerprint,
        graft=__version__,
    )
