import shutil
import threading

import numpy as np
import pytest

import tiny
from graft.representations.cache import ActivationCache
from graft.representations.encoding import encoder as encoders
from graft.representations.encoding.encoder import Encoder, EncodeReport
from graft.representations.encoding.streaming import ahead
from graft.representations.sources import resolve_source
from graft.representations.tokens import tokenise


class Seen:
    """Progress that remembers; it fails once ``limit`` rows are done, as a kill would."""

    def __init__(self, limit: int = 10**9):
        self.stages, self.rows, self.notes, self.limit = [], 0, set(), limit

    def stage(self, name, total, unit):
        self.stages.append((name, total, unit))
        return self

    def __enter__(self):
        return self

    def __exit__(self, *given):
        return None

    def advance(self, amount=1, note=""):
        self.rows += amount
        self.notes.add(note)
        if self.rows > self.limit:
            raise KeyboardInterrupt

    def say(self, text):
        raise AssertionError(text)


def test_items_come_in_order_and_are_made_in_another_thread():
    found = list(ahead(lambda item: (item * 2, threading.current_thread() is threading.main_thread()), range(5)))
    assert found == [(item, (item * 2, False)) for item in range(5)]
    assert list(ahead(len, [])) == []


def test_only_one_item_is_taken_ahead():
    taken: list[int] = []

    def items():
        for item in range(10):
            taken.append(item)
            yield item

    for item, _ in ahead(str, items()):
        assert len(taken) <= item + 2


def test_an_error_is_raised_at_its_item():
    made = ahead(lambda item: 1 / (2 - item), range(5))
    assert [next(made), next(made)] == [(0, 0.5), (1, 1.0)]
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_a_stream_gives_what_all_at_once_gives():
    source, seen = tiny.encoder("bert", 4), Seen()
    texts = tiny.texts(*(1 + row % 40 for row in range(50)), seed=4)
    parts = [texts[:20], [], texts[20:21], [*texts[21:], texts[30], texts[30]]]
    taken = []

    def batches():
        for number, part in enumerate(parts):
            taken.append(number)
            yield part

    found = []
    for number, (vectors, report) in enumerate(Encoder(source).stream(batches(), rows=52, progress=seen)):
        assert max(taken) <= number + 1
        assert (report.rows, vectors.shape, vectors.dtype) == (len(parts[number]), (report.rows, 32), np.float32)
        found.append(vectors)
    assert len(found) == 4
    np.testing.assert_array_equal(np.concatenate(found), Encoder(source).vectors([*texts, texts[30], texts[30]])[0])
    assert (seen.stages, seen.rows) == ([(f"encode with {source.weights.reference}", 52, "rows")], 52)
    assert any(note.endswith(" rows/s") for note in seen.notes)


def test_a_stream_reads_what_was_computed_before(tmp_path):
    source, cache = tiny.encoder("bert", 4), ActivationCache(tmp_path)
    old, new = tiny.texts(3, 9, 14), tiny.texts(5, 21, seed=9)
    Encoder(source, cache=cache).vectors(old)
    reports = [report for _, report in Encoder(source, cache=cache).stream([[*new, *old], old])]
    assert reports == [EncodeReport(5, 5, 2), EncodeReport(3, 3, 0)]


@pytest.mark.parametrize("layer", [None, 2])
def test_a_killed_run_keeps_every_finished_chunk(tmp_path, monkeypatch, layer):
    monkeypatch.setattr(encoders, "_ROWS_PER_SHARD", 8)
    source, cache = tiny.encoder("bert", 4), ActivationCache(tmp_path)
    texts = tiny.texts(*(1 + row % 40 for row in range(30)), seed=5)

    def encode(encoder, progress):
        if layer is None:
            return encoder.vectors(texts, progress=progress)
        rows, report = encoder.boundary(texts, layer, progress=progress)
        return rows.values, report

    with pytest.raises(KeyboardInterrupt):
        encode(Encoder(source, cache=cache), Seen(limit=17))
    values, report = encode(Encoder(source, cache=cache), Seen())
    assert (report.distinct, report.computed) == (30, 14)
    np.testing.assert_array_equal(values, encode(Encoder(source), Seen())[0])


def test_a_tokenizer_that_changed_on_the_disk_is_read_again(tmp_path):
    shutil.copytree(tiny.encoder("bert").weights.directory, tmp_path / "m")
    before = resolve_source(f"path:{tmp_path / 'm'}")
    assert tokenise(before, ["BA"]).row(0)[1] != 1
    tiny.edit_json(tmp_path / "m" / "tokenizer.json", normalizer=None)
    assert tokenise(resolve_source(f"path:{tmp_path / 'm'}"), ["BA"]).row(0)[1] == 1
