"""From the parts of a finished study to a folder with all that is needed to use and defend a model.

Decisions: the folder appears whole or not at all, and only after it has been loaded and has reproduced its own
predictions; without permission to keep rows no training content and no vector of a single row is written to any file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from graft.bundle.decision import DecisionRule
from graft.bundle.documents import Told, write_documents
from graft.bundle.evidence import without_contents, write_evidence
from graft.bundle.folders import whole_folder
from graft.bundle.loading import load_bundle
from graft.bundle.manifest import write_manifest
from graft.bundle.origin import Origin
from graft.bundle.reference import write_reference
from graft.bundle.sample import made_up, write_sample
from graft.core.errors import BundleError
from graft.core.files import write_text
from graft.core.progress import SILENT, Progress
from graft.decisions.calibrators import Calibrator
from graft.decisions.conformal import ConformalInterval
from graft.decisions.far_rows import FALSE_FLAGS
from graft.decisions.policy import Policy
from graft.facts.study import StudyRecord
from graft.governance.descent_file import NAME as DESCENT
from graft.governance.descent_file import Descent
from graft.governance.records import Answer
from graft.inputs.dataset import Dataset
from graft.inputs.schema import Contract
from graft.representations.cache import ActivationCache
from graft.representations.joined_source import joined_source
from graft.representations.source import Source
from graft.rows.content import Content, kind_named
from graft.scores.bodies import trainable
from graft.scores.models import Model, VectorModel, save_model, save_tuned_body, source_places


@dataclass(frozen=True, eq=False)
class BundleParts:
    """What a bundle is made of.

    calibrator, policy: None for regression. interval: None but for regression. training: the rows the model learnt
    from, with targets. sample: rows for stored predictions, the first 32 are used. record: of the study that made it,
    or None. descent: what it was made from, asset by asset. far_rate: the share of familiar rows that may be flagged as
    far from the training rows. answers: whether it may be put to each use; empty when nobody asked.
    """

    model: Model
    contract: Contract
    calibrator: Calibrator | None
    policy: Policy | None
    interval: ConformalInterval | None
    training: Dataset
    sample: Dataset
    record: StudyRecord | None
    origin: Origin
    descent: Descent
    far_rate: float = FALSE_FLAGS
    answers: tuple[Answer, ...] = ()


def write_bundle(
    folder: Path | str,
    parts: BundleParts,
    *,
    keep_rows: bool = True,
    cache: ActivationCache | None = None,
    progress: Progress = SILENT,
) -> None:
    """Write a bundle to ``folder``; a bundle that is there already is replaced at the very end.

    keep_rows: False leaves out training contents and vectors of single rows, also from the evidence.
    cache: where vectors of training rows may be known already.
    Raises BundleError when the parts do not fit together, OutputError when the place cannot be written.
    """
    decision = DecisionRule(calibrator=parts.calibrator, policy=parts.policy, interval=parts.interval)
    decision.require_fit(parts.contract)
    if parts.training.targets is None or not len(parts.training):
        raise BundleError("no labelled training rows", needed="the rows the model learnt from, with their targets")
    with whole_folder(Path(folder)) as place:
        model = _save_model(parts.model, place / "model")
        write_text(place / "contract.json", parts.contract.model_dump_json(indent=2) + "\n")
        write_text(place / "decision.json", decision.model_dump_json(indent=2) + "\n")
        write_text(place / "lineage.json", parts.origin.model_dump_json(indent=2) + "\n")
        record = parts.record
        if record is not None and not keep_rows:
            record = without_contents(record, _told(parts, record))
        write_evidence(place, record)
        write_text(place / DESCENT, parts.descent.model_dump_json(indent=2) + "\n")
        kept = write_reference(
            place, model, parts.training, keep_rows=keep_rows, rate=parts.far_rate, cache=cache, progress=progress
        )
        told = Told(
            parts.contract,
            record,
            rows=len(parts.training),
            kept_rows=kept,
            vocabulary=bool(model.encoders),
        )
        write_documents(place, parts.origin, told, descent=parts.descent, answers=parts.answers)
        # What names a file would not be found beside a bundle that has gone elsewhere.
        real = keep_rows and len(parts.sample) > 0 and parts.training.kind.travels
        write_sample(place, model, parts.sample if real else made_up(parts.contract))
        write_manifest(place)
        load_bundle(place)


def _written(contents: Iterable[Content], rows: Dataset) -> Iterator[str]:
    """Contents as files hold them, and of those of several kinds each part as well."""
    for content in contents:
        yield rows.kind.written(content)
        for part in rows.kind.parts:
            if (value := content.of(part.name)) is not None:
                yield part.written(value)


def _save_model(model: Model, folder: Path) -> Model:
    """Save a model; random weights are written out, since what is drawn must not be read as what was learnt."""
    if isinstance(model, VectorModel):
        places = source_places(model.source, folder / "source")
        saved = tuple(part if part.weights.random_seed is None else _drawn_out(part, place) for part, place in places)
        if any(one is not part for one, (part, _) in zip(saved, places, strict=True)):
            parts = model.source.parts
            source = joined_source(saved, kind_named(model.source.reading.kind)) if parts else saved[0]
            model = replace(model, source=source)
    save_model(model, folder)
    return model


def _drawn_out(source: Source, folder: Path) -> Source:
    body = trainable(source).load(source)
    return save_tuned_body(body, source, folder, reference=source.weights.reference)


def _told(parts: BundleParts, record: StudyRecord) -> Iterator[str]:
    """Every string that is the content of a row, or names it where rows are called by what they say."""
    yield from _written((*parts.training.contents, *parts.sample.contents), parts.training)
    if parts.contract.roles.id in parts.contract.roles.content:
        yield from (*parts.training.ids, *parts.sample.ids, *(note.id for note in record.data.set_aside))
