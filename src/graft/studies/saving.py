"""What a study leaves in its folder: the bundle, the rows it held out (as digests), and ``study.json`` last.

``study.json`` is what makes a study finished, so it is written when everything else is there.
"""

import shutil
from pathlib import Path

import numpy as np

from graft.bundle import BundleParts, Lineage, write_bundle
from graft.core.files import write_json, write_text
from graft.core.progress import Progress
from graft.core.version import __version__
from graft.scores.models import Model
from graft.studies.deciding import DecisionParts
from graft.studies.record import StudyRecord
from graft.studies.writing import Findings

_SAMPLE_ROWS = 16


def save_study(
    out: Path, findings: Findings, record: StudyRecord, *, model: Model, parts: DecisionParts, progress: Progress
) -> None:
    """Write the bundle of ``model``, the digests of the holdout and the record into ``out``."""
    prepared = findings.prepared
    holdout = prepared.rows.take(prepared.splits.holdout)
    bundle = BundleParts(
        model=model,
        contract=prepared.rows.contract,
        calibrator=None if parts.calibration is None else parts.calibration.calibrator,
        policy=parts.policy,
        interval=parts.interval,
        training=prepared.rows.take(prepared.splits.development),
        sample=holdout.take(np.arange(min(_SAMPLE_ROWS, len(holdout)))),
        evidence=record.model_dump_json(),
        lineage=_lineage(findings),
    )
    keep_rows = findings.settings.keep_rows
    write_bundle(out / "bundle", bundle, keep_rows=keep_rows, cache=findings.bench.cache, progress=progress)
    write_json(out / "holdout.json", sorted(digest.hex() for digest in holdout.text_digests))
    write_text(out / "study.json", record.model_dump_json(indent=2) + "\n")
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
        licence=source.licence if source is not None else "",
        done=findings.done(),
        data=findings.prepared.rows.fingerprint,
        graft=__version__,
    )
