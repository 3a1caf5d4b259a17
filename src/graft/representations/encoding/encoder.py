"""The fast encoder: texts to pooled vectors, or to token activations at a layer, through the cache.

Decisions: texts are taken in chunks, duplicates once. While a chunk runs, the next one is tokenised. A finished chunk
is a shard of the cache, so a killed run loses one chunk at most, and memory holds two. Inside a chunk rows are sorted
by length and run in batches of fixed shapes (``batching``), so a row's vector does not depend on the rows beside it.
"""

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field

import numpy as np
import torch

from graft.core.digests import content_digest, key
from graft.core.errors import TextsCut
from graft.core.progress import SILENT, Progress, Stage
from graft.core.several import several
from graft.representations.backbone import native_precision
from graft.representations.cache import ActivationCache, CachedRows, Ragged, concatenate
from graft.representations.encoding.batching import TOKENS_PER_BATCH, batches
from graft.representations.encoding.bodies import Body, Precision, as_precision, load_body
from graft.representations.encoding.fidelity import Fidelity, compare, record, recorded, require_faithful, sample_of
from graft.representations.encoding.streaming import ahead
from graft.representations.reading import Role
from graft.representations.source import Source
from graft.representations.spaces import Space, pooled_space
from graft.representations.tokens import tokenise

__all__ = ["TOKENS_PER_BATCH", "EncodeReport", "Encoder", "batches"]
_ROWS_PER_SHARD = 4096


@dataclass(frozen=True)
class EncodeReport:
    """What an encoding cost.

    rows: given. distinct: different texts. computed: rows the backbone ran for. fidelity: how near int8 vectors are to
    float32, None in the other precisions and where nothing was computed. cut: rows longer than ``limit`` tokens, of
    which the rest was not read (not counted for activations at a layer).
    """

    rows: int
    distinct: int
    computed: int
    fidelity: Fidelity | None = None
    cut: int = 0
    limit: int = field(default=0, compare=False)

    def words(self) -> str:
        """What was left out, as a person reads it; empty when nothing was."""
        return cut_in_words(self.cut, self.rows, self.limit)

    def warn(self) -> None:
        """Warn of what was left out, for callers who are handed vectors alone."""
        if self.cut:
            warnings.warn(self.words(), TextsCut, stacklevel=3)


def cut_in_words(cut: int, rows: int, limit: int) -> str:
    """How many texts were cut, and where; empty when none was.

    >>> cut_in_words(2, 300, 256)
    '2 of 300 texts are longer than the 256 tokens the source reads: the rest of each was left out'
    """
    if not cut:
        return ""
    many = f"{cut:,} of {rows:,} texts" if rows > 1 else "the text"
    are, rest = ("is", "it") if cut == 1 else ("are", "each")
    return f"{many} {are} longer than the {limit:,} tokens the source reads: the rest of {rest} was left out"


@dataclass
class _Job:
    """One batch of texts on its way.

    texts, digests: the distinct ones. inverse: for each text given, its place among them. missing: places that no cache
    holds. known: the others, in order. made: results so far, in the order of ``missing``. cut: places of what was cut.
    """

    texts: list[str]
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
        held = np.setdiff1d(np.arange(len(self.texts)), self.missing)
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
        self.precision: Precision = as_precision(precision, native_precision())
        self.force = force
        self.fidelity: Fidelity | None = None
        self._models: dict[int | None, Body] = {}

    @property
    def space(self) -> Space:
        """The space of the pooled vectors."""
        return pooled_space(self.source, str(self.precision).removeprefix("torch."))

    def reading_as(self, role: Role) -> "Encoder":
        """The encoder that reads texts in a role; weights that are loaded already are shared."""
        other = copy(self)
        other.source = self.source.read_as(role)
        return other

    def vectors(self, texts: str | Sequence[str], *, progress: Progress = SILENT) -> tuple[np.ndarray, EncodeReport]:
        """Pooled vectors, float32, shape (rows, dimension), and what they cost.

        Raises SourceError when the source cannot be used, or not in int8.
        """
        rows, report = self._whole(several(texts), None, progress)
        return rows.values, report

    def boundary(
        self, texts: str | Sequence[str], layer: int, *, progress: Progress = SILENT
    ) -> tuple[Ragged, EncodeReport]:
        """Token activations after ``layer`` layers; values as uint16 holding bfloat16, or float32."""
        return self._whole(several(texts), layer, progress)

    def stream(
        self, batches: Iterable[Sequence[str]], *, rows: int = 0, progress: Progress = SILENT
    ) -> Iterator[tuple[np.ndarray, EncodeReport]]:
        """Pooled vectors of one batch of texts after another, in bounded memory, and what each cost.

        batches: taken one ahead of the result, a few thousand texts each. rows: how many texts there are in all, for
        the time left. Duplicates are found within a batch; with a cache also in what was computed before.
        """
        with progress.stage(f"encode with {self.source.weights.reference}", rows, "rows") as stage:
            for job in self._run((self._job(texts, None, progress) for texts in batches), None, stage):
                stage.advance(len(job.inverse) - len(job.missing))
                yield job.result(self.source.dimension).values, self._report(job)

    def _whole(self, texts: Sequence[str], layer: int | None, progress: Progress) -> tuple[Ragged, EncodeReport]:
        job = self._job(texts, layer, progress)
        if len(job.missing):
            with progress.stage(f"encode with {self.source.weights.reference}", len(job.missing), "rows") as stage:
                list(self._run([job], layer, stage))
        return job.result(self.source.dimension), self._report(job, layer)

    def _report(self, job: _Job, layer: int | None = None) -> EncodeReport:
        cut = 0 if layer is not None else int(np.isin(job.inverse, self._cut(job)).sum())
        limit = self.source.reading.max_tokens
        return EncodeReport(len(job.inverse), len(job.texts), len(job.missing), self.fidelity, cut, limit)

    def _cut(self, job: _Job) -> np.ndarray:
        """Places of the texts that were cut, those that a cache knew among them."""
        reading, known = self.source.reading, np.setdiff1d(np.arange(len(job.texts)), job.missing)
        # A token holds a byte or more, so what has far fewer bytes than the limit need not be looked at.
        few = reading.max_tokens // 2 - len(reading.prompt.encode("utf-8", "replace"))
        long = [place for place in known.tolist() if len(job.texts[place].encode("utf-8", "replace")) > few]
        cut = tokenise(self.source, [job.texts[place] for place in long]).truncated if long else np.zeros(0, bool)
        return np.concatenate([*job.cut, np.array(long, np.int64)[cut]])

    def _job(self, texts: Sequence[str], layer: int | None, progress: Progress) -> _Job:
        first: dict[bytes, int] = {}
        distinct: list[str] = []
        inverse = np.zeros(len(texts), np.int64)
        for row, text in enumerate(texts):
            place = inverse[row] = first.setdefault(content_digest(text), len(first))
            if place == len(distinct):
                distinct.append(text)
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
        # Queries and documents are of one space, and yet the same text may be read differently as one and as the other.
        return key({"space": self.space.computation, "layer": layer, "prompt": self.source.reading.prompt})

    def _run(self, jobs: Iterable[_Job], layer: int | None, stage: Stage) -> Iterator[_Job]:
        """Jobs as they are finished, in order."""
        started, done = time.perf_counter(), 0

        def chunks() -> Iterator[tuple[_Job, np.ndarray, bool]]:
            for job in jobs:
                starts = range(0, max(1, len(job.missing)), _ROWS_PER_SHARD)
                for start in starts:
                    yield job, job.missing[start : start + _ROWS_PER_SHARD], start == starts[-1]

        for (job, places, last), tokens in ahead(
            lambda chunk: tokenise(self.source, [chunk[0].texts[place] for place in chunk[1]]), chunks()
        ):
            if len(places):
                job.cut.append(places[tokens.truncated])
                order: list[np.ndarray] = []
                pieces: list[Ragged] = []
                for rows, piece in self._model(layer, job.texts).run(tokens, pooled=layer is None):
                    order.append(rows)
                    pieces.append(piece)
                    done += len(rows)
                    stage.advance(len(rows), f"{done / (time.perf_counter() - started):,.0f} rows/s")
                made = concatenate(pieces).take(np.argsort(np.concatenate(order)))
                job.made.append(made)
                if self.cache is not None:
                    self.cache.put(self._place(layer), [job.digests[place] for place in places], made)
            if last:
                yield job

    def _model(self, layer: int | None, texts: Sequence[str]) -> Body:
        if self.precision == "int8" and self.fidelity is None:
            self.fidelity = self._checked(texts)
        if layer not in self._models:
            self._models[layer] = load_body(self.source, layer, self.precision)
        return self._models[layer]

    def _checked(self, texts: Sequence[str]) -> Fidelity:
        """How near int8 is to float32 here, measured once a source. Raises SourceError where it is too far."""
        found = recorded(self.space)
        if found is None:
            sample = sample_of(texts)
            self._models[None] = load_body(self.source, None, "int8")
            exact = Encoder(self.source, precision=torch.float32).vectors(sample)[0]
            rough = Encoder(self.source, precision="int8", force=True)
            rough._models, rough.fidelity = self._models, Fidelity(1, 1, 0)
            found = compare(exact, rough.vectors(sample)[0])
            record(self.space, found)
        if not self.force:
            require_faithful(found, self.source.weights.reference)
        return found
