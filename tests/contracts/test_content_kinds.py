"""What every kind of content promises, and that nothing between a table and a model assumes text.

The stub is a kind of numbers: its contents are tuples, so whatever treats one as a text fails at once.
"""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

import tiny
from graft.bundle.explanations import explain_pieces
from graft.bundle.reference import independent
from graft.core.digests import content_digest
from graft.core.errors import ContractError, InputError, SourceError, TableError
from graft.inputs import Roles, build_dataset, find_duplicates, infer_contract
from graft.inputs.rows_file import read_rows, write_rows
from graft.inputs.schema import Contract
from graft.representations import sources
from graft.representations.cache import ActivationCache, Ragged
from graft.representations.embedder import embed_texts
from graft.representations.encoding import backbones
from graft.representations.encoding.encoder import Encoder
from graft.representations.pooling import Pooling
from graft.representations.reading import Prompts
from graft.representations.source import Source, Weights
from graft.representations.tokens import tokenise
from graft.representations.weights.unchanged import weights_digest
from graft.rows import read_frame
from graft.rows.content import (
    AUDIO,
    IMAGE,
    KINDS,
    ROW,
    ColumnMeasure,
    ContentKind,
    ContentProblem,
    Piece,
    kind_named,
    kinds,
)
from graft.tables.embedding import embed_into
from graft.tables.encoders import Telling, encoder_for
from graft.tables.migration.next_generation import build
from graft.tables.migration.plan import plan_migration
from graft.tables.migration.swap import swap_to
from graft.tables.table import EmbeddingTable

EXAMPLES = {
    "text": ("Where is my card?", "where is  my CARD", "Reset the password of my account. " * 9, "0"),
    "image": IMAGE.made_up(()),
    "audio": AUDIO.made_up(()),
    "row": ROW.made_up(()),
}


def measure(column, folder):
    if not column.dtype.is_numeric():
        raise ContractError(f"point column {column.name!r} holds {column.dtype}", needed="numbers")
    stated = column.is_not_null().to_numpy()
    return ColumnMeasure(stated, column.drop_nulls().n_unique(), np.ones(int(stated.sum()), np.int64))


def read(columns, folder):
    rows = zip(*(column.to_list() for column in columns), strict=True)
    return [None if all(cell is None for cell in cells) else tuple(cells) for cells in rows]


def near(loose, strict, threshold, seed):
    assert all(forms for forms in strict)
    pairs = [(i, j) for j in range(len(loose)) for i in range(j) if abs(loose[i][0] - loose[j][0]) == 1]
    return np.array(pairs, np.int64).reshape(-1, 2), np.ones(len(pairs))


POINT = ContentKind(
    name="point",
    plural="points",
    unit="numbers",
    pieces_at_most=8,
    column=pl.Float64(),
    blank=None,
    fits=lambda given: isinstance(given, tuple) and all(isinstance(number, (int, float)) for number in given),
    taken=tuple,
    measure=measure,
    read=read,
    cell=tuple,
    problem=lambda point: ContentProblem("missing-point", "no point", fatal=True) if point is None else None,
    size=len,
    digest=lambda point: content_digest(*(float(number).hex() for number in point)),
    loose=lambda point: tuple(round(number) for number in point),
    strict=tuple,
    near=near,
    shown=lambda point, limit: ", ".join(f"{number:g}" for number in point)[:limit],
    pieces=lambda point: tuple(
        Piece(f"number {place}", (*point[:place], 0.0, *point[place + 1 :])) for place in range(len(point))
    ),
    made_up=lambda words: ((0.0, 1.0), (2.0, 3.0)),
    written=lambda point: json.dumps(point),
    restored=lambda written: tuple(json.loads(written)),
)
POINTS = ((1.0, 2.0), (1, 2), (40.25, 7.5), (0.0, 0.0))


@pytest.fixture
def point(monkeypatch):
    monkeypatch.setattr(kinds, "KINDS", (*KINDS, POINT))
    return POINT


@pytest.mark.parametrize("kind", [*KINDS, POINT], ids=lambda kind: kind.name)
def test_a_kind_keeps_its_promises(kind):
    for one in POINTS if kind is POINT else EXAMPLES[kind.name]:
        assert kind.problem(one) is None or not kind.problem(one).fatal
        back = kind.restored(kind.written(one))
        assert kind.digest(back) == kind.digest(one)
        assert len(kind.digest(one)) == 16
        for limit in (2, 12, 80):
            assert 0 < len(kind.shown(one, limit)) <= limit
            assert "\n" not in kind.shown(one, limit)
        assert hash(kind.loose(one)) == hash(kind.loose(back))
        pieces = kind.pieces(one)
        assert kind.fits(one)
        assert 0 < len(pieces) <= kind.pieces_at_most
        assert all(piece.name for piece in pieces)
        changed = [piece for piece in pieces if kind.digest(piece.rest) != kind.digest(one)]
        assert changed or kind is POINT
    assert kind.problem(None).fatal
    assert all(kind.problem(one) is None for one in kind.made_up(("a", "b")))
    assert find_duplicates([], kind=kind).groups.tolist() == []


@pytest.mark.parametrize("kind", [*KINDS, POINT], ids=lambda kind: kind.name)
def test_what_claims_the_same_repeats(kind):
    examples = POINTS if kind is POINT else EXAMPLES[kind.name]
    for one in examples:
        for other in examples:
            if kind.digest(one) == kind.digest(other):
                assert kind.strict(one) == kind.strict(other)
            if kind.strict(one) == kind.strict(other):
                assert kind.loose(one) == kind.loose(other)


def test_kinds_have_names_of_their_own(point):
    names = [kind.name for kind in kinds.KINDS]
    assert len(set(names)) == len(names)
    assert kind_named("point") is point
    with pytest.raises(InputError, match="one of text"):
        kind_named("smell")


def rows_of(point):
    x = [float(10 * row) for row in range(12)] + [0.2, None]
    frame = {"x": x, "y": [None if one is None else one + 1 for one in x], "label": ["a", "b"] * 7}
    table = read_frame(pl.DataFrame(frame))
    contract = infer_contract(table, Roles(content=("x", "y"), label=("label",), kind="point"), folds=2)
    return contract, build_dataset(table, contract, labelled=True)


def test_another_kind_passes_from_a_table_to_what_is_kept(point, tmp_path):
    contract, (rows, problems) = rows_of(point)
    assert [problem.code for problem in problems] == ["missing-point"]
    assert rows.contents[1] == (10.0, 11.0)
    assert rows.digests[1] == point.digest((10, 11))
    column = contract.column("x", "point")
    assert (column.kind, column.missing, column.length.max) == ("point", 1, 1)
    written = contract.model_dump_json()
    assert json.loads(written)["roles"]["point"] == ["x", "y"]
    assert Contract.model_validate_json(written) == contract
    write_rows(tmp_path / "rows.arrow", rows)
    assert read_rows(tmp_path / "rows.arrow", rows.fingerprint).contents == rows.contents
    found = find_duplicates(rows.contents, rows.targets, kind=rows.kind)
    assert found.groups.tolist() == [*range(12), 0]
    assert independent(rows).tolist() == found.groups.tolist()
    again = find_duplicates([(1.0, 1.0), (1.0, 1.0)], np.array([0, 1]), kind=point)
    assert again.contradictions[0].text == "1, 1"
    cache = ActivationCache(tmp_path)
    cache.put("space", rows.digests, Ragged(np.ones((len(rows), 2), np.float32), np.arange(len(rows) + 1)))
    assert not len(cache.find("space", [point.digest(content) for content in rows.contents]).missing)


def test_a_score_of_another_kind_is_explained_by_its_pieces(point):
    _, (rows, _) = rows_of(point)

    def probabilities(some):
        first = np.array([content[0] for content in some.contents])
        return np.stack([first, -first], axis=1) / 1000

    told = explain_pieces(
        rows, probabilities(rows), np.zeros(len(rows), np.int64), probabilities=probabilities, digits="+.3f"
    )
    assert told[5] == "number 0 +0.050"


@dataclass(frozen=True)
class PointReading:
    """Points as they are, or turned round: the least a reading can be."""

    kind, unit, limit, prompt, prompts = "point", "numbers", 0, "", Prompts()
    turned: bool = False

    @property
    def digest(self):
        return f"turned {self.turned}"

    def told(self):
        return {"turned": str(self.turned)}

    def read_as(self, role):
        return self

    def with_prompts(self, given):
        assert not any(given.values())
        return self


class Points(np.ndarray):
    """Points as a body takes them."""

    truncated = property(lambda self: np.zeros(len(self), bool))


class PointBody:
    """Runs points through one matrix."""

    def __init__(self, source, layer, precision):
        self.matrix = load_file(source.weights.directory / "model.safetensors")["matrix"]

    def run(self, prepared, *, pooled):
        assert pooled
        for start in range(0, len(prepared), 5):
            rows = np.arange(start, min(start + 5, len(prepared)))
            lifted = np.concatenate([prepared[rows], np.ones((len(rows), 1))], 1) @ self.matrix
            made = (lifted / np.linalg.norm(lifted, axis=1, keepdims=True)).astype(np.float32)
            yield rows, Ragged(np.asarray(made), np.arange(len(rows) + 1))


def read_point_directory(directory, reference, revision):
    files = (directory / "model.safetensors",)
    weights = Weights(
        reference, directory, revision, weights_digest(files), ("model.safetensors",), "plane", "points", 4, 1, 12
    )
    turned = json.loads((directory / "config.json").read_text())["turned"]
    return Source(weights, PointReading(turned), Pooling.MEAN, normalise=True)


@pytest.fixture
def point_source(point, tmp_path, monkeypatch):
    """Sources of points: a reader of their directories and a backbone, each one record more in its tuple."""

    def prepare(source, contents):
        assert all(isinstance(content, tuple) for content in contents)
        some = np.array(contents, float).reshape(-1, 2)
        return (-some if source.reading.turned else some).view(Points)

    def cut(source, contents):
        return np.zeros(len(contents), bool)

    reader = sources.DirectoryReader(
        "point", lambda folder, said: said.get("model_type") == "points", read_point_directory
    )
    backbone = backbones.Backbone(point, prepare, PointBody, cut, ((0.0, 1.0),))
    monkeypatch.setattr(sources, "READERS", (reader, *sources.READERS))
    monkeypatch.setattr(backbones, "BACKBONES", (*backbones.BACKBONES, backbone))
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))

    def write(name, *, turned):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"model_type": "points", "turned": turned}))
        matrix = np.random.default_rng(turned).standard_normal((3, 4))
        save_file({"matrix": matrix}, folder / "model.safetensors")
        return f"path:{folder}"

    return write


def test_a_source_of_another_kind_is_embedded_and_cached(point_source):
    reference = point_source("plane", turned=False)
    vectors = embed_texts([(3.0, 4.0), (1.0, 2.0), (3, 4)], reference)
    assert vectors.shape == (3, 4)
    assert np.array_equal(vectors[0], vectors[2])
    encoder = encoder_for(reference)
    assert encoder.space.kind == "point"
    again, report = encoder.vectors([(1, 2), (5.0, 6.0)])
    assert (report.rows, report.computed, report.cut, report.words()) == (2, 1, 0, "")
    assert np.array_equal(again[0], vectors[1])
    assert np.array_equal(encoder.vectors((1.0, 2.0))[0], again[:1])
    streamed = [made for made, _ in encoder.stream([[(1.0, 2.0)], [(5.0, 6.0)]])]
    assert np.array_equal(np.concatenate(streamed), again)
    other = encoder_for(point_source("turned", turned=True))
    assert other.space.fingerprint != encoder.space.fingerprint


def test_contents_of_another_kind_than_the_source_reads_are_refused_in_words(point_source):
    encoder = encoder_for(point_source("plane", turned=False))
    with pytest.raises(InputError, match=r"row 1 is text, and path:.* reads points") as raised:
        encoder.vectors([(1.0, 2.0), "a text"])
    assert raised.value.fix == "choose a source that reads texts"
    with pytest.raises(InputError, match=r"row 0 is point, and path:bert reads texts"):
        Encoder(tiny.encoder("bert")).vectors([(1.0, 2.0)])
    with pytest.raises(InputError, match="row 0 is object, and path:bert reads texts"):
        Encoder(tiny.encoder("bert")).vectors([object()])
    with pytest.raises(SourceError, match="reads content of the kind 'point', and the rows are text"):
        tokenise(encoder.source, ["a text"])


def test_a_table_of_another_kind_is_built_asked_changed_and_migrated(point_source, tmp_path):
    reference, place = point_source("plane", turned=False), tmp_path / "table"
    frame = pl.DataFrame({"id": [f"r{row}" for row in range(90)], "x": range(90), "y": [row / 7 for row in range(90)]})
    frame = pl.concat([frame, pl.DataFrame({"id": ["none"], "x": [None], "y": [None]}, schema=frame.schema)])
    table, done = embed_into(place, read_frame(frame), encoder_for(reference), id_column="id", content=("x", "y"))
    assert (done.inserted, done.encoded, done.words()) == (90, 90, "")
    assert [one.why for one in done.left_out] == ["it has no point"]
    said = json.loads((place / "table.json").read_text())["generations"][0]
    assert (said["space"]["kind"], said["content"]) == ("point", ["x", "y"])
    table = EmbeddingTable.open(place)
    assert table.space == encoder_for(reference).space
    assert table.search((20.0, 20 / 7), k=1)["id"].to_list() == ["r20"]
    assert table.search([(20, 20 / 7), (3, 3 / 7)], k=1)["id"].to_list() == ["r20", "r3"]
    with pytest.raises(InputError, match="row 0 is text, and the source of the table reads points"):
        table.search("twenty")

    changed = frame[:2].with_columns(pl.Series("x", [0.0, 50.5]), y=pl.Series([0.0, 0.5]))
    _, done = embed_into(place, read_frame(changed), encoder_for(reference), id_column="id", content=("x", "y"))
    assert (done.updated, done.unchanged, done.encoded) == (1, 1, 1)
    assert table.search((50.5, 0.5), k=1)["id"].to_list() == ["r1"]

    target = encoder_for(point_source("turned", turned=True))
    rng = np.random.default_rng(0)
    plan = plan_migration(table, target.space, Telling(target), rng=rng, source="path:turned").plan
    assert (plan.rows, plan.texts) == (90, 90)
    built = build(place, target.space, Telling(target), source=target.source.weights.reference)
    assert built.written == 90
    assert swap_to(place, built.generation, Telling(target), rng=rng).verified.cosine > 0.999
    moved = EmbeddingTable.open(place)
    assert moved.space.fingerprint == target.space.fingerprint
    assert moved.search((50.5, 0.5), k=1)["id"].to_list() == ["r1"]
    text = Encoder(tiny.encoder("bert"))
    with pytest.raises(TableError, match="the table is of points, and the new source reads texts"):
        build(place, text.space, Telling(text))
