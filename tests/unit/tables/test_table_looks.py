"""How rows that are no texts look in what is told of a table: pictures, waveforms, cells."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image

from graft.core.errors import TableError
from graft.report.table import render_table_page
from graft.representations.encoding.encoder import Encoder
from graft.representations.sources import resolve_source
from graft.rows import read_frame
from graft.rows.content import AUDIO, IMAGE, ROW
from graft.tables import facts
from graft.tables.embedding import embed_into
from graft.tables.facts import _looks, table_facts
from graft.tables.neighbourhood import overview as overviews
from onnx_pictures import picture_onnx, write_source

pytest.importorskip("onnxruntime")


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    names = []
    for row in range(60):
        pixels = np.clip(rng.normal(60 + 60 * (row % 3), 25, (40, 50, 3)), 0, 255).astype(np.uint8)
        names.append(f"shelf/{row}.png")
        (tmp_path / "shelf").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / names[-1])
    rows = pl.DataFrame({"id": [f"p{row}" for row in range(60)], "photo": [str(tmp_path / name) for name in names]})
    encoder = Encoder(resolve_source(f"path:{write_source(tmp_path / 'net', picture_onnx())}"))
    return embed_into(tmp_path / "table", read_frame(rows), encoder, id_column="id", content="photo")[0]


def test_a_table_of_pictures_shows_those_it_lists_and_opens_no_others(pictures, monkeypatch):
    opened = []
    real = facts.picture_of
    monkeypatch.setattr(facts, "picture_of", lambda kind, one: opened.append(one.path) or real(kind, one))
    found = table_facts(pictures, rng=np.random.default_rng(0), umap=False)
    examples = [row for one in found.overview.clustering.clusters for row in one.examples]
    assert examples
    assert all(row.picture.startswith("data:image/jpeg;base64,") for row in examples)
    assert all(row.text == f"shelf/{row.id[1:]}.png" for row in examples)
    assert not any(row.picture for row in found.overview.points.rows)
    assert all(one.words == () for one in found.overview.clustering.clusters)
    listed = {*(row.id for row in examples), *(one.row.id for one in found.overview.outliers.listed)}
    listed |= {row.id for one in found.overview.duplicates.listed for row in one.members}
    assert len(opened) == len(set(opened)) == len(listed)
    page = render_table_page(found)
    assert page.count('<img class="thumb" src="data:image/jpeg;base64,') >= len(listed)
    assert str(pictures.path) not in page


def test_so_many_pictures_are_shown_and_no_more(pictures, monkeypatch):
    monkeypatch.setattr(overviews, "_PICTURES", 2)
    found = table_facts(pictures, rng=np.random.default_rng(0), umap=False).overview
    rows = [row for one in found.clustering.clusters for row in one.examples]
    rows += [one.row for one in found.outliers.listed]
    assert len({row.id for row in rows if row.picture}) <= 2
    assert all(row.text for row in rows)


def test_a_picture_that_is_gone_leaves_its_name(pictures, tmp_path):
    for path in (tmp_path / "shelf").iterdir():
        path.unlink()
    found = table_facts(pictures, rng=np.random.default_rng(0), umap=False)
    example = found.overview.clustering.clusters[0].examples[0]
    assert (example.picture, example.text) == ("", f"shelf/{example.id[1:]}.png")
    assert '<img class="thumb"' not in render_table_page(found)


def test_recordings_are_waveforms_and_cells_a_line(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "tone.wav", np.sin(np.arange(4000) / 9) / 2, 8000)
    lines, pictured = _looks(pa.table({"clip": [str(tmp_path / "tone.wav"), None]}), ["clip"], AUDIO)
    assert lines == [f"{tmp_path.name}/tone.wav", ""]
    assert pictured(0).startswith("data:image/svg+xml;base64,")
    assert pictured(1) == ""
    cells = ROW.cell(ROW.taken({"age": 39, "work": "Private"}))
    assert _looks(pa.table({"row": [cells]}), ["row"], ROW) == (["age=39, work=Private"], None)
    inside = IMAGE.cell(IMAGE.taken(np.zeros((4, 4, 3), np.uint8)))
    lines, pictured = _looks(pa.table({"photo": [inside]}), ["photo"], IMAGE)
    assert lines == [""]
    assert pictured(0).startswith("data:image/jpeg")


def test_lines_that_do_not_fit_are_refused():
    with pytest.raises(TableError, match="3 vectors with 2 lines"):
        overviews.overview(["a", "b", "c"], np.eye(3, dtype=np.float32), lines=["x", "y"], rng=np.random.default_rng(0))
