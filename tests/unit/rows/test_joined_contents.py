"""Contents of several kinds in one row: what they promise, and when two of them are copies."""

import io
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from graft.core.errors import ContractError, InputError
from graft.inputs import Roles, build_dataset, find_duplicates, infer_contract
from graft.inputs.remarks import shared_parts
from graft.inputs.rows_file import read_rows, write_rows
from graft.inputs.schema import Contract
from graft.rows import read_frame
from graft.rows.content import AUDIO, IMAGE, TEXT, Joined, joined_name, kind_named

BOTH = kind_named("text+image")
ROLES = Roles(content=("photo", "title"), kinds=("image", "text"), label=("sells",))


def picture(seed: int) -> bytes:
    colours = np.random.default_rng(seed).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(colours).save(stream, "PNG")
    return stream.getvalue()


def goods(count: int = 16) -> dict[str, list[object]]:
    names = ("red shoes", "a warm coat", "garden chair", "pot of honey", "blue lamp", "tin whistle", "oak table")
    return {
        "title": [f"{names[row % len(names)]}, {'very ' * (row // len(names))}fine" for row in range(count)],
        "photo": [picture(row) for row in range(count)],
        "sells": [("yes", "no")[row % 2] for row in range(count)],
    }


def of(text: str | None, seed: int | None) -> Joined:
    return Joined(("text", "image"), (text, None if seed is None else IMAGE.taken(picture(seed))))


def test_columns_of_two_kinds_stand_in_the_order_of_the_kinds_whoever_named_them():
    assert ROLES.content == ("title", "photo")
    assert ROLES.kind == "text+image" == joined_name(["image", "text"])
    assert ROLES.columns == (("title", "text"), ("photo", "image"), ("sells", "label"))
    alone = Roles(content=("a", "b"), kinds=("text", "text"), label=("y",))
    assert alone == Roles(content=("a", "b"), label=("y",))
    assert ROLES.alone("image") == Roles(content=("photo",), kind="image", label=("sells",))


def test_a_contract_of_two_kinds_survives_its_json_under_the_names_of_both():
    contract = infer_contract(read_frame(goods()), ROLES)
    said = json.loads(contract.model_dump_json())
    assert said["roles"]["text"] == ["title"]
    assert said["roles"]["image"] == ["photo"]
    assert Contract.model_validate_json(contract.model_dump_json()) == contract
    assert [(one.name, one.kind) for one in contract.columns] == [
        ("title", "text"),
        ("photo", "image"),
        ("sells", "label"),
    ]


def test_a_part_that_is_missing_or_damaged_is_told_and_the_row_read_without_it():
    rows = goods()
    rows["title"][3], rows["photo"][4], rows["photo"][5] = "  ", None, b"no picture"
    rows["title"][6], rows["photo"][6] = None, None
    table = read_frame(rows)
    data, problems = build_dataset(table, infer_contract(table, ROLES), labelled=True)
    told = {one.row: (one.code, one.fatal) for one in problems}
    assert told == {
        3: ("read-without-text", False),
        4: ("read-without-image", False),
        5: ("read-without-image", False),
        6: ("missing-content", True),
    }
    assert len(data) == 15
    assert [data.contents[row].of("text") is None for row in (2, 3)] == [False, True]
    assert [data.contents[row].of("image") is None for row in (3, 4, 5)] == [False, True, True]
    places, texts = data.alone("text")
    assert places.tolist() == [0, 1, 2, *range(4, 15)]
    assert texts.contents[3] == rows["title"][4]
    assert texts.kind is TEXT


@pytest.mark.parametrize(("column", "cell"), [("title", ""), ("photo", None)])
def test_a_kind_that_no_row_has_is_refused_with_what_to_leave_out(column, cell):
    rows = goods() | {column: [cell] * 16}
    kind = {"title": "text", "photo": "image"}[column]
    with pytest.raises(ContractError, match=f"(?s)every row lacks {kind} in .{column}.*leave out {kind}"):
        infer_contract(read_frame(rows), ROLES)


def test_contents_travel_through_files_and_digests_know_what_is_missing(tmp_path):
    table = read_frame(goods())
    data, _ = build_dataset(table, infer_contract(table, ROLES), labelled=True)
    write_rows(tmp_path / "rows.arrow", data)
    assert read_rows(tmp_path / "rows.arrow", data.fingerprint).contents == data.contents
    forms = [of("a b", 1), of("a b", None), of(None, 1), of("a b", 2), of("a  c", 1)]
    assert len({BOTH.digest(one) for one in forms}) == len(forms)
    assert [BOTH.restored(BOTH.written(one)) for one in forms] == forms
    for damaged in ("[]", "{}", '{"text": 1, "image": null}', '{"text": null}', "x"):
        with pytest.raises(ValueError):  # noqa: PT011 - any of the messages of json and ours
            BOTH.restored(damaged)


def test_rows_are_copies_when_all_their_parts_are_equal_or_nearly_so():
    said = "please send the invoice of the last month again, thank you"
    rows = [
        of(said, 1),
        of(said.upper() + "!", 1),  # equal
        of(said.replace("month", "mnth"), 1),  # nearly equal
        of(said, 2),  # another picture
        of("an entirely different text about the weather of today", 1),
        of(said, None),  # no picture
        of(said, None),
        of(None, 1),
    ]
    assert find_duplicates(rows, kind=BOTH).groups.tolist() == [0, 0, 0, 1, 2, 3, 3, 4]


def test_near_copies_are_those_that_a_look_at_every_pair_finds():
    rng = np.random.default_rng(3)
    texts = [f"{word} and nothing else is written here" for word in ("apple", "aple", "pear", "pears", "plum")]
    rows = list(
        {BOTH.loose(one): one for one in (of(texts[rng.integers(5)], int(rng.integers(4))) for _ in range(60))}.values()
    )
    loose, strict = [BOTH.loose(one) for one in rows], [{BOTH.strict(one)} for one in rows]
    pairs, similar = BOTH.near(loose, strict, 0.8, 0)

    def likeness(kind, place, one, other):
        if loose[one][place] == loose[other][place]:
            return 1.0
        forms = [loose[one][place], loose[other][place]]
        found = kind.near(forms, [{strict_[place] for strict_ in strict[row]} for row in (one, other)], 0.8, 0)[1]
        return float(found.max()) if len(found) else -1.0

    expected = {}
    for pair in itertools.combinations(range(len(rows)), 2):
        least = min(likeness(kind, place, *pair) for place, kind in enumerate((TEXT, IMAGE)))
        if least >= 0:
            expected[pair] = least
    assert len(expected) > 3
    assert dict(zip(map(tuple, pairs.tolist()), similar.tolist(), strict=True)) == pytest.approx(expected)


def test_what_is_left_out_is_each_part_whole_and_then_its_pieces():
    pieces = BOTH.pieces(of("red shoes", 1))
    assert [piece.name for piece in pieces[:5]] == ["the text", "the image", "red", "shoes", "image top left"]
    assert [piece.whole for piece in pieces[:3]] == [True, True, False]
    assert pieces[0].rest == of(None, 1)
    assert pieces[2].rest.of("image") == of("red shoes", 1).of("image")
    assert [piece.name for piece in BOTH.pieces(of("red shoes", None))] == ["red", "shoes"]


@pytest.mark.parametrize("limit", [20, 40, 300])
def test_it_is_shown_on_one_line_with_something_of_each_part(limit):
    line = BOTH.shown(of("a long title of a thing " * 20, 1), limit)
    assert len(line) <= limit
    assert "\n" not in line
    assert line.startswith("a long")
    assert BOTH.pictured(of("x", 1)).startswith("data:image/")
    assert BOTH.pictured(of("x", None)) == ""


def test_columns_without_their_kinds_and_kinds_that_cannot_stand_together_are_refused():
    with pytest.raises(InputError, match="content of the kind 'image\\+text'"):
        kind_named("image+text")
    with pytest.raises(InputError, match="text\\+row"):
        kind_named("text+row")
    with pytest.raises(InputError, match="1 kinds for 2 columns"):
        Roles(content=("a", "b"), kinds=("text",), label=("y",))
    with pytest.raises(InputError, match="'smell'"):
        Roles(content=("a", "b"), kinds=("text", "smell"), label=("y",))
    with pytest.raises(InputError, match="'photo' is given as text\\+image and as label"):
        Roles(content=("photo", "a"), kinds=("image", "text"), label=("photo",))


def test_three_kinds_stand_together_too():
    three = kind_named(joined_name(["audio", "text", "image"]))
    assert [part.name for part in three.parts] == ["text", "image", "audio"]
    made = three.made_up(("a",))
    assert {sum(value is not None for value in one.values) for one in made} == {2, 3}
    assert three.problem(Joined(made[0].kinds, (None, None, None))).fatal
    assert three.parts[2] is AUDIO
    assert not three.travels


def test_a_saved_model_keeps_of_each_part_what_it_keeps_of_it_alone():
    kept = BOTH.kept(of("red shoes", 1))
    assert kept.of("text") == "red shoes"
    assert kept.of("image") == IMAGE.kept(of(None, 1).of("image"))
    assert BOTH.restored(BOTH.written(kept)) == kept
    assert BOTH.kept(of("x", None)) == of("x", None)


def test_rows_that_share_a_picture_and_differ_in_the_rest_are_told_unless_they_are_grouped():
    rows = goods()
    rows["photo"][2] = rows["photo"][5] = rows["photo"][9] = rows["photo"][0]
    rows["title"][5] = rows["title"][0]
    table = read_frame(rows)
    told = shared_parts(build_dataset(table, infer_contract(table, ROLES), labelled=True)[0])
    assert len(told) == 1
    assert told[0].startswith("4 rows have the same image as another row")
    grouped = replace(ROLES, group="lot")
    table = read_frame({**rows, "lot": [row // 4 for row in range(16)]})
    assert shared_parts(build_dataset(table, infer_contract(table, grouped), labelled=True)[0]) == ()
