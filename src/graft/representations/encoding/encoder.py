"""The fast encoder: contents to pooled vectors, or to token activations at a layer, through the cache.

Decisions: contents are taken in chunks, duplicates once. What they are is the business of their kind: its record says
which values fit and by which digest they are known (``rows.content``), and another how they are prepared and run
(``backbones``). While a chunk runs, the next one is prepared. A finished chunk
is a shard of the cache, so a killed run loses one chunk at most, and memory holds two. Inside a chunk rows are sorted
by length and run in batches of fixed shapes (``batching``), so a row's vector does not depend on the rows beside it.
"""

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from graft.core.digests import key
from graft.core.errors import SourceError, TextsCut
from graft.core.progress import SILENT, Progress, Stage
from graft.representations.backbone import native_precision
from graft.representations.cache import ActivationCache, CachedRows, Ragged, concatenate
from graft.representations.encoding.backbones import Backbone, backbone_of
from graft.representations.encoding.batching import TOKENS_PER_BATCH, batches
from graft.representations.encoding.bodies import Body, Precision, as_precision
from graft.representations.encoding.fidelity import Fidelity, compare, record, recorded, require_faithful, sample_of
from graft.representations.encoding.streaming import ahead
from graft.representations.reading import Reading, Role, cut_in_words
from graft.representations.source import Source
from graft.representations.spaces import Space, pooled_space
from graft.rows.content import Content, contents_of

__all__ = ["TOKENS_PER_BATCH", "EncodeReport", "Encoder", "batches"]
_ROWS_PER_SHARD = 4096


@dataclass(frozen=True)
class EncodeReport:
    """What an encoding cost.

    rows: given. distinct: different contents. computed: rows the backbone ran for. fidelity: how near int8 vectors are
    to float32, None in the other precisions and where nothing was computed. cut: rows of which ``reading`` left out the
    rest (not counted for activations at a layer).
    """

    rows: int
    distinct: int
    computed: int
    fidelity: Fidelity | None = None
    cut: int = 0
    reading: Reading | None = field(default=None, compare=False)

    def words(self) -> str:
        """What was left out, as a person reads it; empty when nothing was."""
        return "" if self.reading is None else cut_in_words(self.cut, self.rows, self.reading)

    def warn(self) -> None:
        """Warn of what was left out, for callers who are handed vectors alone."""
        if self.cut:
            warnings.warn(self.words(), TextsCut, stacklevel=3)


@dataclass
class _Job:
    """One batch of contents on its way.

    contents, digests: the distinct ones. inverse: for each content given, its place among them. missing: places that no
    cache holds. known: the others, in order. made: results so far, in the order of ``missing``. cut: places of what was
    cut.
    """

    contents: list[Content]
    digests: list[bytes]
    inverse: np.ndarray
    missing: np.ndarray
    known: Ragged | None
    made: list[Ragged] = field(default_factory=list)
    cut: list[np.ndarray] = field(default_factory=list)

    def result(self, dimension: int) -> Ragged:
        """All rows, in the order given."""
        pieces = [*([] if self.known is None else [self.known]), *self.made]
        if not pieces:
            return Ragged(np.zeros((0, dimension), np.float32), np.zeros(1, np.int64))
        held = np.setdiff1d(np.arange(len(self.contents)), self.missing)
        order = np.argsort(np.concatenate([held, self.missing]))
        return concatenate(pieces).take(order[self.inverse])


class Encoder:
    """A source ready to encode; its weights are loaded at the first row that no cache holds.

    precision: ``native`` (bfloat16 where the processor multiplies it, else float32), ``float32``, ``int8`` or a torch
    number type. force: use int8 even where its fidelity is too low; ``fidelity`` tells what it is.
    """

    def __init__(
        self,
        source: Source,
        *,
        cache: ActivationCache | None = None,
        precision: torch.dtype | str | None = None,
        force: bool = False,
    ) -> None:
        self.source = source
        self.cache = cache
        self.precision: Precision = as_precision(precision, self._backbone.native or native_precision())
        self.force = force
        self.fidelity: Fidelity | None = None
        self._models: dict[int | None, Body] = {}

    @property
    def _backbone(self) -> Backbone:
        return backbone_of(self.source)

    @property
    def space(self) -> Space:
        """The space of the pooled vectors."""
        return pooled_space(self.source, str(self.precision).removeprefix("torch."))

    def reading_as(self, role: Role) -> "Encoder":
        """The encoder that reads contents in a role; weights that are loaded already are shared."""
        other = copy(self)
        other.source = self.source.read_as(role)
        return other

    def vectors(
        self, contents: Content | Sequence[Content], *, progress: Progress = SILENT
    ) -> tuple[np.ndarray, EncodeReport]:
        """Pooled vectors, float32, shape (rows, dimension), and what they cost.

        contents: one or several, of the kind the source reads. Raises SourceError when the source cannot be used, or
        not in int8, InputError for contents of another kind.
        """
        rows, report = self._whole(contents, None, progress)
        return rows.values, report

    def boundary(
        self, contents: Content | Sequence[Content], layer: int, *, progress: Progress = SILENT
    ) -> tuple[Ragged, EncodeReport]:
        """Token activations after ``layer`` layers; values as uint16 holding bfloat16, or float32."""
        return self._whole(contents, layer, progress)

    def stream(
        self, batches: Iterable[Sequence[Content]], *, rows: int = 0, progress: Progress = SILENT
    ) -> Iterator[tuple[np.ndarray, EncodeReport]]:
        """Pooled vectors of one batch of contents after another, in bounded memory, and what each cost.

        batches: taken one ahead of the result, a few thousand contents each. rows: how many there are in all, for
        the time left. Duplicates are found within a batch; with a cache also in what was computed before.
        """
        with progress.stage(f"encode with {self.source.weights.reference}", rows, "rows") as stage:
            for job in self._run((self._job(contents, None, progress) for contents in batches), None, stage):
                stage.advance(len(job.inverse) - len(job.missing))
                yield job.result(self.source.dimension).values, self._report(job)

    def _whole(self, contents: Any, layer: int | None, progress: Progress) -> tuple[Ragged, EncodeReport]:
        job = self._job(contents, layer, progress)
        if len(job.missing):
            with progress.stage(f"encode with {self.source.weights.reference}", len(job.missing), "rows") as stage:
                list(self._run([job], layer, stage))
        return job.result(self.source.dimension), self._report(job, layer)

    def _report(self, job: _Job, layer: int | None = None) -> EncodeReport:
        cut = 0 if layer is not None else int(np.isin(job.inverse, self._cut(job)).sum())
        counts = len(job.inverse), len(job.contents), len(job.missing)
        return EncodeReport(*counts, self.fidelity, cut, self.source.reading)

    def _cut(self, job: _Job) -> np.ndarray:
        """Places of the contents that were cut, those that a cache knew among them."""
        known = np.setdiff1d(np.arange(len(job.contents)), job.missing)
        cut = self._backbone.cut(self.source, [job.contents[place] for place in known.tolist()])
        return np.concatenate([*job.cut, known[cut]])

    def _job(self, given: Any, layer: int | None, progress: Progress) -> _Job:
        first: dict[bytes, int] = {}
        distinct: list[Content] = []
        kind = self._backbone.kind
        contents = contents_of(given, kind, reader=self.source.weights.reference)
        inverse = np.zeros(len(contents), np.int64)
        for row, content in enumerate(contents):
            place = inverse[row] = first.setdefault(kind.digest(content), len(first))
            if place == len(distinct):
                distinct.append(content)
        digests = list(first)
        missing, known = self._known(digests, layer, progress)
        return _Job(distinct, digests, inverse, missing, known)

    def _known(self, digests: list[bytes], layer: int | None, progress: Progress) -> tuple[np.ndarray, Ragged | None]:
        """The places that have to be computed, and the rows of the others."""
        if self.cache is None:
            return np.arange(len(digests)), None
        while True:
            found = self.cache.find(self._place(layer), digests, tell=progress.say)
            keep = found.shard >= 0
            if not keep.any():
                return found.missing, None
            kept = CachedRows(found.shard[keep], found.place[keep], found.shards)
            known = self.cache.read(kept, tell=progress.say)
            # A shard may vanish between looking and reading, or be damaged: the others are looked for again.
            if known is not None:
                return found.missing, known

    def _place(self, layer: int | None) -> str:
        # Queries and documents are of one space, and yet the same one may be read differently as this and as that.
        return key({"space": self.space.computation, "layer": layer, "prompt": self.source.reading.prompt})

    def _run(self, jobs: Iterable[_Job], layer: int | None, stage: Stage) -> Iterator[_Job]:
        """Jobs as they are finished, in order."""
        started, done = time.perf_counter(), 0

        def chunks() -> Iterator[tuple[_Job, np.ndarray, bool]]:
            for job in jobs:
                starts = range(0, max(1, len(job.missing)), _ROWS_PER_SHARD)
                for start in starts:
                    yield job, job.missing[start : start + _ROWS_PER_SHARD], start == starts[-1]

        prepare = self._backbone.prepare
        for (job, places, last), prepared in ahead(
            lambda chunk: prepare(self.source, [chunk[0].contents[place] for place in chunk[1]]), chunks()
        ):
            if len(places):
                job.cut.append(places[prepared.truncated])
                order: list[np.ndarray] = []
                pieces: list[Ragged] = []
                for rows, piece in self._model(layer, job.contents).run(prepared, pooled=layer is None):
                    order.append(rows)
                    pieces.append(piece)
                    done += len(rows)
                    stage.advance(len(rows), f"{done / (time.perf_counter() - started):,.0f} rows/s")
                made = concatenate(pieces).take(np.argsort(np.concatenate(order)))
                if layer is None:
                    self._require_numbers(made.values)
                job.made.append(made)
                if self.cache is not None:
                    self.cache.put(self._place(layer), [job.digests[place] for place in places], made)
            if last:
                yield job

    def _require_numbers(self, vectors: np.ndarray) -> None:
        """Raise SourceError for vectors that nothing can be learnt from, before they are kept."""
        odd = int((~np.isfinite(vectors)).any(axis=1).sum())
        if odd:
            raise SourceError(
                f"{self.source.weights.reference} gives vectors that are no numbers, of {odd:,} of {len(vectors):,} "
                f"{self._backbone.kind.plural}",
                needed="weights and settings that give finite vectors",
                fix="copy the source again, or choose another",
            )

    def _model(self, layer: int | None, contents: Sequence[Content]) -> Body:
        if self.precision == "int8" and self.fidelity is None:
            self.fidelity = self._checked(contents)
        if layer not in self._models:
            self._models[layer] = self._backbone.body(self.source, layer, self.precision)
        return self._models[layer]

    def _checked(self, contents: Sequence[Content]) -> Fidelity:
        """How near int8 is to float32 here, measured once a source. Raises SourceError where it is too far."""
        found = recorded(self.space)
        if found is None:
            sample = sample_of(contents, self._backbone.kind, self._backbone.checking)
            self._models[None] = self._backbone.body(self.source, None, "int8")
            exact = Encoder(self.source, precision=torch.float32).vectors(sample)[0]
            rough = Encoder(self.source, precision="int8", force=True)
            rough._models, rough.fidelity = self._models, Fidelity(1, 1, 0)
            found = compare(exact, rough.vectors(sample)[0])
            record(self.space, found)
        if not self.force:
            require_faithful(found, self.source.weights.reference, self._backbone.kind)
        return found
