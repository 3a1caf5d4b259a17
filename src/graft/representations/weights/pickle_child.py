"""A pickle of weights to safetensors: the job of a process that ``pickle_process`` starts apart from this one.

Decision: what it may build is decided by torch's restricted reader (``weights_only``). Imports nothing of Graft.
"""

import os
from pathlib import Path
from typing import Any

WEIGHTS = "model.safetensors"
WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params")
PREFIXES = ("module.", "_orig_mod.")
_DEPTH = 3
_NAME_LIMIT = 500
_SHOWN = 100
_NUMBERS = """
    float64 float32 float16 bfloat16 float8_e4m3fn float8_e5m2
    int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool
"""
_TYPES = frozenset(_NUMBERS.split())


class Refused(Exception):
    """What is in the file is not what can be converted."""


def prepare(given: dict[str, Any]) -> None:
    """Load torch and safetensors, and what they load when they are first used."""
    import safetensors.torch
    import torch

    torch.set_num_threads(1)
    safetensors.torch.save({"warm": torch.zeros(1)})


def work(given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Convert the file behind a descriptor into a folder."""
    return convert(f"/dev/fd/{given['descriptor']}", folder / WEIGHTS)


def convert(source: str, target: Path) -> dict[str, Any]:
    """Read the tensors of ``source`` and write them to ``target`` as safetensors; what was done, as a table."""
    import torch
    from safetensors.torch import save_file

    with open(source, "rb") as stream:  # noqa: PTH123 - a descriptor has no folder
        zipped, size = stream.read(2) == b"PK", os.fstat(stream.fileno()).st_size
    loaded = torch.load(source, map_location="cpu", weights_only=True, mmap=zipped)
    table, unwrapped, left_out = _unwrap(loaded)
    read = {name: value for name, value in table.items() if torch.is_tensor(value)}
    left_out += [_said(name, value) for name, value in table.items() if name not in read]
    for name, value in read.items():
        _check_tensor(name, value)
    _check_stored(read, size)
    tensors = {name: value.detach().contiguous() for name, value in read.items()}
    prefix = _common_prefix(list(tensors))
    tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    shared = _separate(tensors)
    save_file(tensors, target, metadata={"format": "pt"})
    return {
        "unwrapped": unwrapped,
        "prefix": prefix,
        "shared": shared,
        "left_out": left_out,
        "tensors": len(tensors),
        "numbers": sum(value.numel() for value in tensors.values()),
    }


def _unwrap(loaded: Any) -> tuple[dict[Any, Any], list[str], list[str]]:
    """The table of tensors, the names of the wrappers around it, and what else the wrappers held."""
    import torch

    unwrapped: list[str] = []
    left_out: list[str] = []
    while isinstance(loaded, dict):
        name = _wrapper(loaded, _DEPTH)
        if name is None:
            break
        left_out += [_said(other, value) for other, value in loaded.items() if other != name]
        unwrapped.append(name)
        loaded = loaded[name]
    if not isinstance(loaded, dict):
        raise Refused(f"it holds one {type(loaded).__name__} and no table of tensors")
    if not any(torch.is_tensor(value) for value in loaded.values()):
        raise Refused(f"it holds no tensors, neither directly nor under {', '.join(WRAPPERS)}")
    return loaded, unwrapped, left_out


def _wrapper(table: dict[Any, Any], depth: int) -> str | None:
    """The name under which a table has the table of tensors; None when it is that table itself."""
    import torch

    inside = {name: table[name] for name in WRAPPERS if depth and isinstance(table.get(name), dict)}
    for name, inner in inside.items():
        if any(torch.is_tensor(value) for value in inner.values()) or _wrapper(inner, depth - 1):
            return name
    return None


def _check_tensor(name: Any, value: Any) -> None:
    """Refuse what is no dense tensor of a type that safetensors has, under a usable name."""
    import torch

    if not isinstance(name, str) or len(name) > _NAME_LIMIT or not name.isprintable() or name == "__metadata__":
        raise Refused(f"a tensor is called {ascii(name)[:_SHOWN]}, which is no usable name")
    kind = str(value.dtype).removeprefix("torch.")
    if value.layout != torch.strided or value.is_quantized or value.is_nested or value.device.type != "cpu":
        raise Refused(f"the tensor {name[:_SHOWN]} is sparse, quantised or without values")
    if kind not in _TYPES:
        raise Refused(f"the tensor {name[:_SHOWN]} has the type {kind}, which safetensors does not have here")


def _check_stored(tensors: dict[str, Any], size: int) -> None:
    """A storage the file does not hold would keep whatever was in memory. size: of the file, in bytes."""
    storages = [value.untyped_storage() for value in tensors.values()]
    stored = sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
    if stored > size:
        raise Refused(f"it is cut: its tensors need {stored:,} bytes and it has {size:,}")


def _common_prefix(names: list[str]) -> str:
    """What wrappers around a model put before every name; empty when they did not."""
    prefix = ""
    while True:
        found = [one for one in PREFIXES if all(name.startswith(prefix + one) for name in names)]
        if not found:
            return prefix
        prefix += found[0]


def _separate(tensors: dict[str, Any]) -> list[str]:
    """Give every tensor memory of its own, in place; which had shared theirs, as ``second = first``."""
    owners: dict[int, str] = {}
    shared = []
    for name, value in tensors.items():
        if not value.numel():
            continue
        owner = owners.setdefault(value.untyped_storage().data_ptr(), name)
        if owner != name:
            tensors[name] = value.clone()
            shared.append(f"{name} = {owner}")
    return shared


def _said(name: Any, value: Any) -> str:
    """An entry that is left out, in words."""
    import torch

    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    tensors = sum(torch.is_tensor(each) for each in inner)
    kind = type(value).__name__ + (f" with {tensors} tensors" if tensors else "")
    shown = name if isinstance(name, str) and name.isprintable() else ascii(name)
    return f"{shown[:_NAME_LIMIT]} ({kind})"


def reason(error: BaseException) -> str:
    """Why a file was refused, in words; torch's advice to open it without protection is not passed on."""
    if isinstance(error, Refused):
        return str(error)
    text = str(error)
    if isinstance(error, MemoryError) or "allocate" in text or "mmap" in text:
        return "it needs more memory than it may use"
    for mark in ("GLOBAL ", "Unsupported class ", "Trying to instantiate "):
        if mark in text:
            return f"it asks for {text.partition(mark)[2].partition(' ')[0]} when it is opened"
    first = (text.rpartition("error: ")[2].strip().splitlines() or [""])[0].partition(". ")[0]
    return f"its content cannot be read ({type(error).__name__}: {first[:200]})"
