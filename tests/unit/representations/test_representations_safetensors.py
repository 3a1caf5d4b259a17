import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from graft.core.errors import SourceError
from graft.representations.weights.safetensors_file import TensorEntry, check_safetensors


def raw(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def one(dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4), **more: object) -> dict[str, object]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}, **more}


def two(first: tuple[int, int], second: tuple[int, int]) -> dict[str, object]:
    def tensor(start: int, end: int) -> dict[str, object]:
        return {"dtype": "I8", "shape": [abs(end - start)], "data_offsets": [start, end]}

    return {"a": tensor(*first), "b": tensor(*second)}


FOUR = bytes(4)
DAMAGED = {
    "empty file": b"",
    "seven bytes": bytes(7),
    "length only": struct.pack("<Q", 10),
    "length zero": raw(b"", FOUR),
    "length beyond the file": raw(one(), FOUR, length=10_000),
    "length of an exabyte": raw(one(), FOUR, length=1 << 63),
    "length all ones": raw(one(), FOUR, length=(1 << 64) - 1),
    "header cut": raw(one(), FOUR, length=20),
    "not JSON": raw(b"{'a': 1}    ", FOUR),
    "not UTF-8": raw(b'{"\xff\xfe": 1}', FOUR),
    "a list": raw([1, 2], FOUR),
    "a number": raw(b"12", FOUR),
    "nested without end": raw(b"[" * 200_000),
    "a name twice": raw(
        b'{"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}',
        FOUR,
    ),
    "a field twice": raw(b'{"a":{"dtype":"I8","dtype":"I8","shape":[4],"data_offsets":[0,4]}}', FOUR),
    "data cut": raw(one(), bytes(3)),
    "data too long": raw(one(), bytes(5)),
    "negative start": raw(one(offsets=(-4, 0)), FOUR),
    "negative end": raw(one(offsets=(0, -4)), FOUR),
    "backwards": raw(one(offsets=(4, 0)), FOUR),
    "both negative sides": raw(one(shape=(-1, -1)), FOUR),
    "one negative side": raw(one(shape=(-1,)), FOUR),
    "overlapping": raw(two((0, 3), (2, 4)), FOUR),
    "the same place": raw(two((0, 4), (0, 4)), FOUR),
    "a gap": raw(two((0, 1), (2, 4)), FOUR),
    "a gap at the start": raw(one("I8", (3,), (1, 4)), FOUR),
    "unknown type": raw(one("F32X"), FOUR),
    "type as a list": raw(one(["F32"]), FOUR),
    "type of another size": raw(one("F64"), FOUR),
    "shape too small": raw(one("I8"), FOUR),
    "shape too large": raw(one(shape=(2,)), FOUR),
    "huge product": raw(one(shape=(1 << 40, 1 << 40)), FOUR),
    "a product that wraps to one": raw(one(shape=(1 << 32, 1 << 32, 1)), FOUR),
    "huge sides with a zero": raw(one(shape=(0, 1 << 70), offsets=(0, 0))),
    "thousands of sides": raw(one(shape=(1,) * 5000), FOUR),
    "fractional side": raw(one(shape=(1.0,)), FOUR),
    "true as a side": raw(one(shape=(True,)), FOUR),
    "shape as text": raw(one(shape="1"), FOUR),
    "shape missing": raw({"a": {"dtype": "F32", "data_offsets": [0, 4]}}, FOUR),
    "three offsets": raw(one(offsets=(0, 4, 4)), FOUR),
    "offsets not numbers": raw(one(offsets=("0", "4")), FOUR),
    "infinite offset": raw(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e999]}}', FOUR),
    "a number with 5,000 digits": raw(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,' + b"1" * 5000 + b"]}}", FOUR
    ),
    "a tensor that is a list": raw({"a": [1]}, FOUR),
    "a tensor that is null": raw({"a": None}, FOUR),
    "no tensors but data": raw({}, FOUR),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_or_hostile_file_is_refused_by_name(tmp_path, data):
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="is not a sound safetensors file") as raised:
        check_safetensors(path)
    assert str(path) in raised.value.given
    assert raised.value.fix
    assert len(str(raised.value)) < 1000 + len(str(path))


def test_the_header_may_not_fill_the_memory(tmp_path):
    path = tmp_path / "x.safetensors"
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", 101 << 20))
        stream.truncate(200 << 20)  # a hole: no disk is used
    with pytest.raises(SourceError, match="its header claims"):
        check_safetensors(path)


def test_a_sound_file_is_described_in_the_order_of_its_bytes(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"b": np.zeros((2, 3), np.float32), "a": np.zeros(0, np.int8)}, path, metadata={"format": "pt"})
    entries = check_safetensors(path)
    assert {entry.name: (entry.dtype, entry.shape, entry.end - entry.start) for entry in entries} == {
        "a": ("I8", (0,), 0),
        "b": ("F32", (2, 3), 24),
    }
    assert [entry.start for entry in entries] == sorted(entry.start for entry in entries)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
        torch.float8_e4m3fn,
        torch.float8_e5m2,
        torch.uint16,
        torch.uint32,
        torch.uint64,
    ],
    ids=str,
)
def test_every_type_torch_writes_is_known(tmp_path, dtype):
    path = tmp_path / "x.safetensors"
    save_torch({"x": torch.zeros(3, 5, dtype=dtype), "scalar": torch.zeros((), dtype=dtype)}, path)
    entries = {entry.name: entry for entry in check_safetensors(path)}
    assert isinstance(entries["x"], TensorEntry)
    assert (entries["x"].shape, entries["scalar"].shape) == ((3, 5), ())


def test_a_file_without_tensors_is_sound(tmp_path):
    path: Path = tmp_path / "x.safetensors"
    save_file({}, path)
    assert check_safetensors(path) == ()
