"""References, safetensors headers, ragged rows and widths, for whatever hypothesis thinks of."""

import json
import struct
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from graft.core.errors import SourceError
from graft.representations.cache import Ragged, concatenate
from graft.representations.encoding.encoder import TOKENS_PER_BATCH, batches
from graft.representations.references import Reference, parse_reference
from graft.representations.tokens import TokenRows, padded_width
from graft.representations.weights.safetensors_file import check_safetensors

NAME = st.from_regex(r"[\w.-]{1,8}", fullmatch=True)
REFERENCES = st.one_of(
    st.builds(Reference, st.just("minilm"), st.just(""), st.just(""), st.booleans()),
    st.builds(Reference, st.just("path"), st.text(min_size=1), st.just(""), st.booleans()),
    st.builds(
        Reference,
        st.just("hf"),
        NAME | st.builds("{}/{}".format, NAME, NAME),
        st.just("") | st.from_regex(r"[\w./-]{1,8}", fullmatch=True),
        st.booleans(),
    ),
)
LENGTHS = st.lists(st.integers(0, 40), min_size=1, max_size=30)


@given(REFERENCES)
def test_a_reference_written_is_the_one_read(reference):
    assert parse_reference(str(reference)) == reference


@given(st.text())
def test_any_text_is_a_reference_or_refused(text):
    try:
        assert isinstance(parse_reference(text), Reference)
    except SourceError as error:
        assert repr(text) in error.given  # noqa: PT017 - most texts do not raise


def ragged(lengths: list[int]) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Ragged(np.arange(offsets[-1] * 2, dtype=np.float32).reshape(-1, 2), offsets)


@given(LENGTHS, st.data())
def test_rows_taken_are_the_rows_asked_for(lengths, data):
    rows = ragged(lengths)
    chosen = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=20)), np.int64)
    taken = rows.take(chosen)
    expected = [rows.values[rows.offsets[row] : rows.offsets[row + 1]] for row in chosen]
    assert len(taken) == len(chosen)
    for place, row in enumerate(expected):
        np.testing.assert_array_equal(taken.values[taken.offsets[place] : taken.offsets[place + 1]], row)


@given(st.lists(LENGTHS, min_size=1, max_size=4))
def test_concatenated_rows_are_all_rows_in_order(pieces):
    joined = concatenate([ragged(lengths) for lengths in pieces])
    np.testing.assert_array_equal(np.diff(joined.offsets), np.concatenate(pieces))
    np.testing.assert_array_equal(joined.values, np.concatenate([ragged(lengths).values for lengths in pieces]))


@given(st.integers(1, 4096))
def test_a_width_holds_the_row_and_wastes_little(length):
    width = padded_width(length)
    assert length <= width
    assert width - length < max(8, length / 4)
    assert padded_width(width) == width
    assert width % 8 == 0


@given(st.lists(st.integers(1, 600), min_size=1, max_size=60))
@settings(deadline=None)
def test_every_row_is_in_one_batch_and_a_batch_has_its_class_shape(lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    empty = np.zeros(len(lengths))
    tokens = TokenRows(np.arange(5, 5 + offsets[-1]), offsets, empty, empty, empty)
    seen: list[int] = []
    for rows, ids, mask in batches(tokens, 3):
        width = ids.shape[1]
        assert ids.shape == mask.shape == (max(1, TOKENS_PER_BATCH // width), width)
        assert {padded_width(lengths[row]) for row in rows} == {width}
        for place, row in enumerate(rows):
            np.testing.assert_array_equal(ids[place, : lengths[row]], tokens.row(row))
            assert (ids[place, lengths[row] :] == 3).all()
            assert mask[place].tolist() == [1] * lengths[row] + [0] * (width - lengths[row])
        np.testing.assert_array_equal(ids[len(rows) :], np.broadcast_to(ids[0], (len(ids) - len(rows), width)))
        seen.extend(rows.tolist())
    assert sorted(seen) == list(range(len(lengths)))


SOUND = save({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(3, np.int8)})


@given(st.integers(0, len(SOUND) - 1), st.integers(1, 255))
def test_a_flipped_header_byte_is_refused_or_still_describes_the_file(position, flip):
    data = bytearray(SOUND)
    data[position] ^= flip
    _refused_or_sound(bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_sound(data):
    _refused_or_sound(data)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3) | st.floats(), lambda inner: st.lists(inner, max_size=3)
    )
)
def test_any_description_of_a_tensor_is_refused_or_sound(value):
    for field in ("dtype", "shape", "data_offsets"):
        facts = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], field: value}
        header = json.dumps({"a": facts}).encode()
        _refused_or_sound(struct.pack("<Q", len(header)) + header + bytes(4))


def _refused_or_sound(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.safetensors"
        path.write_bytes(data)
        try:
            entries = check_safetensors(path)
        except SourceError as error:
            assert str(path) in error.given  # noqa: PT017 - most files do not raise
            return
    length = int.from_bytes(data[:8], "little")
    assert sum(entry.end - entry.start for entry in entries) == len(data) - 8 - length
