"""What belongs to an item, what stands in for it, and what is said of an item that is new."""

import numpy as np
import pytest
from typer.testing import CliRunner

import graft
from graft.cli.app import app
from graft.core.errors import InputError

KINDS = ("printer", "ink", "paper", "lamp", "bulb")


@pytest.fixture(scope="module")
def made() -> graft.Recommender:
    """Who buys one of eight printers buys its ink in the same visit; two printers are never bought by one person."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(400):
        day = int(rng.integers(0, 300))
        number = int(rng.integers(8))
        if rng.random() < 0.6:
            rows += [(user, f"printer-{number}", day)] + ([(user, f"ink-{number}", day)] if rng.random() < 0.7 else [])
        for kind in ("ink", "paper", "lamp", "bulb"):
            if rng.random() < 0.5:
                rows.append((user, f"{kind}-{rng.integers(8)}", int(rng.integers(0, 300))))
    pairs = {(user, item): day for user, item, day in rows}
    events = {
        "user": [f"u{user}" for user, _ in pairs], "item": [item for _, item in pairs],
        "datetime": [f"2026-{1 + day // 28:02}-{1 + day % 28:02}" for day in pairs.values()],
    }  # fmt: skip
    names = [f"{kind}-{number}" for kind in KINDS for number in range(8)] + ["printer-new", "thing"]
    items = {
        "item": names,
        "kind": [None if one == "thing" else one.partition("-")[0] for one in names],
        "line": [None if one == "thing" else f"line {one[-1] if one != 'printer-new' else 3}" for one in names],
    }
    return graft.Recommender(item_category=("kind", "line"), dimension=8, tries=1).fit(events, items=items)


def test_what_belongs_to_it(made):
    found = made.together("printer-3")
    assert found["item"].to_list() == ["ink-3"]
    assert found["low"][0] > 3
    assert found["low"][0] < found["together"][0] < found["high"][0]
    assert found["both"][0] > 3 * found["expected"][0]
    assert found["through"][0] == ""
    assert made.together("lamp-1").height == 0


def test_in_one_visit(made):
    ever, visit = made.together("printer-3"), made.together("printer-3", within=0.5)
    assert visit["item"].to_list() == ["ink-3"]
    assert visit["together"][0] > ever["together"][0]
    with pytest.raises(InputError, match="visits of -1 days"):
        made.together("printer-3", within=-1)
    with pytest.raises(InputError, match="visits of nan days"):
        made.similar("printer-3", within=float("nan"))


def test_a_new_item_is_told_through_its_content(made):
    found = made.together("printer-new")
    assert "ink-3" in found["item"].to_list()
    assert "printer-3" in found["through"][0]
    with pytest.raises(InputError, match="'thing' has no place"):
        made.together("thing")
    with pytest.raises(InputError, match="'nothing' is unknown"):
        made.together("nothing")


def test_what_stands_in_for_it_and_what_belongs_to_it(made):
    relation = dict(made.similar("printer-3", 50).select("item", "relation").iter_rows())
    assert relation["printer-5"] == "substitute"
    assert relation["printer-new"] == "substitute"
    # Of the same line, so alike in content too.
    assert relation["ink-3"] == "both"
    assert relation["lamp-1"] == "unclear"


def test_without_times():
    shop = graft.Recommender(dimension=4, tries=1).fit({"user": list("aabbcc") * 3, "item": list("xyxyxz") * 3})
    assert shop.together("x").columns == ["item", "both", "expected", "together", "low", "high", "through"]
    with pytest.raises(InputError, match="the events have no times"):
        shop.together("x", within=1)


def test_in_words(made, tmp_path):
    made.save(tmp_path / "shop")
    said = CliRunner().invoke(app, ["recommend", "together", str(tmp_path / "shop"), "--item", "printer-new"]).output
    assert "ink-3" in said
    assert "too few took printer-new; told through what its content is most like: printer-3" in said
    said = CliRunner().invoke(app, ["recommend", "together", str(tmp_path / "shop"), "--item", "lamp-1"]).output
    assert said == "nothing is taken together with lamp-1 more often than by chance\n"
    said = CliRunner().invoke(app, ["recommend", "similar", str(tmp_path / "shop"), "--item", "printer-3"]).output
    assert "substitute" in said
