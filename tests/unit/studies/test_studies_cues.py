"""Cues are read from a random sample of the rows, and compared with what chance would give."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from graft.inputs import Task
from graft.studies.cues import cues_of

SOURCE = SimpleNamespace(
    weights=SimpleNamespace(reference="a source", pretrained=False, directory=Path("nowhere")),
    reading=SimpleNamespace(kind="text"),
    parts=(),
)


@dataclass
class Tokens:
    """What the tokenizer says about rows."""

    lengths: np.ndarray
    words: np.ndarray
    unknown: np.ndarray
    truncated: np.ndarray

    def take(self, rows: np.ndarray) -> "Tokens":
        return Tokens(self.lengths[rows], self.words[rows], self.unknown[rows], self.truncated[rows])


def bench_of(targets: np.ndarray, task: Task, *, vectors: np.ndarray, truncated: np.ndarray):
    size = len(targets)
    tokens = Tokens(np.full(size, 12), np.full(size, 10), np.zeros(size), truncated)
    return SimpleNamespace(task=task, targets=targets, tokens=lambda _: tokens, vectors=lambda _: vectors)


def value(cues, name):
    return next(cue for cue in cues if cue.name == name)


def sorted_rows(rows: int = 12_000):
    """The last half of the rows is cut, and of another class."""
    late = np.arange(rows) >= rows // 2
    vectors = np.random.default_rng(0).standard_normal((rows, 4)).astype(np.float32)
    return bench_of(late.astype(np.int64), Task.BINARY, vectors=vectors, truncated=late)


def test_cues_are_read_from_rows_anywhere_in_the_file():
    bench = sorted_rows()
    found = cues_of(bench, SOURCE, np.arange(12_000), seed=3)
    assert value(found, "truncated rows").value == pytest.approx(0.5, abs=0.04)
    agreement = value(found, "neighbour agreement")
    assert agreement.value == pytest.approx(0.5, abs=0.03)
    assert "(0.50 by chance)" in agreement.meaning
    assert agreement.warning


def test_the_sample_is_the_seeds():
    bench = sorted_rows()
    one, again, other = (cues_of(bench, SOURCE, np.arange(12_000), seed=seed) for seed in (3, 3, 4))
    assert one == again
    assert value(one, "truncated rows").value != value(other, "truncated rows").value


def test_few_rows_are_all_read():
    bench = sorted_rows(3000)
    one, other = (cues_of(bench, SOURCE, np.arange(3000), seed=seed) for seed in (3, 4))
    assert one == other
    assert value(one, "truncated rows").value == 0.5


def test_rare_labels_are_not_mistaken_for_agreement():
    """Twenty rare labels: per label nearly all rows agree (0.9), their sets hardly ever do."""
    rng = np.random.default_rng(0)
    targets = (rng.random((1500, 20)) < 0.05).astype(np.uint8)
    targets[np.arange(1500), rng.integers(20, size=1500)] = 1
    told = targets.astype(np.float32) + 0.05 * rng.standard_normal((1500, 20)).astype(np.float32)
    noise = rng.standard_normal((1500, 20)).astype(np.float32)
    good, bad = (
        value(
            cues_of(
                bench_of(targets, Task.MULTILABEL, vectors=vectors, truncated=np.zeros(1500, bool)),
                SOURCE,
                np.arange(1500),
            ),
            "neighbour agreement",
        )
        for vectors in (told, noise)
    )
    assert "(0.06 by chance)" in good.meaning
    assert (good.warning, bad.warning) == (False, True)
    assert bad.value == pytest.approx(0.06, abs=0.01)
