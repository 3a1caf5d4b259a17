"""A loaded bundle: predictions for any table that has the columns of its contract.

Decisions: no good row is lost because of a bad one; what is said about a row depends on that row alone, to the last
bit; what makes a prediction doubtful (a text that was cut, a row far from everything learnt) stands beside the
prediction, not in a log.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graft.bundle.decision import DecisionRule, RowDecisions
from graft.bundle.explanations import explain_pieces
from graft.bundle.manifest import Manifest
from graft.bundle.nearness import ReferenceRows
from graft.bundle.origin import Origin
from graft.bundle.predictions import EXPLANATIONS, Predictions, Problems, assemble, identifiers, in_words_of
from graft.bundle.raw_scores import RawScores, score
from graft.bundle.reference import Reference, why_far
from graft.core.display import as_progress
from graft.core.progress import SILENT, Progress
from graft.core.tasks import CLASSES, Task
from graft.facts.study import StudyRecord
from graft.inputs.dataset import Dataset, build_dataset
from graft.inputs.schema import Contract
from graft.representations.encoding.joined_encoder import cut_parts
from graft.rows.table import Table, read_frame
from graft.scores.models import Model

if TYPE_CHECKING:
    from graft.rows.table import Source

_UNTOLD = (
    "no row is flagged as far from the training rows: the model learnt from too few independent rows to tell familiar "
    "rows from others"
)


@dataclass(frozen=True)
class BundleInfo:
    """What ``graft bundle show`` tells. verdict: the sentence of the study, empty when it is not known."""

    task: str
    labels: tuple[str, ...]
    inputs: tuple[str, ...]
    kind: str
    source: str
    strategy: str
    done: str
    licence: str
    verdict: str
    metric: str
    score: float | None
    kept_rows: int
    created: str
    created_by: str
    files: int
    size: int


@dataclass(frozen=True, eq=False)
class Bundle:
    """A saved model, read by load_bundle. record: of the study that made it, or None."""

    folder: Path
    model: Model
    contract: Contract
    decision: DecisionRule
    origin: Origin
    record: StudyRecord | None
    reference: Reference
    manifest: Manifest

    def predict(
        self,
        rows: "Source | Table",
        *,
        explain: bool = False,
        encoding: str | None = None,
        progress: Progress | bool = False,
    ) -> Predictions:
        """Predictions for every row of a table, in its order.

        rows: anything read_frame accepts, or what it read; no rows too; the label column is not needed. explain: also
        the words that carry each prediction and the nearest training rows. encoding: what a text file is written in,
        where it is not recognised. Raises ContractError when a column of the contract is missing.
        """
        table = rows if isinstance(rows, Table) else read_frame(rows, empty=True, encoding=encoding)
        table = in_words_of(table, self.contract)
        data, found = build_dataset(table, self.contract, labelled=False)
        problems = Problems(len(table))
        for problem in found:
            problems.add(problem.row, problem.code, f"{problem.column}: {problem.message}")
        told = as_progress(progress)
        scored, far, judgement = self._judged(data, told)
        self._note_doubts(data, far, problems)
        explained = self._explained(data, scored, judgement, told) if explain else {}
        frame = assemble(
            identifiers(table, self.contract),
            judgement,
            data.rows,
            self.contract,
            problem=problems.column(),
            explained=explained,
        )
        untold = self.reference is not None and self.reference.threshold is None
        return Predictions(frame, problems.counts(), (*table.notes, *([_UNTOLD] if untold else [])))

    def judged(self, data: Dataset, *, progress: Progress = SILENT) -> tuple[RawScores, RowDecisions]:
        """What the model sees of rows of its contract, and what is decided about them."""
        scored, _, judgement = self._judged(data, progress)
        return scored, judgement

    def info(self) -> BundleInfo:
        """What the bundle is."""
        return BundleInfo(
            task=str(self.contract.task),
            labels=self.contract.labels,
            inputs=self.contract.roles.inputs,
            kind=self.model.kind,
            source=self.origin.source,
            strategy=self.origin.strategy,
            done=self.origin.done,
            licence=self.origin.licence,
            verdict="" if self.record is None else self.record.verdict.sentence,
            metric="" if self.record is None else self.record.metric,
            score=None if self.record is None else self.record.holdout.score.mean,
            kept_rows=len(self.reference.excerpts) if isinstance(self.reference, ReferenceRows) else 0,
            created=self.manifest.created,
            created_by=self.manifest.created_by,
            files=len(self.manifest.files) + 1,
            size=sum(fact.size for fact in self.manifest.files.values()),
        )

    def _judged(self, data: Dataset, progress: Progress) -> tuple[RawScores, list[str | None], RowDecisions]:
        scored = score(self.model, data, progress=progress)
        far = self._far(data, scored)
        return scored, far, self.decision.judge(scored.scores, np.array([why is not None for why in far], bool))

    def _far(self, data: Dataset, scored: RawScores) -> list[str | None]:
        """For each row why it is far from the training rows, or None."""
        return why_far(self.reference, data.contents, scored.vectors)

    def _note_doubts(self, data: Dataset, far: list[str | None], problems: Problems) -> None:
        if not len(data):
            return
        source = self.model.source
        for part, cut in () if source is None else cut_parts(source, data.contents):
            reading = part.reading
            for place in np.flatnonzero(cut).tolist():
                message = (
                    f"the {reading.kind} is longer than {reading.limit} {reading.unit}: the rest of it was not read"
                )
                problems.add(int(data.rows[place]), "truncated", message)
        for row, why in zip(data.rows.tolist(), far, strict=True):
            if why is not None:
                problems.add(row, "far", f"abstained: {why}" if self.decision.abstains else why)

    def _explained(
        self, data: Dataset, scored: RawScores, judgement: RowDecisions, progress: Progress
    ) -> dict[str, list[str] | list[None]]:
        words: list[str] | list[None] = [None] * len(data)
        nearest: list[str] | list[None] = [None] * len(data)
        if self.model.explains and len(data):
            words = self._words(data, judgement, progress)
        if isinstance(self.reference, ReferenceRows) and scored.vectors is not None:
            nearest = self.reference.nearest(scored.vectors)
        return dict(zip(EXPLANATIONS, (words, nearest), strict=True))

    def _words(self, data: Dataset, judgement: RowDecisions, progress: Progress) -> list[str]:
        """The words behind what was decided; behind the most probable class or label where that is not one class."""
        outputs = judgement.probabilities.argmax(axis=1)
        if self.contract.task in CLASSES:
            outputs = np.where(judgement.abstained, outputs, judgement.decided)
        told = explain_pieces(
            data,
            judgement.probabilities,
            outputs,
            probabilities=lambda rows: self.decision.probabilities(score(self.model, rows).scores),
            digits="+.3g" if self.contract.task is Task.REGRESSION else "+.2f",
            progress=progress,
        )
        if self.contract.task is not Task.MULTILABEL:
            return told
        labels = [self.contract.labels[place] for place in outputs]
        return [f"for {label}: {said}" if said else "" for label, said in zip(labels, told, strict=True)]
