"""Label lists in every form, numbers of classes, and cells whose meaning depends on themselves alone."""

import pandas as pd
import polars as pl
import pytest
from PIL import Image

from graft.core.errors import InputError
from graft.inputs import Roles, Task, build_dataset, infer_contract
from graft.inputs.contract import require_columns
from graft.inputs.named_rows import content_of
from graft.inputs.remarks import remarks
from graft.rows import read_frame

ROLES = Roles(("text",), ("labels",))
SETS = [["a", "b"], ["a"], ["c"]] * 10
INDICATORS = [[1, 0, 0], [0, 1, 0], [0, 1, 1]] * 10


def written(folder, columns):
    pl.DataFrame(columns).write_csv(folder / "rows.csv")
    return folder / "rows.csv"


def texts(rows=30):
    return [f"ticket {row} mail" for row in range(rows)]


def in_parquet(labels, folder):
    pd.DataFrame({"text": texts(), "labels": labels}).to_parquet(folder / "rows.parquet")
    return folder / "rows.parquet"


FORMS = {
    "lists": lambda labels, folder: {"text": texts(), "labels": labels},
    "polars": lambda labels, folder: pl.DataFrame({"text": texts(), "labels": labels}),
    "pandas": lambda labels, folder: pd.DataFrame({"text": texts(), "labels": labels}),
    "parquet": in_parquet,
    "arrays": lambda labels, folder: pd.read_parquet(in_parquet(labels, folder)),
    "sets": lambda labels, folder: {"text": texts(), "labels": labels} if labels is INDICATORS else _sets(labels),
    "python": lambda labels, folder: written(folder, {"text": texts(), "labels": [str(one) for one in labels]}),
    "numpy": lambda labels, folder: written(
        folder, {"text": texts(), "labels": [f"[{' '.join(map(repr, one))}]" for one in labels]}
    ),
}


def _sets(labels):
    return {"text": texts(), "labels": [set(one) for one in labels]}


@pytest.mark.parametrize("form", FORMS)
def test_lists_of_labels_are_the_same_labels(tmp_path, form):
    contract = infer_contract(read_frame(FORMS[form](SETS, tmp_path)), ROLES)
    assert contract.task is Task.MULTILABEL
    assert dict(zip(contract.labels, contract.label_counts, strict=True)) == {"a": 20, "b": 10, "c": 10}


@pytest.mark.parametrize("form", FORMS)
def test_lists_of_zeros_and_ones_are_indicators(tmp_path, form):
    contract = infer_contract(read_frame(FORMS[form](INDICATORS, tmp_path)), ROLES)
    assert contract.task is Task.MULTILABEL
    assert dict(zip(contract.labels, contract.label_counts, strict=True)) == {"0": 10, "1": 20, "2": 10}


def test_lists_of_zeros_and_ones_of_several_lengths_are_names():
    table = read_frame({"text": texts(), "labels": [["0"], ["1", "0"], ["1"]] * 10})
    assert infer_contract(table, ROLES).labels == ("0", "1")


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([row % 22 for row in range(440)], Task.MULTICLASS),
        ([row % 22 + 1 for row in range(440)], Task.MULTICLASS),
        ([row % 22 + 18 for row in range(440)], Task.REGRESSION),
        ([row % 22 * 5 for row in range(440)], Task.REGRESSION),
        ([row % 22 / 2 for row in range(440)], Task.REGRESSION),
        (list(range(440)), Task.REGRESSION),
        ([row % 100 for row in range(440)], Task.REGRESSION),
    ],
)
def test_numbers_of_classes_are_told_from_quantities(values, task):
    table = read_frame({"text": texts(len(values)), "labels": values})
    contract = infer_contract(table, ROLES)
    assert contract.task is task
    told = " ".join(remarks(table, contract))
    assert ("task regression" in told) == (task is Task.MULTICLASS)


def test_names_in_two_spellings_are_told(tmp_path):
    rows = {"text": texts(), "labels": ["Access", "Access ", "access"] * 10}
    table = read_frame(written(tmp_path, rows))
    contract = infer_contract(table, ROLES)
    assert contract.labels == ("Access", "access")
    first, second = remarks(table, contract)
    assert "10 cells have spaces" in first
    assert "'Access' and 'access'" in second
    clean = read_frame({"text": texts(), "labels": ["a", "b", "c"] * 10})
    assert remarks(clean, infer_contract(clean, ROLES)) == ()


KINDS = [
    ("True", "False"),
    ("1.10", "2.5"),
    ("1.0", "2.0"),
    ("1.5e3", "2e3"),
    ("2024-01-01", "2024-01-02"),
    ("2024-01-01T10:00", "2024-01-01T11:00"),
    ("007", "1"),
    ("NA", "3"),
]


@pytest.mark.parametrize(("one", "other"), KINDS)
@pytest.mark.parametrize("odd_to_learn", [False, True])
def test_what_a_category_means_depends_on_its_own_cell(tmp_path, one, other, odd_to_learn):
    rows = {"text": texts(), "labels": ["a", "b"] * 15, "kind": [one, other, "odd" if odd_to_learn else one] * 10}
    contract = infer_contract(read_frame(written(tmp_path, rows)), Roles(("text",), ("labels",), categorical=("kind",)))
    found = []
    for cells in ([one, other], [one, other, "unheard of"]):
        table = read_frame(written(tmp_path, {"text": texts(len(cells)), "kind": cells}))
        data, problems = build_dataset(table, contract, labelled=False)
        found.append(data.categorical[:2].tolist())
        assert [problem.row for problem in problems if problem.code == "unknown-category"] == list(range(2, len(cells)))
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", [pl.Float32, pl.Float64])
def test_a_frame_of_numbers_finds_the_categories_of_a_file(tmp_path, kind):
    rows = {"text": texts(), "labels": ["a", "b"] * 15, "kind": ["1.10", "0.3", "2"] * 10}
    contract = infer_contract(read_frame(written(tmp_path, rows)), Roles(("text",), ("labels",), categorical=("kind",)))
    frame = pl.DataFrame({"text": texts(3), "kind": pl.Series([1.1, 0.3, 2.0], dtype=kind)})
    data, problems = build_dataset(read_frame(frame), contract, labelled=False)
    assert data.categorical[:, 0].tolist() == ["1.10", "0.3", "2"]
    assert problems == ()


def test_booleans_are_numbers_beside_an_odd_cell_too(tmp_path):
    roles = Roles(("text",), ("labels",), numeric=("paid",))
    rows = {"text": texts(), "labels": ["a", "b"] * 15, "paid": ["True", "FALSE"] * 15}
    contract = infer_contract(read_frame(written(tmp_path, rows)), roles)
    table = read_frame(written(tmp_path, {"text": texts(3), "paid": ["True", "FALSE", "odd"]}))
    data, problems = build_dataset(table, contract, labelled=False)
    assert data.numeric[:, 0].tolist() == [1.0, 0.0]
    assert [(one.row, one.code) for one in problems] == [(2, "bad-number")]


@pytest.mark.parametrize("cells", [["1,5", "2,75"], ["1.234,5", "2.000,1"], ["1,234,567.5", "2,000.5"]])
def test_numbers_written_another_way_are_told(tmp_path, cells):
    table = read_frame(written(tmp_path, {"text": texts(), "labels": ["a", "b"] * 15, "price": cells * 15}))
    with pytest.raises(InputError, match=r"written with (a decimal comma|marks between thousands)") as caught:
        infer_contract(table, Roles(("text",), ("labels",), numeric=("price",)))
    assert "decimal point" in caught.value.fix


@pytest.mark.parametrize("nothing", [[], pl.DataFrame(), {}, pl.DataFrame({"text": []}, schema={"text": pl.String})])
def test_no_rows_to_predict_are_no_rows(nothing):
    contract = infer_contract(read_frame({"text": texts(), "labels": ["a", "b"] * 15}), ROLES)
    data, problems = build_dataset(read_frame(nothing, empty=True), contract, labelled=False)
    assert (len(data), problems) == (0, ())


def test_a_column_that_cannot_be_read_matters_when_it_is_named():
    frame = pd.DataFrame({"text": texts(), "labels": ["a", "b"] * 15, "odd": [1j, 2j] * 15})
    table = read_frame(frame)
    assert infer_contract(table, ROLES).task is Task.BINARY
    assert "complex numbers" in table.notes[0]
    with pytest.raises(InputError, match="'odd' holds complex numbers, such as 1j in row 0"):
        require_columns(table, ["odd"])


def test_a_file_without_a_header_is_told_with_the_missing_column(tmp_path):
    path = tmp_path / "sms.tsv"
    path.write_text("ham\tsee you at noon\n" + "spam\tcall now to win\nham\tis it late\n" * 4)
    with pytest.raises(InputError) as caught:
        require_columns(read_frame(path), ["text", "label"])
    assert "first line looks like data: 'ham' stands below it too (line 3)" in caught.value.fix


def test_a_class_that_looks_like_several_labels_is_told():
    rows = read_frame({"text": [f"message {i}" for i in range(30)], "kind": ["a", "b", "a;b"] * 10})
    notes = remarks(rows, infer_contract(rows, Roles(content=("text",), label=("kind",))))
    assert ["'a;b' looks like several labels of one row (10 rows hold such)" in note for note in notes] == [True]
    plain = read_frame({"text": [f"message {i}" for i in range(30)], "kind": ["a", "b", "x;y"] * 10})
    assert remarks(plain, infer_contract(plain, Roles(content=("text",), label=("kind",)))) == ()


def test_a_folder_of_pictures_needs_no_column_named_sorted_or_not(tmp_path):
    (tmp_path / "a").mkdir()
    for place in ("a/1.png", "a/2.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / place)
    assert content_of(tmp_path) == content_of(tmp_path / "a") == ("image", ("image",))
    assert content_of(tmp_path / "rows.csv", text="words") == ("text", ("words",))


def test_a_picture_too_long_for_a_cell_is_told_to_be_a_file():
    with pytest.raises(InputError, match="name the file here"):
        read_frame({"photo": ["A" * 1_000_001]})
