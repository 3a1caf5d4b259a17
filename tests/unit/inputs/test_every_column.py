"""``*`` for columns, and rows whose cells are the content."""

import datetime

import numpy as np
import polars as pl
import pytest

from graft.core.errors import ContractError, InputError
from graft.inputs import Roles, build_dataset, find_duplicates, infer_contract
from graft.inputs.every import with_every_column
from graft.inputs.named_rows import found_in, roles_of
from graft.inputs.rows_file import read_rows, write_rows
from graft.inputs.schema import Contract
from graft.rows import read_frame
from graft.rows.content import ROW, Cells
from graft.rows.content.row import cells_of, repeats_by_chance

ROWS = 60


def everything() -> dict[str, list[object]]:
    rng = np.random.default_rng(0)
    label = [("yes", "no")[row % 3 == 0] for row in range(ROWS)]
    return {
        "nr": list(range(1, ROWS + 1)),
        "account_id": rng.permutation(ROWS * 10)[:ROWS].tolist(),
        "age": rng.integers(18, 90, ROWS).tolist(),
        "fare": [None if row % 7 == 0 else float(row * 1.5) for row in range(ROWS)],
        "job": [("clerk", "cook", None)[row % 3 - (row % 4 == 0)] for row in range(ROWS)],
        "member": [row % 2 == 0 for row in range(ROWS)],
        "joined": [datetime.date(2024, 1, 1) + datetime.timedelta(row) for row in range(ROWS)],
        "written": [f"2024-02-{row % 28 + 1:02}" for row in range(ROWS)],
        "same": ["x"] * ROWS,
        "empty": [None] * ROWS,
        "note": [f"note {row}" for row in range(ROWS)],
        "lists": [[row] for row in range(ROWS)],
        "_hidden": ["a", "b"] * (ROWS // 2),
        "answer": [{"yes": "J", "no": "N"}[one] for one in label],
        "y": label,
    }


def starred(data: object, **roles: object) -> tuple[Roles, str]:
    given = {"content": (), "label": ("y",), "numeric": ("*",), "categorical": ("*",), "kind": "row"} | roles
    found, notes = with_every_column(read_frame(data), Roles(**given))  # type: ignore[arg-type]
    return found, "; ".join(notes)


def test_every_column_that_fits_is_used_and_the_others_are_told():
    roles, told = starred(everything())
    assert roles.numeric == ("age", "fare")
    assert roles.categorical == ("job", "member")
    for reason in (
        "'nr', 'account_id': it numbers the rows",
        "'joined', 'written': it holds dates",
        "'same': it says the same of every row",
        "'empty': it is empty",
        "'note': it has another value in nearly every row",
        "'lists': it holds List",
        "'_hidden': a name that begins with an underscore",
        "'answer': it says the label in other words",
    ):
        assert reason in told


def test_one_star_leaves_the_columns_of_the_other_kind_alone():
    roles, told = starred(everything(), categorical=(), group="job")
    assert (roles.numeric, roles.categorical) == (("age", "fare", "member"), ())
    assert "note" not in told
    roles, _ = starred(everything(), numeric=("age",))
    assert roles.inputs == ("age", "job", "member")
    roles, told = starred(everything(), numeric=("age",), categorical=("job",))
    assert (roles.inputs, told) == (("age", "job"), "")


def test_copies_of_the_label_are_left_out_and_leaks_are_told():
    table = everything()
    table["celsius"] = [float(row % 17) + row / 7 for row in range(ROWS)]
    table["y"] = [9 / 5 * one + 32 for one in table["celsius"]]
    roles, told = starred(table, categorical=())
    assert "celsius" not in roles.numeric
    assert "'celsius': it is the label itself, or the label in another unit" in told
    leak = everything() | {"desk": [f"{one}{row % 2}" for row, one in enumerate(everything()["y"])]}
    roles, told = starred(leak)
    assert "desk" in roles.categorical
    assert "every value of 'desk' goes with one label" in told
    nothing = {"note": everything()["note"], "y": everything()["y"]}
    with pytest.raises(ContractError, match="no column of the table fits numeric or categorical"):
        starred(nothing)


def test_a_number_whose_size_tells_the_label_is_told():
    rng = np.random.default_rng(1)
    label = [("yes", "no")[row % 3 == 0] for row in range(ROWS)]
    data = {
        "spread": [(one == "yes") + rng.random() / 2 for one in label],
        "overlapping": [(one == "yes") + rng.random() * 1.2 for one in label],
        "mixed": rng.normal(size=ROWS),
        "y": label,
    }
    roles, told = starred(data)
    assert roles.numeric == ("spread", "overlapping", "mixed")
    assert "every value of 'spread' goes with one label" in told
    target = rng.normal(size=ROWS)
    data = {"exponent": np.exp(target), "noise": target + rng.normal(size=ROWS), "other": rng.normal(size=ROWS)}
    _, told = starred({**data, "y": target})
    assert "every value of 'exponent' goes with one label" in told
    assert "noise" not in told


def test_what_spreadsheets_leave_in_a_column_of_numbers():
    rows = range(ROWS)
    data = {
        "failed": ["#N/A" if row % 4 == 0 else f"{row / 7:.3f}" for row in rows],
        "lost": ["<NA>" if row % 9 == 0 else str(row % 13) for row in rows],
        "broken": ["#DIV/0!" if row % 5 == 0 else "N/A" if row % 7 == 0 else f"{row / 7:.3f}" for row in rows],
        "large": [f"{1000 * row + 1234:,}" for row in rows],
        "zip": [f"0{1000 + row % 20}" for row in rows],
        "y": ["a", "b"] * (ROWS // 2),
    }
    roles, told = starred(data)
    assert roles.numeric == ("failed", "lost")
    assert roles.categorical == ("zip",)
    assert "'broken': they are numbers and words, such as '#DIV/0!'; leave such cells empty" in told
    assert "'large': they are numbers with a comma between thousands, such as '1,234'; write 1234.5" in told
    assert "free text" not in told
    roles, told = starred(data, categorical=())
    assert roles.numeric == ("failed", "lost")
    assert "'zip': they begin with zeros, so they are codes; name the column as --categorical" in told


def test_numbers_beyond_all_networks_are_left_out_and_told():
    rng = np.random.default_rng(2)
    data = {
        "huge": rng.normal(size=ROWS) * 1e300,
        "endless": [(np.inf, -np.inf, 1.5)[row % 3] for row in range(ROWS)],
        "once": [np.inf if row == 3 else rng.normal() for row in range(ROWS)],
        "tiny": rng.normal(size=ROWS) * 1e-300,
        "y": ["a", "b"] * (ROWS // 2),
    }
    roles, told = starred(data)
    assert roles.numeric == ("once", "tiny")
    assert "left out: 'huge', 'endless': it holds numbers that are infinite, or of more than 38 digits" in told
    rows, problems = build_dataset(read_frame(data), infer_contract(read_frame(data), roles), labelled=True)
    assert len(rows) == ROWS - 1
    assert [(one.row, one.code) for one in problems] == [(3, "bad-number")]


def test_numbers_written_as_people_write_them_are_names_and_told():
    cells = {
        "price": ["1,5", "2,25", "3,0"],
        "share": ["15%", "20 %", "3%"],
        "cost": ["$1.50", "$20.00", "$3"],
        "many": ["1,500", "2,250", "13,000"],
        "grade": ["1", "2", "?"],
        "word": ["red", "green", "2nd"],
        "y": ["a", "b", "a"],
    }
    data = {name: given * (ROWS // 3) for name, given in cells.items() if name != "y"} | {"y": ["a", "b"] * (ROWS // 2)}
    roles, told = starred(data)
    assert roles.categorical == ("price", "share", "cost", "many", "grade", "word")
    assert "read as names: 'price': they are numbers with a decimal comma, such as '1,5'; write 1234.5" in told
    assert "'share': they are numbers with a percent sign" in told
    assert "'cost': they are numbers with a currency" in told
    assert "'grade': they are numbers and words, such as '?'" in told
    assert "word" not in told.replace("words", "")


def test_numbers_that_a_spreadsheet_wrote_as_text_are_numbers(tmp_path):
    lines = ["a;b;c;y"]
    lines += [f"{row * 7 % 11}.5; {row % 4} ;{('x', 'NA', '')[row % 3]};{'ab'[row % 2]}" for row in range(40)]
    lines[9] = "n/a;" + lines[9].partition(";")[2]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(lines))
    roles, _ = starred(file)
    assert (roles.numeric, roles.categorical) == (("a", "b"), ("c",))
    contract = infer_contract(read_frame(file), roles)
    rows, problems = build_dataset(read_frame(file), contract, labelled=True)
    assert not problems
    assert rows.contents[8] == Cells(("a", "b", "c"), (None, 0.0, None))


def dataset(frame: object, **roles: object):
    table = read_frame(frame)
    contract = infer_contract(table, Roles(content=(), label=("y",), kind="row", **roles), folds=2)  # type: ignore[arg-type]
    return contract, *build_dataset(table, contract, labelled=True)


def test_the_cells_of_a_row_are_its_content(tmp_path):
    frame = {
        "n": [1, 2.5, None, -0.0, None, 1e300, 4.0],
        "c": ["a", " a ", "b", None, None, "b", "b"],
        "y": list("stststs"),
    }
    contract, rows, problems = dataset(frame, numeric=("n",), categorical=("c",))
    told = {(problem.row, problem.code) for problem in problems}
    assert told == {(4, "missing-row"), (5, "bad-number")}
    assert [content.values for content in rows.contents] == [
        (1.0, "a"),
        (2.5, "a"),
        (None, "b"),
        (0.0, None),
        (4.0, "b"),
    ]
    assert rows.numeric.shape == rows.categorical.shape == (5, 0)
    written = contract.model_dump_json()
    assert Contract.model_validate_json(written) == contract
    write_rows(tmp_path / "rows.arrow", rows)
    assert read_rows(tmp_path / "rows.arrow", rows.fingerprint).contents == rows.contents
    seen, problems = build_dataset(read_frame({"n": ["7", "x"], "c": ["z", "a"]}), contract, labelled=False)
    assert seen.contents[0].values == (7.0, "z")
    assert [problem.code for problem in problems] == ["unknown-category", "bad-number"]


def test_rows_without_any_column_are_refused():
    with pytest.raises(InputError, match="no column is named to learn from"):
        dataset({"n": [1.0] * 8, "y": list("abababab")})


def cells(numbers: np.ndarray) -> list[Cells]:
    return cells_of([pl.Series(f"c{place}", column) for place, column in enumerate(numbers.T)])


def test_rows_that_are_equal_or_nearly_repeat_one_another():
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((300, 5)) * (1, 10, 1e6, 1e-3, 1)
    numbers[7] = numbers[3]
    numbers[8] = numbers[4] * (1 + 1e-9)
    numbers[9] = numbers[5] + (2e-4, 2e-3, 200, 2e-7, 0)
    numbers[10] = numbers[6] + (0, 0, 0, 0, 0.01)
    found = find_duplicates(cells(numbers), np.arange(300) % 2, kind=ROW)
    assert [found.groups[row] == found.groups[row - 4] for row in (7, 8, 9, 10)] == [True, True, True, False]
    assert len(np.unique(found.groups)) == 297
    assert [one.rows for one in found.contradictions] == []
    again = find_duplicates(cells(numbers), np.arange(300) == 7, kind=ROW)
    assert [one.rows for one in again.contradictions] == [(3, 7)]
    # With fewer numbers near ones are everywhere.
    assert len(np.unique(find_duplicates(cells(numbers[:, :3]), kind=ROW).groups)) == 297


def test_rows_of_few_combinations_are_no_copies():
    rng = np.random.default_rng(0)
    coarse = cells(rng.integers(0, 3, (500, 3)).astype(float))
    assert repeats_by_chance([ROW.loose(row) for row in coarse])
    found = find_duplicates(coarse, rng.integers(0, 2, 500), kind=ROW)
    assert (found.exact, found.contradictions, len(np.unique(found.groups))) == (0, (), 500)
    fine = cells(np.repeat(rng.standard_normal((50, 3)), 10, axis=0))
    assert len(np.unique(find_duplicates(fine, kind=ROW).groups)) == 50


def test_names_with_commas_between_are_taken_apart_where_all_are_columns():
    table = read_frame({name: [1] for name in ("title", "body", "size", "age", "size,age", "good", "new")})
    several = roles_of("x.csv", text="title,body", numeric=["age, size"], label="good,new")
    found = found_in(table, several).roles
    assert (found.content, found.numeric, found.label) == (("title", "body"), ("age", "size"), ("good", "new"))
    # A column may have a comma of its own.
    assert found_in(table, roles_of("x.csv", numeric="size,age", label="good")).roles.numeric == ("size,age",)
    with pytest.raises(ContractError, match="no column 'size,weight'"):
        found_in(table, roles_of("x.csv", numeric="size,weight", label="good"))


def test_names_taken_apart_keep_their_kind():
    table = read_frame({"title": ["a"], "body": ["b"], "photo": ["p.jpg"], "good": [1]})
    found = found_in(table, roles_of("x.csv", text="title,body", image="photo", label="good", together=True)).roles
    assert found.parts == (("text", ("title", "body")), ("image", ("photo",)))
