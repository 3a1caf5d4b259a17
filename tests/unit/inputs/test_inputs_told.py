"""What spreadsheets hold that is read as written and told, or refused: a person may mean another thing."""

import decimal

import numpy as np
import polars as pl
import pytest

from graft.core.errors import ContractError, InputError
from graft.inputs.contract import infer_contract
from graft.inputs.remarks import remarks
from graft.inputs.roles import Roles
from graft.rows.table import read_frame, read_rows
from graft.rows.values import numbers, times

WORDS = ["refund", "parcel", "login", "invoice", "broken", "late", "password", "charged", "twice", "screen"]


def frame(labels, **more):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 6)) + f" {row}" for row in range(len(labels))]
    return read_frame({"text": texts, "label": labels, **more})


def told(labels, task="auto", **given):
    table = frame(labels, **given)
    roles = Roles(content=("text",), label=("label",), numeric=tuple(given))
    return " | ".join(remarks(table, infer_contract(table, roles, task=task, folds=2)))


@pytest.mark.parametrize(
    ("labels", "task", "said"),
    [
        (
            ["sports;Politics", "Sports;politics", "politics", "arts"],
            "multilabel",
            "'Sports' and 'sports' differ in upper",
        ),
        (["['Sports', 'arts']", "['sports']", "['arts']"], "auto", "'Sports' and 'sports' differ in upper"),
        ([["Sports", "arts"], ["sports"], ["arts"]], "auto", "'Sports' and 'sports' differ in upper"),
        (["a; b", "N/A", "b ;a"], "multilabel", "'N/A' is read as a class (8 rows)"),
        (["Sports", "sports", "arts"], "auto", "'Sports' and 'sports' differ in upper"),
        (["caf\u00e9", "cafe\u0301", "bar"], "auto", r"'cafe\u0301' and 'caf\xe9' look alike"),
        (["A", "\uff21", "b"], "auto", r"'A' and '\uff21' look alike"),
        (["e-mail", "e\u2011mail", "post"], "auto", r"'e-mail' and 'e\u2011mail' look alike"),
        (["it's", "it\u2019s", "no"], "auto", "look alike"),
        (["open", "open\u200b", "closed"], "auto", r"'open' and 'open\u200b' look alike"),
        (["open now", "open\u00a0now", "closed"], "auto", "look alike"),
        (["yes", "no", "Y", "N"], "auto", "'Y' and 'yes'; 'N' and 'no' say the same in other words"),
        (["TRUE", "false", "0", "1"], "auto", "say the same in other words"),
        (["a", "b", "#N/A"], "auto", "'#N/A' is read as a class (8 rows)"),
        (["a", "b", "#REF!"], "auto", "'#REF!' is read as a class"),
        (["a", "b", "\u2014"], "auto", "'\u2014' is read as a class"),
    ],
)
def test_names_that_a_person_takes_for_one_another_are_told(labels, task, said):
    assert said in told([*labels] * 8, task)


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (["sports; politics", "sports ;arts", "arts"], "multilabel"),
        (["yes", "no"], "auto"),
        (["yes", "no", "unknown"], "auto"),
        (["caf\u00e9", "cafe", "bar"], "auto"),
        (["1", "2", "3"], "multiclass"),
        (["C", "C#", "C++"], "auto"),
    ],
)
def test_others_are_not(labels, task):
    said = told([*labels] * 8, task)
    assert "differ" not in said
    assert "alike" not in said
    assert "same" not in said


def test_a_total_below_the_rows_is_told_of_a_target_and_of_a_column():
    amounts = [1.5 * row + row % 3 for row in range(30)]
    total = sum(amounts)
    said = f"its last number, {total:g} in row 30, is the sum of all above it"
    assert said in told([*map(str, amounts), str(total)], "regression")
    assert said in told(["a", "b"] * 15 + ["a"], amount=[*amounts, total])
    assert "sum of all" not in told([*map(str, amounts), str(total + 1)], "regression")
    assert "sum of all" not in told([str(row % 2) for row in range(31)], "regression")
    assert "sum of all" not in told(["a", "b"] * 15 + ["a"], amount=[0.0] * 31)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_files_put_one_after_the_other_are_refused_with_the_line_of_the_header(tmp_path, mark):
    file = tmp_path / "both.csv"
    one = "text,label\n" + "".join(f"text {row},{'ab'[row % 2]}\n" for row in range(6))
    file.write_text(mark + one + mark + one.replace("text ", "words "), encoding="utf-8")
    with pytest.raises(InputError, match=r"line 8 is the header again[\s\S]*Remove their header lines but the first"):
        read_frame(file)
    read = read_rows(file)
    assert len(read) == 12
    assert [(one.line, one.why) for one in read.skipped] == [(8, "it is the header again")]


def test_a_text_that_is_called_as_its_only_column_is_a_text(tmp_path):
    (tmp_path / "one.csv").write_text("text\nhello\ntext\nbye\n")
    assert read_frame(tmp_path / "one.csv").frame["text"].to_list() == ["hello", "text", "bye"]


@pytest.mark.parametrize(
    ("cells", "how"),
    [
        ("12.5%", "with a percent sign"),
        ("$12.50", "with a currency"),
        ("12,50 EUR", "with a currency"),
        ("\u20ac 3", "with a currency"),
        ("(12.50)", "in brackets"),
    ],
)
def test_numbers_with_something_around_them_say_what(cells, how):
    table = frame(["a", "b"] * 10, amount=[cells] * 20)
    with pytest.raises(ContractError, match=f"written {how}[\\s\\S]*nothing between thousands or around the digits"):
        infer_contract(table, Roles(content=("text",), label=("label",), numeric=("amount",)), folds=2)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old workbook"),
        (b"\n<!DOCTYPE html>\n<html><body>Please log in</body></html>", "a web page"),
        (b"<HTML><table>", "a web page"),
        (b"PK\x03\x04" + bytes(600), "a zip archive or a spreadsheet"),
    ],
)
def test_what_is_no_text_says_what_it_is(tmp_path, raw, said):
    (tmp_path / "rows.csv").write_bytes(raw)
    with pytest.raises(InputError, match=f"rows.csv is {said}.*whatever it is called"):
        read_frame(tmp_path / "rows.csv")


def test_empty_columns_beyond_the_header_are_named_as_such(tmp_path):
    (tmp_path / "rows.csv").write_text("text,label\n" + "hello,a,,\nbye,b,,\n" * 3)
    with pytest.raises(InputError, match="what is beyond the header is empty"):
        read_frame(tmp_path / "rows.csv")
    (tmp_path / "rows.csv").write_text("text,label\n" + "hello,a,x\nbye,b,\n" * 3)
    with pytest.raises(InputError, match="put double quotes around"):
        read_frame(tmp_path / "rows.csv")


@pytest.mark.parametrize("odd", ["NaN", "sNaN", "Infinity"])
def test_decimals_that_are_no_number_are_as_floats_that_are_none(odd):
    cells = [decimal.Decimal("1.5"), decimal.Decimal(odd), decimal.Decimal("2.5"), decimal.Decimal("3.5")]
    floats = [float(cell) if not cell.is_snan() else float("nan") for cell in cells]
    read, same = (numbers(read_frame({"x": one}).frame["x"]) for one in (cells, floats))
    np.testing.assert_array_equal(read, same)


def test_times_beyond_all_numbers_are_no_times():
    found, bad = times(pl.Series([1e308, 1.7e308]))
    assert np.isnat(found).all()
    assert bad.all()
