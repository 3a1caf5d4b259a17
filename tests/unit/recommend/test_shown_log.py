"""The log of explored lists: the budget goes on from it, at many at once and after a kill; no other file is taken."""

import threading

import polars as pl
import pytest

from graft.core.errors import InputError, OutputError
from graft.entities.exploration import Exposures
from graft.recommend.shown_log import ShownLog


def lists(first, count=2):
    return pl.DataFrame(
        {
            "user": ["u, \"1\"", "u2"] * count, "item": ["i1", "é"] * count,
            "list": [first + number for number in range(count) for _ in range(2)], "explored": [False, True] * count,
            "propensity": [1.0, 0.25] * count, "propensity_error": [0.0] * 2 * count,
        }
    )  # fmt: skip


def test_what_was_answered_is_what_the_next_answer_knows(tmp_path):
    log = ShownLog(tmp_path / "new" / "shown.csv")
    seen = []
    for _ in range(3):
        log.answered(lambda before: (seen.append(before), lists(before.lists))[1])
    assert seen == [Exposures(), Exposures(2, {"é": 2}), Exposures(4, {"é": 4})]
    assert pl.read_csv(log.path).height == 12
    assert pl.read_csv(log.path).columns == lists(0).columns


def test_half_a_line_is_cut_off(tmp_path):
    log = ShownLog(tmp_path / "shown.csv")
    log.answered(lambda before: lists(before.lists))
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + b"u9,i9,2,tr")
    log.answered(lambda before: lists(before.lists))
    assert log.path.read_bytes().startswith(whole)
    assert log.exposures() == Exposures(4, {"é": 4})


def test_many_at_once_keep_one_count(tmp_path):
    log = ShownLog(tmp_path / "shown.csv")
    work = [threading.Thread(target=lambda: ShownLog(log.path).answered(lambda before: lists(before.lists))) for _ in
            range(8)]  # fmt: skip
    for one in work:
        one.start()
    for one in work:
        one.join()
    assert pl.read_csv(log.path)["list"].to_list() == [number for number in range(16) for _ in range(2)]


def test_an_answer_that_fails_leaves_no_row(tmp_path):
    log = ShownLog(tmp_path / "shown.csv")
    log.answered(lambda before: lists(before.lists))
    before = log.path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        log.answered(lambda _: 1 / 0)
    with pytest.raises(InputError, match="lists without 'list'"):
        log.answered(lambda _: pl.DataFrame({"item": ["a"]}))
    assert log.path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"user,item\nu,i\n", "no log of explored lists"),
        (b"list,item,explored\nmany,i,true\n", "no log of explored lists"),
        (b"list,item,explored\n1,i,\n", "rows without 'explored'"),
        (b"\xff\xfe\x00", "no log of explored lists"),
    ],
)
def test_another_file_is_refused(tmp_path, content, said):
    path = tmp_path / "shown.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        ShownLog(path).exposures()
    with pytest.raises(OutputError):
        ShownLog(tmp_path)
    path.rename(tmp_path / "x.json")
    with pytest.raises(OutputError):
        ShownLog(tmp_path / "x.json")
