"""What every kind of content promises, and that nothing between a table and a model assumes text.

The stub is a kind of numbers: its contents are tuples, so whatever treats one as a text fails at once.
"""

import json

import numpy as np
import polars as pl
import pytest

from graft.bundle.explanations import explain_pieces
from graft.bundle.reference import independent
from graft.core.digests import content_digest
from graft.core.errors import ContractError, InputError
from graft.inputs import Roles, build_dataset, find_duplicates, infer_contract
from graft.inputs.rows_file import read_rows, write_rows
from graft.inputs.schema import Contract
from graft.representations.cache import ActivationCache, Ragged
from graft.rows import read_frame
from graft.rows.content import KINDS, ColumnMeasure, ContentKind, ContentProblem, Piece, kind_named, kinds

EXAMPLES = {"text": ("Where is my card?", "where is  my CARD", "Reset the password of my account. " * 9, "0")}


def measure(column):
    if not column.dtype.is_numeric():
        raise ContractError(f"point column {column.name!r} holds {column.dtype}", needed="numbers")
    stated = column.is_not_null().to_numpy()
    return ColumnMeasure(stated, column.drop_nulls().n_unique(), np.ones(int(stated.sum()), np.int64))


def read(columns):
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
    measure=measure,
    read=read,
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
