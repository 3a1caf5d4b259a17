"""What a study leaves in its folder beside ``study.json``: the bundle, and the rows it held out, as digests."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graft.bundle import BundleParts, Lineage, write_bundle
from graft.core.files import write_json
from graft.core.progress import Progress
from graft.core.version import __version__
from graft.governance.descent_file import Descent
from graft.governance.records import Answer
from graft.scores.models import Model
from graft.studies.deciding import DecisionParts
from graft.studies.record import StudyRecord
from graft.studies.writing import Findings

_SAMPLE_ROWS = 16


@dataclass(frozen=True, eq=False)
class ToSave:
    """The shipped model, how it decides, and what it was made from."""

    model: Model
    decisions: DecisionParts
    descent: Descent
    answers: tuple[Answer, ...]


def save_study(out: Path, findings: Findings, record: StudyRecord, saved: ToSave, *, progress: Progress) -> None:
    """Write the bundle and the digests of the holdout into ``out``."""
    parts = saved.decisions
    prepared = findings.prepared
    holdout = prepared.rows.take(prepared.splits.holdout)
    bundle = BundleParts(
        model=saved.model,
        contract=prepared.rows.contract,
        calibrator=None if parts.calibration is None else parts.calibration.calibrator,
        policy=parts.policy,
        interval=parts.interval,
        training=prepared.rows.take(prepared.splits.development),
        sample=holdout.take(np.arange(min(_SAMPLE_ROWS, len(holdout)))),
        evidence=record.model_dump_json(),
        lineage=_lineage(findings),
        descent=saved.descent,
        answers=saved.answers,
    )
    keep_rows = findings.settings.keep_rows
    write_bundle(out / "bundle", bundle, keep_rows=keep_rows, cache=findings.bench.cache, progress=progress)
    write_json(out / "holdout.json", sorted(digest.hex() for digest in holdout.text_digests))
    shutil.rmtree(out / "models", ignore_errors=True)


def _lineage(findings: Findings) -> Lineage:
    shipped = findings.candidate(findings.shipped)
    source = shipped.source
    return Lineage(
        study=findings.prepared.identity,
        source=source.reference if source is not None else "",
        source_digest=source.digest if source is not None else "",
        revision=source.revision if source is not None else "",
        strategy=str(shipped.strategy),
        licence=findings.licences.get(source.reference, "") if source is not None else "",
        done=findings.done(),
        data=findings.prepared.rows.fingerprint,
        graft=__version__,
    )
