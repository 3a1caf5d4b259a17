"""Whoever has the wrong folder in hand is told which it is, and where the right one lies."""

import os
from pathlib import Path

import pytest

from graft.core.errors import OutputError
from graft.core.places import (
    BUNDLE,
    ROWS,
    SHOP,
    SOURCE,
    STUDY,
    TABLE,
    next_step,
    place_of,
    require_output,
    require_unsealed,
)


@pytest.fixture
def house(tmp_path, monkeypatch):
    for name in (
        "study/study.json",
        "study/report.html",
        "study/bundle/manifest.json",
        "study/bundle/contract.json",
        "vectors/tickets/table.json",
        "vectors/tickets/g1/part.parquet",
        "model/config.json",
        "model/tokenizer.json",
        "tickets.csv",
        "data/new.csv",
        "market/shop/manifest.json",
        "market/shop/shop.json",
        "empty/.keep",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("given", "wanted", "said"),
    [
        ("study", BUNDLE, "the bundle is study/bundle"),
        ("study/report.html", BUNDLE, "the bundle is study/bundle"),
        ("study/bundle/manifest.json", BUNDLE, "the bundle is study/bundle"),
        ("study/bundel", BUNDLE, "did you mean study/bundle?"),
        ("vectors/tickets", BUNDLE, "this is an embedding table: graft tables show vectors/tickets"),
        ("model", BUNDLE, "this is a pretrained model: graft study FILE --source path:model"),
        ("tickets.csv", BUNDLE, "the folder comes first"),
        ("study/bundle", STUDY, "the study is study"),
        ("vectors/tickets", STUDY, "this is an embedding table"),
        ("vectors", TABLE, "the table is vectors/tickets"),
        ("vectors/tickets/g1", TABLE, "the table is vectors/tickets"),
        ("study", TABLE, "this is the folder of a study: graft report study"),
        ("study/bundle", SOURCE, "this is a bundle: graft predict study/bundle FILE"),
        ("study", ROWS, "this is the folder of a study"),
        ("data", ROWS, "name the file inside it, for example data/new.csv"),
        ("tickest.csv", ROWS, "did you mean tickets.csv?"),
        ("market", SHOP, "the shop is market/shop"),
        ("market/shop", BUNDLE, "this is a shop: graft recommend for market/shop --user USER"),
        ("study/bundle", SHOP, "this is a bundle: graft predict study/bundle FILE"),
        ("empty", BUNDLE, ""),
        ("nowhere/at/all", BUNDLE, ""),
    ],
)
def test_the_wrong_place_leads_to_the_right_one(house, given, wanted, said):
    told = next_step(Path(given), wanted)
    assert said in told
    assert bool(said) == bool(told)


def test_places_are_known_by_their_files(house):
    kinds = {name: place_of(Path(name)) for name in ("study", "study/bundle", "vectors/tickets", "model", "data")}
    assert {name: one and one.kind for name, one in kinds.items()} == {
        "study": STUDY,
        "study/bundle": BUNDLE,
        "vectors/tickets": TABLE,
        "model": SOURCE,
        "data": None,
    }


def test_nothing_is_written_over_what_is_read(house):
    Path("link.csv").symlink_to("tickets.csv")
    for out in ("tickets.csv", "./tickets.csv", "data/../tickets.csv", "link.csv"):
        with pytest.raises(OutputError, match="is the file that is read"):
            require_output(Path(out), read=(Path("tickets.csv"),))
    with pytest.raises(OutputError, match="is a folder"):
        require_output(Path("data"))
    require_output(Path("new/p.csv"), read=(Path("tickets.csv"),))


@pytest.mark.parametrize("sealed", ["market/shop", "study/bundle"])
def test_nothing_is_written_into_what_is_sealed(house, sealed):
    for name in ("lists.csv", "sample.csv", "a/b/lists.csv"):
        with pytest.raises(OutputError, match=f"lies in .*{sealed}"):
            require_output(Path(sealed) / name)
        with pytest.raises(OutputError, match=f"lies in .*{sealed}"):
            require_unsealed(Path(sealed) / name)
    require_output(Path("market/lists.csv"))
    require_output(Path("study/predictions.csv"))
    require_unsealed(Path(sealed))


@pytest.mark.parametrize("ends", [(".html",), (".npy",), (".jsonl", ".json"), (".svg",)])
def test_a_file_of_another_kind_is_not_replaced(house, ends):
    with pytest.raises(
        OutputError, match=rf"ends in \{ends[0]}: what is in this one would be lost\n.*tickets\{ends[0]}"
    ):
        require_output(Path("tickets.csv"), ends=ends)
    for name in (f"page{ends[0]}", "notes.txt", "out", "p.old"):
        Path(name).write_text("an earlier one")
        require_output(Path(name), ends=ends)
    require_output(Path("new.csv"), ends=ends)


def test_a_folder_that_may_not_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    require_output(tmp_path / "out.csv")
    require_output(tmp_path / "not" / "yet" / "out.csv")
    if os.geteuid() == 0:  # nothing is forbidden to root
        monkeypatch.setattr(os, "access", lambda *asked: False)
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"cannot write .*out\.csv: Permission denied"):
        require_output(tmp_path / "out.csv")
