"""One open table, asked by many threads while another program writes."""

import copy
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from graft.core.seeds import generator
from graft.representations.spaces import given_space
from graft.tables.columns import vector_column
from graft.tables.indexing import bring_up_to_date
from graft.tables.table import EmbeddingTable

SPACE = given_space("made up", 2)
NAMES = [f"{number:03d}" for number in range(60)]


def rows(version):
    """Every row says in three ways which version it is of: by its vector, its text and its number."""
    angle = 0.01 * version
    vector = np.tile(np.array([[np.cos(angle), np.sin(angle)]], np.float32), (len(NAMES), 1))
    return pa.table(
        {
            "id": NAMES,
            "vector": vector_column(vector),
            "version": [version] * len(NAMES),
            "text": [f"{name} of {version}" for name in NAMES],
        }
    )


@pytest.mark.parametrize(("readers", "seconds"), [(6, 0), pytest.param(8, 60, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_an_answer_is_of_one_version_though_somebody_writes(tmp_path, readers, seconds):
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    table.upsert(rows(0))
    opened, done, east = EmbeddingTable.open(tmp_path / "t"), threading.Event(), np.array([1, 0], np.float32)

    def ask(number):
        answers = 0
        while not done.is_set() or answers < 3:
            where = None if number % 2 else f"id < '{NAMES[20 + number]}'"
            found = opened.search(east, k=len(NAMES), where=where, space=SPACE)
            version = found["version"][0]
            assert found.height == (len(NAMES) if where is None else 20 + number)
            assert found["version"].to_list() == [version] * found.height
            assert found["text"].to_list() == [f"{name} of {version}" for name in found["id"]]
            np.testing.assert_allclose(found["distance"].to_numpy(), 1 - np.cos(0.01 * version), atol=1e-5)
            answers += 1
        return answers

    end, version = time.monotonic() + seconds, 0
    with ThreadPoolExecutor(readers) as threads:
        asking = [threads.submit(ask, number) for number in range(readers)]
        try:
            while version < 24 or time.monotonic() < end:
                version += 1
                table.upsert(rows(version))
                if version % 10 == 0:
                    table.compact()
        finally:
            done.set()
        assert all(one.result() >= 3 for one in asking)
    assert opened.search(east, k=1, space=SPACE)["version"].item() == version


def test_a_table_may_be_copied_and_pickled_after_a_question(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    table.upsert(rows(3))
    east = np.array([1, 0], np.float32)
    said = table.search(east, k=4, space=SPACE)
    for other in (copy.copy(table), copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert other.search(east, k=4, space=SPACE).equals(said)


def test_an_open_table_follows_a_new_index(tmp_path):
    table = EmbeddingTable.create(tmp_path / "t", SPACE)
    table.upsert(rows(0))
    east = np.array([1, 0], np.float32)
    table.search(east, k=1, space=SPACE)
    before = table._asking.held
    assert before.searcher.how == "exact"
    bring_up_to_date(EmbeddingTable.open(tmp_path / "t"), rng=generator(0, "index"))
    table.search(east, k=1, space=SPACE)
    assert table._asking.held.searcher.how == "graph"
    assert table._asking.held.columns is before.columns
