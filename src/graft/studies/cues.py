"""Signs, before anything is trained, that a source suits the rows or does not.

Decision: cues warn and order, they never decide: no transferability score wins everywhere (Agostinelli et al. 2022), so
they may keep a source from the expensive strategies when there are many, and nothing else.
"""

import numpy as np

from graft.core.seeds import generator
from graft.core.tasks import Task
from graft.evidence.transferability import chance_agreement, logme, neighbour_agreement
from graft.facts.study import CueFact
from graft.representations.source import Source
from graft.scores.workbench import Workbench

_SAMPLE = 4000
_FERTILITY, _UNKNOWN, _TRUNCATED = 2.2, 0.02, 0.05


def cues_of(bench: Workbench, source: Source, rows: np.ndarray, *, seed: int = 0) -> tuple[CueFact, ...]:
    """The cues of one source on development rows: at most 4,000, drawn by the seed, the same for all sources."""
    rows = _sample(rows, seed)
    tokens = bench.tokens(source).take(rows)
    fertility = float(tokens.lengths.sum() / max(1, tokens.words.sum()))
    unknown, truncated = float(tokens.unknown.mean()), float(tokens.truncated.mean())
    vectors = bench.vectors(source)[rows]
    targets = bench.targets[rows]
    found = [
        _cue(source, "pieces per word", fertility, "how finely the tokenizer cuts the words", fertility > _FERTILITY),
        _cue(source, "unknown tokens", unknown, "share of tokens the source has never seen", unknown > _UNKNOWN),
        _cue(source, "truncated rows", truncated, "share of rows longer than the source reads", truncated > _TRUNCATED),
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


def _sample(rows: np.ndarray, seed: int) -> np.ndarray:
    """At most 4,000 of the rows, in their order: a file's first rows are often of one class or one month."""
    if len(rows) <= _SAMPLE:
        return rows
    chosen: np.ndarray = rows[np.sort(generator(seed, "cues").choice(len(rows), _SAMPLE, replace=False))]
    return chosen


def _cue(source: Source, name: str, value: float, meaning: str, warning: bool) -> CueFact:
    return CueFact(source=source.weights.reference, name=name, value=value, meaning=meaning, warning=bool(warning))
