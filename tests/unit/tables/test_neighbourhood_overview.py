import json
from dataclasses import asdict

import numpy as np
import pytest

from graft.core.errors import InputError, TableError
from graft.facts.table import TableOverview
from graft.tables.neighbourhood.overview import overview
from unit.tables.clouds import apart, unit

KINDS = ("my card is lost", "exchange fee too high", "train to town is late")


def table(sizes: tuple[int, ...] = (90, 70, 60)) -> tuple[list[str], np.ndarray, list[str], dict[str, list[object]]]:
    rng = np.random.default_rng(1)
    vectors = apart(sizes, rng, noise=0.8)
    kinds = np.repeat(np.arange(len(sizes)), sizes)
    vectors[5] = unit(rng.normal(size=(1, vectors.shape[1])))[0]  # one row of another kind
    vectors[11] = vectors[10]
    texts = [f"{KINDS[kind]} {row % 7}" for row, kind in enumerate(kinds)]
    columns: dict[str, list[object]] = {
        "kind": [("card", "fee", "train")[kind] for kind in kinds],
        "amount": rng.normal(size=len(kinds)).tolist(),
    }
    return [f"t{row}" for row in range(len(kinds))], vectors, texts, columns


def look(**options: int) -> TableOverview:
    ids, vectors, texts, columns = table()
    return overview(ids, vectors, texts, columns, rng=np.random.default_rng(0), umap=False, **options)


def test_it_tells_what_is_in_the_table() -> None:
    seen = look()
    assert (seen.rows, seen.analysed, seen.dimension) == (220, 220, 24)
    clusters = seen.clustering.clusters
    assert [round(one.share, 1) for one in clusters] == [0.4, 0.3, 0.3]
    assert sum(one.rows for one in clusters) == 220
    for one, words in zip(clusters, ("card lost", "exchange fee high", "train town late"), strict=True):
        assert set(words.split()) & set(one.name.replace(",", "").split())
        assert one.traits[0].column == "kind"
        assert one.examples[0].text
    assert "t5" in [one.row.id for one in seen.outliers.listed]
    assert {"t10", "t11"} in [{row.id for row in group.members} for group in seen.duplicates.listed]
    assert [one.column for one in seen.points.columns] == ["kind"]
    assert seen.clustering.distinct


def test_it_is_json_and_the_same_again() -> None:
    first, again = (json.dumps(asdict(look()), allow_nan=False) for _ in range(2))
    assert first == again


def test_neighbours_on_the_map_are_the_nearest_in_the_full_space() -> None:
    ids, vectors, _, _ = table()
    points = look().points
    distances = 1 - vectors @ vectors.T
    np.fill_diagonal(distances, 9)
    place = {row.id: number for number, row in enumerate(points.rows)}
    assert [ids[i] for i in np.argsort(distances[0], kind="stable")[:5]] == [
        points.rows[other].id for other in points.near[place["t0"]]
    ]


def test_a_large_table_is_sampled_and_says_so() -> None:
    seen = look(most_rows=120, most_points=50)
    assert (seen.rows, seen.analysed, len(seen.points.rows)) == (220, 120, 50)
    assert sum(one.rows for one in seen.clustering.clusters) == 120
    assert all(len(one.across) == len(one.up) == 50 for one in seen.maps)
    assert max(max(near) for near in seen.points.near) < 50
    own = {f"t{row}": kind for row, kind in enumerate(table()[3]["kind"])}
    (coding,) = seen.points.columns
    assert [coding.values[code] for code in coding.codes] == [own[row.id] for row in seen.points.rows]


def test_without_texts_clusters_are_named_by_columns_and_without_columns_by_a_row() -> None:
    ids, vectors, _, columns = table()
    named = overview(ids, vectors, None, columns, rng=np.random.default_rng(0), umap=False)
    assert [one.name for one in named.clustering.clusters] == ["kind: card", "kind: fee", "kind: train"]
    bare = overview(ids, vectors, rng=np.random.default_rng(0), umap=False)
    assert all(one.name.startswith("around t") for one in bare.clustering.clusters)


def test_length_of_the_vectors_does_not_matter() -> None:
    ids, vectors, texts, columns = table()
    longer = vectors * np.linspace(0.5, 9, len(vectors), dtype=np.float32)[:, None]
    found = overview(ids, longer, texts, columns, rng=np.random.default_rng(0), umap=False)
    assert found.points.cluster == look().points.cluster


@pytest.mark.parametrize("rows", [1, 2, 3, 12])
def test_small_tables(rows: int) -> None:
    ids, vectors, texts, columns = table()
    few = {name: values[:rows] for name, values in columns.items()}
    seen = overview(ids[:rows], vectors[:rows], texts[:rows], few, rng=np.random.default_rng(0), umap=False)
    assert len(seen.points.rows) == rows
    json.dumps(asdict(seen), allow_nan=False)


def test_missing_texts_are_empty_and_long_ones_cut() -> None:
    ids, vectors, _, _ = table()
    texts = [None if row % 2 else "word " * 500 for row in range(len(ids))]
    seen = overview(ids, vectors, texts, rng=np.random.default_rng(0), umap=False)
    assert {len(row.text) > 0 for row in seen.points.rows} == {True, False}
    assert max(len(row.text) for row in seen.points.rows) <= 240


def test_rows_that_do_not_fit_are_refused() -> None:
    ids, vectors, texts, columns = table()
    with pytest.raises(TableError, match="219 ids"):
        overview(ids[:-1], vectors, texts, columns, rng=np.random.default_rng(0))
    with pytest.raises(TableError, match="column 'kind'"):
        overview(ids, vectors, texts, {"kind": columns["kind"][:3]}, rng=np.random.default_rng(0))
    with pytest.raises(TableError, match="0 rows"):
        overview([], np.zeros((0, 4), np.float32), rng=np.random.default_rng(0))
    with pytest.raises(TableError, match="shape"):
        overview(ids, vectors[:, 0], rng=np.random.default_rng(0))
    vectors[3, 2] = np.nan
    with pytest.raises(InputError, match="row 3"):
        overview(ids, vectors, rng=np.random.default_rng(0))
