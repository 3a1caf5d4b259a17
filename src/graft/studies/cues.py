"""Signs, before anything is trained, that a source suits the rows or does not.

Decision: cues warn and order, they never decide: no transferability score wins everywhere (Agostinelli et al. 2022), so
they may keep a source from the expensive strategies when there are many, and nothing else.
"""

import numpy as np

from graft.evidence.transferability import logme, neighbour_agreement
from graft.inputs.roles import Task
from graft.representations.sources import Source
from graft.scores.workbench import Workbench
from graft.studies.record import CueFact

_SAMPLE = 4000
_FERTILITY, _UNKNOWN, _TRUNCATED = 2.2, 0.02, 0.05


def cues_of(bench: Workbench, source: Source, rows: np.ndarray) -> tuple[CueFact, ...]:
    """The cues of one source on development rows (a sample of at most 4,000, the first ones)."""
    rows = rows[:_SAMPLE]
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
        chance = _chance(targets, bench.task)
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


def _chance(targets: np.ndarray, task: Task) -> float:
    if task is Task.MULTILABEL:
        share = targets.mean(0)
        return float((share**2 + (1 - share) ** 2).mean())
    return float(np.square(np.bincount(targets) / len(targets)).sum())


def _cue(source: Source, name: str, value: float, meaning: str, warning: bool) -> CueFact:
    return CueFact(source=source.reference, name=name, value=value, meaning=meaning, warning=bool(warning))
