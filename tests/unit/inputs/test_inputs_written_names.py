"""Classes and groups read from a file are what is written there; numbers to predict are what is meant."""

import numpy as np
import pytest

from graft.core.errors import ContractError
from graft.inputs import Roles, Task, build_dataset, infer_contract, make_splits
from graft.inputs.remarks import remarks
from graft.rows import read_frame

ROLES = Roles(("text",), ("label",))
TWINS = [
    ("1.1", "1.10"),
    ("2.0", "2"),
    ("0.10", "0.1"),
    ("1E+05", "100000"),
    ("-0", "0"),
    (".5", "0.5"),
    ("1.", "1"),
]


def file_of(folder, labels, *, mark=",", column="label", others=()):
    path = folder / ("rows.csv" if mark == "," else "rows.tsv")
    head = mark.join(["text", column, *(name for name, _ in others)])
    rows = [
        mark.join([f"message number {place} of many", label, *(cells[place] for _, cells in others)])
        for place, label in enumerate(labels)
    ]
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


@pytest.mark.parametrize("mark", [",", "\t"])
@pytest.mark.parametrize("twins", TWINS)
def test_two_ways_to_write_a_number_are_two_classes(tmp_path, twins, mark):
    labels = [*twins, "7.5"] * 8
    table = read_frame(file_of(tmp_path, labels, mark=mark))
    assert table.frame["label"].dtype.is_numeric()
    contract = infer_contract(table, ROLES)
    assert contract.task is Task.MULTICLASS
    assert dict(zip(contract.labels, contract.label_counts, strict=True)) == dict.fromkeys([*twins, "7.5"], 8)
    data, problems = build_dataset(table, contract, labelled=True)
    assert problems == ()
    assert [contract.labels[target] for target in data.targets] == labels


@pytest.mark.parametrize("twins", TWINS)
def test_two_ways_to_write_a_number_alone_are_a_binary_task(tmp_path, twins):
    contract = infer_contract(read_frame(file_of(tmp_path, [*twins] * 8)), ROLES)
    assert (contract.task, set(contract.labels)) == (Task.BINARY, set(twins))


@pytest.mark.parametrize("twins", TWINS)
def test_two_ways_to_write_a_number_are_two_groups(tmp_path, twins):
    names = [*twins, "3", "4", "5", "6"] * 8
    path = file_of(tmp_path, ["yes", "no"] * 24, others=[("customer", names)])
    table = read_frame(path)
    contract = infer_contract(table, Roles(("text",), ("label",), group="customer"), folds=3)
    data, _ = build_dataset(table, contract, labelled=True)
    assert data.groups.tolist() == names
    assert contract.column("customer", "group").distinct == 6
    units = np.arange(len(data))
    made = make_splits(
        data.targets, task=contract.task, units=units, kind="group", groups=data.groups, folds=3, holdout=0
    )
    assert {fold.index for fold in made.folds} == {0, 1, 2}


def test_a_single_label_per_row_of_several_is_what_is_written(tmp_path):
    path = file_of(tmp_path, ["1.1", "1.10", "2.1"] * 8)
    contract = infer_contract(read_frame(path), ROLES, task="multilabel")
    assert contract.labels == ("1.1", "1.10", "2.1")


def test_numbers_to_predict_stay_numbers(tmp_path):
    written = [f"{place / 2:.2f}" for place in range(40)]
    table = read_frame(file_of(tmp_path, written))
    contract = infer_contract(table, ROLES)
    assert contract.task is Task.REGRESSION
    data, _ = build_dataset(table, contract, labelled=True)
    assert data.targets.tolist() == [place / 2 for place in range(40)]
    few = read_frame(file_of(tmp_path, ["1.1", "1.10", "2.1"] * 8))
    contract = infer_contract(few, ROLES, task="regression")
    assert build_dataset(few, contract, labelled=True)[0].targets.tolist() == [1.1, 1.1, 2.1] * 8


@pytest.mark.parametrize("word", ["NA", "None", "n/a", "null", "nan"])
@pytest.mark.parametrize("others", [("1.10 ", "1.1"), ("low ", "high")])
def test_a_word_for_nothing_is_the_same_class_among_numbers_and_words(tmp_path, word, others):
    table = read_frame(file_of(tmp_path, [others[0], word, others[1], ""] * 8))
    contract = infer_contract(table, ROLES)
    assert set(contract.labels) == {word, *(one.strip() for one in others)}
    assert contract.column("label", "label").missing == 8
    assert any(repr(word) in note and "8 rows" in note for note in remarks(table, contract))


def test_booleans_are_one_class_however_written(tmp_path):
    contract = infer_contract(read_frame(file_of(tmp_path, ["True", "FALSE", "true", "false"] * 8)), ROLES)
    assert contract.labels == ("false", "true")


def test_whole_numbers_written_as_floats_find_their_class_in_frames(tmp_path):
    """pandas writes 0.0 and 1.0 for whole numbers with gaps; the next table may hold integers or floats."""
    contract = infer_contract(read_frame(file_of(tmp_path, ["0.0", "1.0"] * 8)), ROLES)
    assert contract.labels == ("0.0", "1.0")
    for labels in ([0, 1], [0.0, 1.0], ["0", "1"], ["0.00", "1."], ["0.0", "1.0"]):
        data, problems = build_dataset(read_frame({"text": ["a", "b"], "label": labels}), contract, labelled=True)
        assert (data.targets.tolist(), problems) == ([0, 1], ())


def test_another_way_to_write_a_fraction_is_no_known_class(tmp_path):
    contract = infer_contract(read_frame(file_of(tmp_path, ["1.1", "2.1"] * 8)), ROLES)
    table = read_frame(file_of(tmp_path, ["1.1", "1.10"]))
    data, problems = build_dataset(table, contract, labelled=True)
    assert len(data) == 1
    assert [(problem.row, problem.code, problem.message) for problem in problems] == [
        (1, "unknown-label", "'1.10' is no known class")
    ]


def test_a_class_written_two_ways_once_each_is_refused_by_name(tmp_path):
    path = file_of(tmp_path, ["1", "2"] * 8 + ["1.0"])
    with pytest.raises(ContractError, match=r"fewer than two usable rows: '1\.0'"):
        infer_contract(read_frame(path), ROLES)
