"""A table behaves like a dictionary, whatever is done to it, in every version, and Polars agrees."""

import tempfile
from pathlib import Path

import polars as pl
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft.tables.delta import data_files, leaving
from graft.tables.table import EmbeddingTable
from table_rows import SPACE, contents, rows, vector

NAMES = [f"n{number}" for number in range(12)]
some = st.lists(st.sampled_from(NAMES), unique=True, max_size=12)
steps = st.one_of(
    st.tuples(st.just("upsert"), some, st.integers(0, 2)),
    st.tuples(st.just("label"), some, st.integers(0, 2)),
    st.tuples(st.just("delete"), some, st.just(0)),
    st.tuples(st.just("compact"), st.just([]), st.just(0)),
)


def step(table, model, what, names, number):
    """Do one thing to the table and to the dictionary of (vector's edition, label)."""
    if what == "upsert":
        table.upsert(rows(names, number))
        model |= {name: (number, model.get(name, (0, None))[1]) for name in names}
    elif what == "label":
        done = table.upsert(pa.table({"id": pa.array(names, pa.string()), "label": pa.array([number] * len(names))}))
        assert sorted(problem.id for problem in done.refused) == sorted(name for name in names if name not in model)
        model |= {name: (model[name][0], number) for name in names if name in model}
    elif what == "delete":
        assert table.delete(names) == len([name for name in names if model.pop(name, None) is not None])
    else:
        table.compact()


def check(table, model):
    assert contents(table) == {name: vector(name, edition).tobytes() for name, (edition, _) in model.items()}
    read = table.read(["id", *(["label"] if "label" in table.schema.names else [])]).to_pylist()
    assert {row["id"]: row.get("label") for row in read} == {name: label for name, (_, label) in model.items()}
    assert table.count() == len(model)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=8), st.sampled_from([0, 1500, 16 << 20]), st.sampled_from([4, 1 << 18]))
def test_a_table_is_a_dictionary_with_versions(done, moved_bytes, file_rows):
    before = leaving._MOVED_BYTES, data_files._FILE_ROWS
    leaving._MOVED_BYTES, data_files._FILE_ROWS = moved_bytes, file_rows
    try:
        with tempfile.TemporaryDirectory() as folder:
            table = EmbeddingTable.create(Path(folder) / "t", SPACE)
            model, versions = {}, {0: {}}
            for what, names, number in done:
                step(table, model, what, names, number)
                versions[table.version] = dict(model)
                check(table, model)
                assert set(pl.read_delta(str(table.store.root), columns=["id"])["id"]) == set(model)
            for version, then in versions.items():
                check(table.as_of(version), then)
    finally:
        leaving._MOVED_BYTES, data_files._FILE_ROWS = before
