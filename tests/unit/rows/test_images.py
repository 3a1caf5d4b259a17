"""Pictures as people have them: turned, damaged, huge, renamed; each is read, or refused in words, alone."""

import base64
import io
import os
import pickle
import struct
import zlib

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from graft.core.errors import ContractError, InputError
from graft.inputs.duplicates import find_duplicates
from graft.representations.embedder import as_contents
from graft.rows import read_frame
from graft.rows.content import IMAGE, contents_of
from graft.rows.content.image import made_up_images
from graft.rows.content.pictures import pixels

RNG = np.random.default_rng(3)


def photo(width=64, height=48, seed=0):
    """Something like a photograph: smooth, with an object in it."""
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    sky = 120 + 60 * np.sin(x / width * rng.uniform(1, 6)) + 50 * np.cos(y / height * rng.uniform(1, 6))
    blob = 80 * np.exp(-((x - rng.uniform(0, width)) ** 2 + (y - rng.uniform(0, height)) ** 2) / 90)
    shades = np.stack([sky + blob, sky - blob / 2, 255 - sky], 2)
    return Image.fromarray(np.clip(shades, 0, 255).astype(np.uint8))


def saved(image, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def problem_of(given):
    one = IMAGE.read([pl.Series("p", [given])], None)[0]
    found = IMAGE.problem(one)
    return None if found is None else (found.code, found.fatal)


def huge_png(width, height):
    """A file of 100 bytes that says it holds so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 10)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


TURNS = (
    (1, None),
    (2, "FLIP_LEFT_RIGHT"),
    (3, "ROTATE_180"),
    (4, "FLIP_TOP_BOTTOM"),
    (5, "TRANSPOSE"),
    (6, "ROTATE_90"),
    (7, "TRANSVERSE"),
    (8, "ROTATE_270"),
)


@pytest.mark.parametrize(("turn", "lying"), TURNS)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "JPEG", "MPO", "AVIF"])
def test_a_camera_that_was_turned_gives_an_upright_picture(turn, lying, form):
    if form not in (Image.init() or Image.SAVE) or form not in Image.SAVE:
        pytest.skip(f"this pillow writes no {form}")
    upright = photo()
    exif = Image.Exif()
    exif[0x0112] = turn
    how = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}, "MPO": {"quality": 95}, "AVIF": {"quality": 100}}
    lain = upright if lying is None else upright.transpose(Image.Transpose[lying])
    one = IMAGE.taken(saved(lain, form, exif=exif, **how.get(form, {})))
    assert (one.found.width, one.found.height) == (64, 48)
    gap = np.abs(np.asarray(pixels(one, 64)).astype(int) - np.asarray(upright)).mean()
    assert gap < (2 if form in ("JPEG", "MPO", "AVIF") else 1e-9)
    held = IMAGE.taken(Image.open(io.BytesIO(saved(lain, "TIFF", exif=_turned(turn)))))
    assert np.array_equal(np.asarray(pixels(held, 64)), np.asarray(upright))


def _turned(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    return exif


def test_colours_of_every_kind_become_what_a_person_sees():
    grey = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))
    sixteen = Image.fromarray(grey.astype(np.uint16) * 257)
    seen = np.asarray(pixels(IMAGE.taken(saved(sixteen)), 64))
    assert np.abs(seen[..., 0].astype(int) - grey).max() <= 1
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert np.asarray(pixels(IMAGE.taken(saved(clear)), 8)).min() == 255
    palette = photo().convert("P")
    assert np.asarray(pixels(IMAGE.taken(saved(palette, "GIF")), 8)).shape == (48, 64, 3)
    cmyk = saved(photo().convert("CMYK"), "JPEG", quality=95)
    gap = np.asarray(pixels(IMAGE.taken(cmyk), 64)).astype(int) - np.asarray(photo())
    assert np.abs(gap).mean() < 12
    for mode in ("1", "L", "LA", "I", "F"):
        form = "TIFF" if mode in "IF" else "PNG"
        assert np.asarray(pixels(IMAGE.taken(saved(photo().convert(mode), form)), 8)).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"", ("empty-image", True)),
        (b"%PDF-1.7 not a picture", ("not-an-image", True)),
        (b"\0\0\0\x18ftypheic\0\0\0\0", ("not-an-image", True)),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ("not-an-image", True)),
        (b"no", ("not-an-image", True)),
        (b"\0\5\x16\7\0\2\0\0Mac OS X", ("not-an-image", True)),
        (saved(photo())[:30], ("damaged-image", True)),
        (saved(photo(), "TIFF")[:60], ("damaged-image", True)),
        (saved(photo(), "TIFF", tiffinfo={254: 1}), ("not-an-image", True)),
        (b"%!PS-Adobe-3.0 EPSF-3.0", ("not-an-image", True)),
        (huge_png(60_000, 60_000), ("not-an-image", True)),
        (huge_png(11_000, 11_000), ("too-many-pixels", True)),
        (saved(photo(), "JPEG")[:-200], ("damaged-image", True)),
        (saved(photo())[:-60], ("damaged-image", True)),
        (saved(Image.new("RGB", (9, 9), "red")), ("blank-image", False)),
        (saved(photo(), "GIF", save_all=True, append_images=[photo(seed=1)]), ("animated-image", False)),
        ("data:image/png;base64,????", ("bad-data", True)),
        ("https://example.org/a.jpg", ("remote-image", True)),
        ("not there.jpg", ("no-image-file", True)),
        ("a\0b.jpg", ("no-image-file", True)),
        (None, ("missing-image", True)),
        ("  ", ("missing-image", True)),
        (saved(photo(), "WEBP"), None),
        (saved(photo(), "BMP"), None),
    ],
)
def test_what_cannot_be_read_is_told_apart(given, expected):
    assert problem_of(given) == expected


def test_what_is_too_fine_for_a_small_form_is_not_called_blank():
    noise = np.random.default_rng(0).integers(0, 256, (40, 20_000, 3), dtype=np.uint8)
    assert IMAGE.problem(IMAGE.taken(saved(Image.fromarray(noise)))) is None
    cap = np.random.default_rng(0).integers(0, 4, (60, 60, 3), dtype=np.uint8)
    assert IMAGE.problem(IMAGE.taken(saved(Image.fromarray(cap)))).code == "blank-image"


def test_a_drawing_is_told_whatever_comes_before_it():
    for start in (b"", b"\xef\xbb\xbf<?xml version='1.0'?>\n", b"<!-- made by hand -->", b"<!DOCTYPE svg PUBLIC ''>"):
        one = IMAGE.read([pl.Series("p", [start + b"<svg xmlns='x'></svg>"])], None)[0]
        assert "drawing (SVG)" in one.problem.message


def levels_of(values, form="TIFF"):
    one = IMAGE.read([pl.Series("p", [saved(Image.fromarray(values), form)])], None)[0]
    seen = np.asarray(pixels(one, 64))[..., 0].astype(float)
    return seen, one.problem and one.problem.code


def test_numbers_of_more_than_eight_bits_mean_the_same_in_every_picture():
    ramp = np.tile(np.arange(0, 256, 4), (48, 1))
    full, problem = levels_of((ramp * 257).astype(np.uint16), "PNG")
    assert np.abs(full - ramp).max() <= 1
    assert problem is None
    half, _ = levels_of((ramp * 128).astype(np.uint16), "PNG")
    assert np.abs(half - ramp / 2).max() <= 1
    dark, problem = levels_of((ramp // 2).astype(np.uint16), "PNG")
    assert (dark.max(), problem) == (0, "odd-numbers")
    for scale in (1 / 255, 1.1 / 255, 1, 257):
        seen, problem = levels_of((ramp * scale).astype(np.float32))
        assert np.abs(seen - np.clip(ramp * (1.1 if scale == 1.1 / 255 else 1), 0, 255)).max() <= 1
        assert problem is None
    hounsfield, problem = levels_of((ramp * 16.0 - 1024).astype(np.float32))
    assert problem == "odd-numbers"
    assert hounsfield[:, 0].max() == 0
    broken = np.where(ramp > 100, np.nan, ramp).astype(np.float32)
    assert levels_of(broken)[1] == "odd-numbers"


def test_a_saved_model_keeps_the_name_of_a_picture_and_not_where_it_lay(tmp_path):
    photo().save(tmp_path / "a.png")
    one = IMAGE.read([pl.Series("p", ["a.png"])], tmp_path)[0]
    for given in (one, IMAGE.taken(saved(photo()))):
        written = IMAGE.written(IMAGE.kept(given))
        assert str(tmp_path) not in written
        assert len(written) < 2_000
        back = IMAGE.restored(written)
        assert IMAGE.shown(back, 80) == IMAGE.shown(given, 80)
        assert IMAGE.pictured(back) == ""
    missing = IMAGE.read([pl.Series("p", ["b.png"])], tmp_path)[0]
    assert missing.problem.message == "b.png: there is no such file"


def test_white_on_nothing_is_seen_on_black():
    strokes = np.zeros((48, 64, 4), np.uint8)
    strokes[10:20, 10:30, 3] = 255
    black = np.asarray(pixels(IMAGE.taken(saved(Image.fromarray(strokes))), 8))
    strokes[..., :3] = 255
    white = np.asarray(pixels(IMAGE.taken(saved(Image.fromarray(strokes))), 8))
    assert np.array_equal(white, 255 - black)
    nothing = IMAGE.taken(saved(Image.new("RGBA", (8, 8), (255, 255, 255, 0))))
    assert IMAGE.problem(nothing).code == "blank-image"


def test_files_are_found_beside_the_rows_and_refused_one_by_one(tmp_path):
    (tmp_path / "photos").mkdir()
    photo().save(tmp_path / "photos" / "a.jpg")
    photo(seed=1).save(tmp_path / "photos" / "b.png")
    (tmp_path / "photos" / "b.png").rename(tmp_path / "photos" / "wrong name.jpg")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "rows.csv").write_text("path\nphotos/a.jpg\nphotos/wrong name.jpg\nphotos\npipe.png\nphotos/c.jpg\n")
    table = read_frame(tmp_path / "rows.csv")
    found = IMAGE.read([table.as_written("path")], table.folder)
    problems = [problem and problem.code for problem in map(IMAGE.problem, found)]
    assert problems == [None, None, "unreadable-image", "unreadable-image", "no-image-file"]
    assert IMAGE.shown(found[0], 80) == "photos/a.jpg (64 x 48)"
    assert IMAGE.measure(table.frame["path"], table.folder).sizes.tolist() == [64 * 48] * 2
    assert pickle.loads(pickle.dumps(found)) == found
    assert hash(found[0]) == hash(IMAGE.restored(IMAGE.written(found[0])))
    elsewhere = IMAGE.read([pl.Series("p", [IMAGE.cell(found[0])])], tmp_path / "other")
    assert IMAGE.digest(elsewhere[0]) == IMAGE.digest(found[0])
    photo(seed=9).save(tmp_path / "photos" / "a.jpg")
    with pytest.raises(InputError, match="was changed while it was used"):
        pixels(found[0], 8)
    with pytest.raises(ContractError, match="names no image that can be read"):
        IMAGE.measure(pl.Series("text", ["hello", "there"]), tmp_path)


def test_pictures_in_memory_are_columns_too():
    array = np.asarray(photo())
    given = {"pil": [photo(), None], "bytes": [saved(photo()), saved(photo(seed=1))], "array": [array, array[..., 0]]}
    given["dict"] = [{"bytes": saved(photo()), "path": "a.png"}, {"bytes": saved(photo()), "path": None}]
    table = read_frame(given)
    assert {column.dtype for column in table.frame} == {pl.Binary}
    for name in given:
        first = IMAGE.read([table.as_written(name)], None)[0]
        assert np.array_equal(np.asarray(pixels(first, 64)), array)
        assert IMAGE.digest(IMAGE.read([pl.Series([IMAGE.cell(first)])], None)[0]) == IMAGE.digest(first)


def test_arrays_of_every_library_are_the_same_picture():
    array = np.asarray(photo())
    broken = array / 255
    given = [
        array,
        broken,
        broken.astype(np.float32),
        array.astype(np.float64),
        array.astype(np.int64),
        array.astype(np.uint16) * 257,
        array.transpose(2, 0, 1),
        torch.from_numpy(array.copy()),
        torch.from_numpy(broken.transpose(2, 0, 1).copy()),
        io.BytesIO(saved(photo())),
    ]
    for one in contents_of(given, IMAGE, reader="a test"):
        assert np.array_equal(np.asarray(pixels(one, 64)), array)
    table = read_frame({"picture": given[:-1]})
    for one in IMAGE.read([table.as_written("picture")], None):
        assert np.array_equal(np.asarray(pixels(one, 64)), array)
    grey = np.stack([array[..., 0]] * 5)
    assert len(contents_of(grey, IMAGE, reader="a test")) == 5
    for either in (array.transpose(2, 0, 1), grey[:3], torch.zeros(1, 28, 28)):
        with pytest.raises(InputError, match="may be one picture, its channels first, or"):
            contents_of(either, IMAGE, reader="a test")
    with pytest.raises(InputError, match=r"numbers from -1 to 1") as raised:
        contents_of([np.linspace(-1, 1, 27).reshape(3, 3, 3)], IMAGE, reader="a test")
    assert "before it was normalised" in raised.value.fix
    with pytest.raises(InputError, match="a pillow image that cannot be read"):
        IMAGE.taken(_closed())
    with pytest.raises(InputError, match="row 1 is float") as raised:
        contents_of([array, 0.5], IMAGE, reader="a test")
    assert "pillow image" in raised.value.needed


def _closed():
    image = Image.open(io.BytesIO(saved(photo())))
    image.close()
    return image


@pytest.mark.parametrize("shape", [(3, 8, 8, 3), (4, 3, 8, 8), (5, 8, 8)])
def test_a_stack_of_pictures_is_one_picture_a_row(shape):
    """What NumPy and torch keep a whole data set in: rows first."""
    stack = np.random.default_rng(0).integers(256, size=shape).astype(np.uint8)
    one_by_one = IMAGE.read([read_frame({"photo": list(stack)}).frame["photo"]], None)
    for given in (stack, torch.from_numpy(stack)):
        found = IMAGE.read([read_frame({"photo": given}).frame["photo"]], None)
        assert [IMAGE.digest(one) for one in found] == [IMAGE.digest(one) for one in one_by_one]
        assert len(found) == len(stack)


def test_a_column_may_mix_pictures_and_names_of_files(tmp_path):
    photo().save(tmp_path / "a.png")
    written = base64.b64encode(saved(photo())).decode()
    columns = {
        "mixed": [photo(), str(tmp_path / "a.png"), None],
        "sets": [{"bytes": saved(photo()), "path": "a.png"}, {"bytes": None, "path": str(tmp_path / "a.png")}, None],
        "base64": [written, base64.urlsafe_b64encode(saved(photo())).decode(), None],
        "addresses": [f"file://{tmp_path}/%61.png", f"FILE://localhost{tmp_path}/a.png", None],
        "written": [f" {tmp_path}/a.png ", str(tmp_path / "a.png").replace("/", "\\"), None],
    }
    table = read_frame(columns)
    for name in columns:
        first, second, none = IMAGE.read([table.as_written(name)], None)
        for one in (first, second):
            assert np.array_equal(np.asarray(pixels(one, 64)), np.asarray(photo())), name
        assert none is None


def test_pictures_that_a_frame_keeps_as_lists_of_numbers_are_read(tmp_path):
    array = np.asarray(photo(9, 8))
    nested = pl.DataFrame({"picture": [array.tolist(), None, [[[1], [2]], [[3]]]]})
    fixed = pl.DataFrame({"picture": pl.Series([array, array], dtype=pl.Array(pl.UInt8, (8, 9, 3)))})
    nested.write_parquet(tmp_path / "rows.parquet")
    for given in (nested, fixed, tmp_path / "rows.parquet"):
        table = read_frame(given)
        first, second, *ragged = IMAGE.read([table.as_written("picture")], None)
        assert np.array_equal(np.asarray(pixels(first, 9)), array)
        assert second is None or second.problem is None
        assert all("is no image and names no file" in one.problem.message for one in ragged)


def test_bytes_name_no_rows():
    table = read_frame({"bytes": [photo(), None], "mixed": [photo(), "a.png"], "names": ["a.png", "b.png"]})
    assert [table.names_rows(name) for name in (*table.frame.columns, "nowhere", None)] == [
        False,
        False,
        True,
        False,
        False,
    ]
    with pytest.raises(InputError, match="row 0 is ndarray, not image") as raised:
        as_contents([np.zeros(7)], IMAGE)
    assert "an array of numbers from 0 to 255" in raised.value.needed
    with pytest.raises(InputError, match="may be one picture, its channels first, or 3 grey ones"):
        as_contents(np.zeros((3, 9, 9), np.uint8), IMAGE)
    assert len(as_contents(np.zeros((7, 9, 9), np.uint8), IMAGE)) == 7


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("HTTPS://example.org/a.jpg", "is an address"),
        ("gs://bucket/a.jpg", "is an address"),
        ("//example.org/a.jpg", "is an address"),
        ("C:\\photos\\a.jpg", "a place on Windows"),
        ("A" * 200, "no picture format"),
    ],
)
def test_what_names_no_file_here_is_told_in_words(name, said):
    one = IMAGE.read([pl.Series("p", [name])], None)[0]
    assert said in one.problem.message


def test_near_copies_are_found_and_others_are_not():
    first = [photo(200, 150, seed) for seed in range(12)]
    again = [
        saved(first[0], "JPEG", quality=60),
        saved(first[1].resize((100, 75))),
        saved(first[2].point(lambda level: level * 0.9)),
        saved(first[3], "BMP"),
    ]
    contents = [IMAGE.taken(saved(one)) for one in first] + list(map(IMAGE.taken, again))
    found = find_duplicates(contents, np.arange(16) % 2, kind=IMAGE)
    assert found.groups.tolist() == [*range(12), 0, 1, 2, 3]
    assert [one.rows for one in found.contradictions] == []
    flat = [IMAGE.taken(saved(Image.new("RGB", (9, 9), colour))) for colour in ("red", "blue", "red")]
    same = find_duplicates(flat, np.array([0, 0, 1]), kind=IMAGE)
    assert same.groups.tolist() == [0, 1, 0]
    assert len(same.contradictions) == 1


def test_a_patch_is_greyed_and_nothing_else():
    one = made_up_images(())[4]
    whole = np.asarray(pixels(one, 32)).astype(int)
    pieces = IMAGE.pieces(one)
    assert len({IMAGE.digest(piece.rest) for piece in pieces}) == len(pieces) == 16
    changed = np.asarray(pixels(pieces[5].rest, 32)) != whole
    assert changed[8:16, 8:16].any()
    changed[8:16, 8:16] = False
    assert not changed.any()


def test_a_thumbnail_is_small_and_missing_files_have_none(tmp_path):
    photo(900, 600).save(tmp_path / "a.jpg")
    one = IMAGE.taken(str(tmp_path / "a.jpg"))
    assert IMAGE.pictured(one).startswith("data:image/jpeg;base64,")
    assert len(IMAGE.pictured(one)) < 12_000
    (tmp_path / "a.jpg").unlink()
    assert IMAGE.pictured(one) == ""
