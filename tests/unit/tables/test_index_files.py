"""Index files: tied to space, generation and version; whole or absent; never a row that is gone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graft.core.errors import InputError, OutputError, SpaceMismatch, TableError
from graft.representations.spaces import given_space
from graft.tables.exact import exact_search
from graft.tables.index import IndexFile
from graft.tables.index.graph import Graph
from graft.tables.index.recall import recall_of
from graft.tables.index.rescoring import search_graph
from graft.tables.searching import Searcher
from unit.tables.index_data import DIMENSION, SETTINGS, SPACE, build, grouped, names, reopen

ROWS = 2000


def unused() -> tuple[list[str], np.ndarray]:
    raise AssertionError("the index need not be built anew")


def update(
    index: IndexFile, ids: list[str], vectors: np.ndarray, removed: list[str], *, version: int = 4,
    everything: Callable[[], tuple[list[str], np.ndarray]] = unused,
) -> IndexFile:  # fmt: skip
    return index.update(
        ids, vectors, removed, version=version, everything=everything, space=SPACE, rng=np.random.default_rng(0)
    )


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {".lock"}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    build(tmp_path / "g1.index", names(ROWS), grouped(ROWS))
    return tmp_path / "g1.index"


def test_an_index_says_what_it_was_made_from(built: Path) -> None:
    index = reopen(built)
    record = index.record
    assert (record.rows, record.gone, record.version, record.generation) == (ROWS, 0, 3, "g1")
    assert (record.space, record.dimension) == (SPACE.fingerprint, DIMENSION)
    assert record.recall.low < record.recall.mean <= record.recall.high
    assert record.recall.mean >= 0.99
    assert record.settings.expansion_add == SETTINGS.expansion_add
    assert not index.stale
    assert files(built) == {"index.json", f"{record.folder}/graph.usearch", f"{record.folder}/rows.parquet"}


def test_an_index_of_another_version_is_stale_and_not_asked(built: Path) -> None:
    index = reopen(built, version=4)
    assert index.stale
    ids, vectors = names(ROWS + 1), grouped(ROWS + 1, seed=7)
    searcher = Searcher(ids, vectors, SPACE, index=index)
    assert searcher.how == "exact, the index is stale"
    assert searcher.search(vectors[-1:], k=1, space=SPACE).ids[0, 0] == ids[-1]


def test_an_index_of_another_space_is_refused(built: Path) -> None:
    with pytest.raises(SpaceMismatch, match="another embedding space"):
        IndexFile.open(built, space=given_space("ours v2", DIMENSION, normalise=True), generation="g1", version=3)
    with pytest.raises(TableError, match="belongs to generation 'g1'"):
        IndexFile.open(built, space=SPACE, generation="g2", version=3)


@pytest.mark.parametrize("name", ["graph.usearch", "rows.parquet"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_files_are_refused(built: Path, name: str, damage: str) -> None:
    path = built / reopen(built).record.folder / name
    raw = bytearray(path.read_bytes())
    if damage == "flip":
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
    elif damage == "cut":
        path.write_bytes(raw[: len(raw) // 2])
    else:
        path.unlink()
    with pytest.raises(TableError, match=f"{name}.*(was changed|is missing)"):
        reopen(built)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": 2}, "has schema 2"),
        ({"rows": "many"}, "rows"),
        ({"folder": "../../elsewhere"}, "folder"),
        ({"surprise": 1}, "surprise"),
        ({"files": {}}, "was changed"),
    ],
    ids=["schema", "type", "outside", "unknown", "nothing"],
)
def test_a_damaged_pointer_is_refused(built: Path, change: dict[str, object], told: str) -> None:
    stated = json.loads((built / "index.json").read_text())
    del stated["digest"]  # as whoever changes it on purpose would
    (built / "index.json").write_text(json.dumps({**stated, **change}))
    with pytest.raises(TableError, match=told):
        reopen(built)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"], ids=["empty", "half", "list", "zero"])
def test_a_pointer_that_is_no_record_is_refused(built: Path, text: str) -> None:
    (built / "index.json").write_text(text)
    with pytest.raises(TableError):
        reopen(built)


def test_no_index_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="there is no index"):
        reopen(tmp_path / "g1.index")


def test_an_update_finds_what_is_new_and_never_what_is_gone(built: Path) -> None:
    """Some rows change, some are new, some are removed; the order of the table changes too."""
    before = grouped(ROWS)
    changed, removed, new = names(100), names(100, 500), names(50, ROWS)
    fresh = grouped(150, seed=9)
    index = update(reopen(built), changed + new, fresh, removed)
    table = dict(zip(names(ROWS), before, strict=True)) | dict(zip(changed + new, fresh, strict=True))
    for name in removed:
        del table[name]
    ids, vectors = list(table)[::-1], np.array(list(table.values()), np.float32)[::-1].copy()
    for opened in (index, reopen(built, version=4)):
        assert (opened.record.rows, opened.record.gone, opened.stale) == (len(ids), 200, False)
        searcher = Searcher(ids, vectors, SPACE, index=opened)
        assert searcher.how == "graph"
        old_places = searcher.search(before[np.r_[:100, 500:600]], k=10, space=SPACE)
        assert not set(old_places.ids.ravel()) & set(removed)
        assert old_places.distances[:, 0].min() > 1e-4
        assert np.mean(searcher.search(fresh, k=1, space=SPACE).ids[:, 0] == np.array(changed + new)) >= 0.98
        truth = exact_search(before, vectors, 10)
        found = search_graph(opened.graph, opened.rows(ids, vectors), before, 10)
        assert recall_of(found, truth).mean >= 0.99


def test_many_updates_lose_nothing(built: Path) -> None:
    table = dict(zip(names(ROWS), grouped(ROWS), strict=True))
    index = reopen(built)
    for version in range(4, 8):
        changed = names(80, 80 * version)
        fresh = grouped(80, seed=version)
        table |= dict(zip(changed, fresh, strict=True))
        index = update(index, changed, fresh, [], version=version)
    ids, vectors = list(table), np.array(list(table.values()), np.float32)
    found = Searcher(ids, vectors, SPACE, index=reopen(built, version=7)).search(vectors, k=1, space=SPACE)
    assert index.record.gone == 320
    assert np.mean(found.ids[:, 0] == np.array(ids)) >= 0.995


def test_an_index_with_many_forgotten_rows_is_built_anew(built: Path) -> None:
    changed, fresh = names(600), grouped(600, seed=9)
    vectors = np.concatenate([fresh, grouped(ROWS)[600:]])
    index = update(reopen(built), changed, fresh, [], everything=lambda: (names(ROWS), vectors))
    assert (index.record.gone, index.record.rows, index.record.version) == (0, ROWS, 4)
    hits = Searcher(names(ROWS), vectors, SPACE, index=index).search(fresh[:3], k=1, space=SPACE)
    assert hits.ids[:, 0].tolist() == changed[:3]


def test_a_reader_keeps_the_index_it_opened(built: Path) -> None:
    vectors = grouped(ROWS)
    reader = Searcher(names(ROWS), vectors, SPACE, index=reopen(built))
    update(reopen(built), names(200), grouped(200, seed=9), [])
    build(built, names(10), vectors[:10], version=5)
    found = reader.search(vectors, k=1, space=SPACE).ids[:, 0]
    assert np.mean(found == np.array(names(ROWS))) >= 0.995
    assert len(files(built)) == 3


def test_an_index_replaced_meanwhile_is_not_updated(built: Path) -> None:
    mine = reopen(built)
    update(reopen(built), names(1), grouped(1, seed=9), [])
    with pytest.raises(TableError, match="replaced after it was opened"):
        update(mine, names(1), grouped(1, seed=8), [])


def test_a_mapped_graph_is_not_changed(built: Path) -> None:
    with pytest.raises(TableError, match="a mapped index"):
        reopen(built).graph.add(grouped(1), np.array([ROWS], np.uint64))


def test_a_graph_of_another_dimension_is_refused(built: Path) -> None:
    index = reopen(built)
    with pytest.raises(TableError, match="dimension 16, not 17"):
        Graph.view(built / index.record.folder / "graph.usearch", 17, settings=SETTINGS)


KILLED = """
import os, sys
from contextlib import contextmanager
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from unit.tables.index_data import SPACE, build, grouped, names
from graft.tables.index import files, graph

if sys.argv[1] == "saving":
    graph.Graph.save = lambda self, path: os._exit(9)
else:
    files.write_record = lambda folder, record: os._exit(9)
build(Path.cwd(), names(3000), grouped(3000, seed=3), version=9)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["saving", "swapping"])
def test_a_killed_build_leaves_the_index_before_it(built: Path, moment: str) -> None:
    """The process dies when a file has its temporary name, and when everything is written but the pointer."""
    command = [sys.executable, "-c", KILLED, moment, str(Path(__file__).parents[2])]
    assert subprocess.run(command, cwd=built, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False).returncode == 9
    index = reopen(built)
    assert (index.record.version, index.record.rows) == (3, ROWS)
    assert len(files(built)) == (4 if moment == "saving" else 5)
    build(built, names(20), grouped(20), version=10)
    assert reopen(built, version=10).record.rows == 20
    assert len(files(built)) == 3


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        build(tmp_path / "file" / "g1.index", names(5), grouped(5))


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_hardly_any_rows_have_an_index_too(tmp_path: Path, rows: int) -> None:
    build(tmp_path, names(rows), grouped(rows))
    hits = Searcher(names(rows), grouped(rows), SPACE, index=reopen(tmp_path)).search(grouped(2), k=2, space=SPACE)
    assert hits.ids.tolist() == [[*names(rows), *[None] * (2 - rows)]] * 2


def test_what_cannot_be_indexed_is_refused(tmp_path: Path) -> None:
    vectors = grouped(3)
    with pytest.raises(InputError, match="stands twice"):
        build(tmp_path, ["a", "b", "a"], vectors)
    with pytest.raises(InputError, match=r"2 ids with vectors of shape \(3, 16\)"):
        build(tmp_path, ["a", "b"], vectors)
    with pytest.raises(InputError, match="1 vectors hold NaN"):
        build(tmp_path, names(3), np.where(np.arange(3)[:, None] == 1, np.nan, vectors))
    assert files(tmp_path) == set()
