"""Which files of a model directory hold its weights, and which tensors are in them.

Decisions: only safetensors count; an index may name plain names in its own folder and nothing else; a tensor that two
files hold is refused, because nobody could say which of the two is used.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from graft.core.errors import SourceError
from graft.core.files import read_json
from graft.representations.weights.safetensors_file import TensorEntry, check_safetensors

PICKLES = (".bin", ".pt", ".pth", ".th", ".ckpt")
_SHARD = re.compile(r"[\w-][\w.-]{0,200}\.safetensors", re.ASCII)
_SHOWN = 6
_FLOATS = ("F16", "BF16", "F32", "F64")
_COUNTED = "num_batches_tracked"


def weight_files_of(directory: Path, reference: str) -> list[Path]:
    """The safetensors files of a directory, in the order of their names. Raises SourceError when there is none."""
    single = directory / "model.safetensors"
    if single.is_file():
        # Before any index, because transformers prefers it too: what is verified is what is loaded.
        return [single]
    index = read_json(directory / "model.safetensors.index.json")
    if index:
        return _shards(directory, index, reference)
    pickles = sorted(file.name for file in directory.iterdir() if file.suffix in PICKLES)
    only = f", only {', '.join(map(shown, pickles[:_SHOWN]))}" if pickles else ""
    raise SourceError(
        f"{reference}: {directory} holds no model.safetensors{only}",
        needed="weights as safetensors: a pickle can run code when it is opened",
        fix="ask for, or convert to, model.safetensors",
    )


def _shards(directory: Path, index: object, reference: str) -> list[Path]:
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not shards or not all(isinstance(name, str) for name in shards.values()):
        raise SourceError(
            f"{reference}: model.safetensors.index.json names no weight files",
            needed="its weight_map",
            fix="copy the whole directory again",
        )
    names = sorted(set(shards.values()))
    wrong = [name for name in names if not _SHARD.fullmatch(name) or not (directory / name).is_file()]
    if wrong:
        raise SourceError(
            f"{reference}: the weight files {', '.join(map(shown, wrong[:_SHOWN]))} are missing, "
            f"or are no plain names in {directory}",
            needed="every file its index names, beside the index",
            fix="copy the whole directory again",
        )
    return [directory / name for name in names]


def read_tensors(files: list[Path], reference: str) -> list[TensorEntry]:
    """The tensors of all weight files. Raises SourceError for a damaged file, and for a name that two files give."""
    tensors = [entry for file in files for entry in check_safetensors(file)]
    seen: set[str] = set()
    for entry in tensors:
        if entry.name in seen:
            raise SourceError(
                f"{reference}: two of its weight files hold the tensor {shown(entry.name)}",
                needed="every tensor once, so that it is clear which is used",
                fix="copy the whole directory again",
            )
        seen.add(entry.name)
    return tensors


def require_floats(tensors: Sequence[TensorEntry], reference: str) -> None:
    """Raise SourceError for weights that are whole numbers or flags: rounded so, they are other weights.

    How many batches normalisation has seen is a count, and no weight.
    """
    odd = next((one for one in tensors if one.dtype not in _FLOATS and not one.name.endswith(_COUNTED)), None)
    if odd is not None:
        raise SourceError(
            f"{reference}: its tensor {shown(odd.name)} is of type {odd.dtype}",
            needed=f"weights of type {', '.join(_FLOATS)}",
            fix="save the weights again as they were trained",
        )


def shown(name: str) -> str:
    """A name from outside as a message may show it: odd characters spelt out, and not too long.

    >>> shown("model.bin"), shown("a\\x1b[31m")
    ('model.bin', "'a\\\\x1b[31m'")
    """
    return name[:100] if name.isascii() and name.isprintable() else ascii(name[:100])
