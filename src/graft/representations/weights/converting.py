"""Pickled weights to safetensors: the only way in for a .bin, .pt, .pth, .th or .ckpt.

Decisions: the file is looked at without opening it (``pickle_scan``), then opened by torch's restricted reader in a
process of its own (``pickle_child``) that has limits on memory, time and disk, an empty environment and a folder of its
own; the result passes the same checks as any weights before it takes its name. Whatever goes wrong, nothing is left.
"""

import hashlib
import io
import math
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from graft.core.digests import file_sha256
from graft.core.errors import InputError, SourceError
from graft.core.files import write_json
from graft.representations.directories import check_directory
from graft.representations.new_folder import publish, require_free, workplace
from graft.representations.weights.known_forms import described
from graft.representations.weights.pickle_process import WEIGHTS, Report, read_apart
from graft.representations.weights.pickle_scan import refused, scan_pickle
from graft.representations.weights.safetensors_file import check_safetensors, rename_tensors
from graft.representations.weights.statistics import placeholders
from graft.representations.weights.weight_files import PICKLES, shown

_SHOWN = 6
_BESIDE = (
    "config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "sentence_*_config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "*Pooling/config.json",
    "*Normalize/config.json",
    "README.md",
    "LICENSE*",
    "NOTICE*",
)
_KEPT = (".json", ".txt", ".model", ".md", "")


@dataclass(frozen=True)
class Conversion:
    """What was converted, and what was changed on the way.

    source, out: the pickle and the file written, with their SHA-256 and their sizes in bytes. tensors, numbers: how
    many were written. unwrapped: tables around the weights that were opened, outermost first. prefix: what was removed
    from the start of every name. shared: tensors that shared memory and have a copy now, ``second = first``.
    left_out: entries that are no tensors. copied: files taken along unchanged. network: which one they are known to be;
    its configuration was written beside them. notes: what a person should know.
    """

    source: Path
    source_sha256: str
    source_size: int
    out: Path
    sha256: str
    size: int
    tensors: int
    numbers: int
    unwrapped: tuple[str, ...]
    prefix: str
    shared: tuple[str, ...]
    left_out: tuple[str, ...]
    copied: tuple[str, ...]
    network: str
    notes: tuple[str, ...]


def convert_weights(
    file: Path | str, out: Path | str, *, memory_limit: int = 8 << 30, seconds: float = 600
) -> Conversion:
    """Convert pickled weights into a new folder that holds ``model.safetensors``.

    file: the pickle; or a model directory with one, whose configuration and tokenizer are then copied too.
    out: a folder that is new or empty, in one that exists. memory_limit: bytes the reading may use, beside what the
    libraries take (enforced on Linux). seconds: when it is given up.
    Raises SourceError when the file asks to run something, is damaged, or holds more than tensors in plain tables;
    OutputError when ``out`` is occupied or cannot be written.
    """
    if memory_limit <= 0 or not (math.isfinite(seconds) and seconds > 0):
        raise InputError(
            f"limits of {memory_limit} bytes and {seconds} seconds", needed="more than nothing", fix="give larger ones"
        )
    given, target = Path(file), Path(out).absolute()
    directory = given if os.path.isdir(given) else None  # noqa: PTH112 - Path.is_dir raises for a name too long
    pickle = _pickle_in(directory) if directory else given
    require_free(target)
    with _opened(pickle) as stream, workplace(target) as place:
        before = os.fstat(stream.fileno())
        scan_pickle(stream, pickle)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        report = read_apart(stream, pickle, place, memory_limit=memory_limit, seconds=seconds)
        after = os.fstat(stream.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise refused(pickle, "it was changed while it was read")
        made = _check_made(place / WEIGHTS, report, pickle)
        new = place / "new"
        new.mkdir()
        made.rename(new / WEIGHTS)
        copied = _copy_beside(directory, new) if directory else ()
        network, notes = ("", ()) if (new / "config.json").exists() else _describe(new)
        notes += placeholders(new / WEIGHTS)
        sha256, size = file_sha256(new / WEIGHTS), (new / WEIGHTS).stat().st_size
        publish(new, target)
    return Conversion(
        source=pickle,
        source_sha256=digest,
        source_size=after.st_size,
        out=target / WEIGHTS,
        sha256=sha256,
        size=size,
        tensors=report.tensors,
        numbers=report.numbers,
        unwrapped=tuple(report.unwrapped),
        prefix=report.prefix,
        shared=tuple(report.shared),
        left_out=tuple(report.left_out),
        copied=copied,
        network=network,
        notes=notes,
    )


def _describe(new: Path) -> tuple[str, tuple[str, ...]]:
    """Write beside weights that came alone what they are known to be; the network, and what a person should know."""
    known = described(check_safetensors(new / WEIGHTS))
    if known is None:
        return "", ()
    if known.unlike:
        return "", (f"no configuration was written: this looks like {known.network}, but {known.unlike}",)
    if known.names:
        rename_tensors(new / WEIGHTS, known.names)
    for name, said in known.files.items():
        write_json(new / name, said)
    return known.network, known.notes


def _pickle_in(directory: Path) -> Path:
    """The one pickle of a model directory."""
    check_directory(directory, str(directory))
    pickles = sorted(path.name for path in directory.iterdir() if path.suffix in PICKLES)
    name = "pytorch_model.bin" if "pytorch_model.bin" in pickles else "".join(pickles[:1])
    if (directory / WEIGHTS).exists():
        raise SourceError(
            f"{directory} holds {WEIGHTS} already", needed="pickled weights", fix=f"use it as it is: path:{directory}"
        )
    if not pickles or (len(pickles) > 1 and name != "pytorch_model.bin"):
        listed = f": {', '.join(map(shown, pickles[:_SHOWN]))}" if pickles else ""
        raise SourceError(
            f"{directory} holds {len(pickles)} pickles{listed}",
            needed="one, or pytorch_model.bin",
            fix="name the file with the weights; weights in several files must be joined where they were made",
        )
    return directory / name


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    """The file, opened once for everything that follows. Raises SourceError when it is no plain file of these names."""
    if path.suffix not in PICKLES:
        raise SourceError(
            f"{path} is not named as pickled weights are",
            needed=f"a file that ends in {', '.join(PICKLES)}",
            fix="safetensors need no conversion; for other formats, ask for safetensors",
        )
    try:
        # A pipe is opened without waiting for its other end, and then refused.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(f"{path} cannot be opened: {why}", needed="a file to read", fix="check the path") from error
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise refused(path, "it is a pipe, a socket or a device, not a file")
        yield stream


def _check_made(made: Path, report: Report, pickle: Path) -> Path:
    """The file the child wrote, once it is a sound safetensors file with the tensors it reported."""
    entries = check_safetensors(made)
    if not entries or len(entries) != report.tensors:
        raise refused(pickle, f"{len(entries)} tensors came out, and {report.tensors} were read")
    return made


def _copy_beside(directory: Path, new: Path) -> tuple[str, ...]:
    """Copy configuration, tokenizer and terms; never code, never pickles. The names."""
    names = {path.relative_to(directory) for pattern in _BESIDE for path in directory.glob(pattern)}
    copied = sorted(name for name in names if (directory / name).is_file() and name.suffix in _KEPT)
    for name in copied:
        (new / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(directory / name, new / name)
    return tuple(name.as_posix() for name in copied)
