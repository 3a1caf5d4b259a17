"""Whoever has the wrong folder in hand is told which it is, and where the right one lies."""

from pathlib import Path

import pytest

from graft.core.errors import OutputError
from graft.core.places import BUNDLE, ROWS, SOURCE, STUDY, TABLE, next_step, place_of, require_output


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
