"""Folders as people have them: parts of data sets, folders around folders, links, what systems leave behind."""

import os
import re

import numpy as np
import pytest
from PIL import Image

from graft.core.errors import InputError
from graft.inputs.named_rows import roles_of
from graft.rows import read_frame
from graft.rows.folders import class_folders

RNG = np.random.default_rng(5)


def pictures(folder, *places):
    for place in places:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RNG.integers(0, 255, (8, 8, 3), np.uint8)).save(path, "PNG")


def counts(folder):
    frame = read_frame(folder).frame
    return dict(frame["label"].value_counts().rows())


@pytest.mark.parametrize(
    ("places", "said", "fix"),
    [
        (
            [f"{part}/{kind}/0.png" for part in ("train", "val", "test") for kind in ("cat", "dog")],
            "divided into test, train, val: parts of a data set",
            r"study .*/train --test .*/test$",
        ),
        (
            [f"{part}/{kind}/0.png" for part in ("training_set", "test_set") for kind in ("cat", "dog")],
            "divided into test_set, training_set",
            r"study .*/training_set --test .*/test_set$",
        ),
        (["train/0.png", "test/0.png"], "divided into test, train", "give one of them if it has a folder"),
        (["data/cat/0.png", "data/dog/0.png"], "lie in one folder, 'data'", r"the folder inside it: .*/data$"),
        (["cat/0.png", "cat/1.png"], "lie in one folder, 'cat'", "add the folders of the other classes"),
        (["cat.0.png", "dog.0.png"], "holds 2 pictures, and none in a folder of its own", "sort the pictures"),
    ],
)
def test_folders_that_are_no_classes_are_refused_with_what_they_are(tmp_path, places, said, fix):
    pictures(tmp_path, *places)
    with pytest.raises(InputError, match=said) as raised:
        class_folders(tmp_path)
    assert re.search(fix, raised.value.fix)
    assert len(read_frame(tmp_path)) == len(places)  # whoever only predicts needs no classes


def test_rows_of_a_folder_are_called_by_their_files(tmp_path):
    pictures(tmp_path, "cat/0.png", "dog/0.png")
    assert roles_of(tmp_path).id == "image"


def test_classes_may_be_called_like_parts_when_others_are_not(tmp_path):
    pictures(tmp_path, "train/0.png", "bus/0.png", "tram/0.png")
    assert class_folders(tmp_path) == "image"
    assert counts(tmp_path) == {"train": 1, "bus": 1, "tram": 1}


def test_what_systems_leave_behind_is_no_class_and_no_picture(tmp_path):
    pictures(tmp_path, "cat/0.png", "dog/0.png", ".ipynb_checkpoints/a.png", "cat/.ipynb_checkpoints/0-checkpoint.png")
    pictures(tmp_path, "__MACOSX/cat/._0.png", "cat/@eaDir/0.png/THUMB.jpg", "$RECYCLE.BIN/a.png")
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini"):
        (tmp_path / "cat" / name).write_bytes(b"x")
    assert counts(tmp_path) == {"cat": 1, "dog": 1}
    assert [note.rpartition(":")[0] for note in read_frame(tmp_path).notes] == ["passed over: 5 hidden files"]


def test_every_file_that_looks_like_a_picture_is_a_row_and_the_others_are_counted(tmp_path):
    pictures(tmp_path, "cat/0.JPG", "cat/1.jfif", "cat/2", "dog/0.WebP", "dog/1.png", "0.png")
    (tmp_path / "dog" / "drawing.svg").write_text("<svg/>")
    (tmp_path / "dog" / "notes.TXT").write_text("words")
    (tmp_path / "dog" / "LICENSE").write_text("words")
    (tmp_path / "dog" / "bark.wav").write_text("no picture")
    (tmp_path / "horse").mkdir()
    os.mkfifo(tmp_path / "dog" / "pipe.png")
    (tmp_path / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    table = read_frame(tmp_path)
    assert table.frame.filter(table.frame["label"].is_null())["image"].to_list() == ["0.png"]
    assert counts(tmp_path) == {"cat": 3, "dog": 5, None: 1}
    assert table.notes == (
        "passed over, since pictures are more: 1 recording: dog/bark.wav",
        "folders without pictures are no classes: horse",
        "passed over: 2 other files: 1 .txt, 1 without an ending",
    )


def test_what_lies_in_several_folders_counts_before_what_there_is_more_of(tmp_path):
    pictures(tmp_path, "cat/0.png", "dog/0.png")
    for row in range(5):
        (tmp_path / "cat" / f"{row}.wav").write_text("")
    assert class_folders(tmp_path) == "image"


def test_links_are_followed_but_never_round_in_a_circle(tmp_path):
    inside, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    pictures(inside, "cat/0.png", "dog/0.png")
    pictures(elsewhere, "wolves/0.png", "wolves/1.png")
    (inside / "wolf").symlink_to(elsewhere / "wolves")
    (inside / "cat" / "round").symlink_to(inside)
    (inside / "cat" / "up").symlink_to(inside / "cat")
    assert counts(inside) == {"cat": 1, "dog": 1, "wolf": 2}
    assert read_frame(inside).notes == ("linked from elsewhere: 2 pictures: wolf/0.png, wolf/1.png",)


def test_names_that_are_no_text_are_told_and_left_out(tmp_path):
    pictures(tmp_path, "cat/0.png", "dog/0.png", "-rf/50% <b>.png", "new\nline/\u202egnp.png")
    try:
        (tmp_path / "cat" / os.fsdecode(b"caf\xe9.png")).write_bytes((tmp_path / "cat" / "0.png").read_bytes())
    except OSError:
        pytest.skip("a disk that takes no such names")
    table = read_frame(tmp_path)
    assert len(table) == 4
    assert "left out, since their names are no UTF-8 (rename them): 1 file: cat/caf\\udce9.png" in table.notes[0]


def test_a_file_of_rows_among_pictures_is_not_chosen_for_the_user(tmp_path):
    pictures(tmp_path, "cat/0.png", "dog/0.png")
    (tmp_path / "labels.csv").write_text("file,label\n")
    with pytest.raises(InputError, match="with a file of rows in it, and 2 pictures beside it") as raised:
        read_frame(tmp_path)
    assert "labels.csv" in raised.value.fix
    assert "put that file elsewhere" in raised.value.fix


def test_folders_of_texts_and_empty_folders_say_what_they_hold(tmp_path):
    with pytest.raises(InputError, match="without a picture, a recording or a file of rows"):
        read_frame(tmp_path)
    (tmp_path / "pos").mkdir()
    (tmp_path / "pos" / "a.txt").write_text("good")
    with pytest.raises(InputError, match=r"it holds 1 \.txt"):
        read_frame(tmp_path)


def test_the_folder_one_works_in_has_a_name(tmp_path, monkeypatch):
    pictures(tmp_path / "photos", "cat/0.png", "dog/0.png")
    monkeypatch.chdir(tmp_path / "photos")
    assert read_frame(".").name == "photos"
