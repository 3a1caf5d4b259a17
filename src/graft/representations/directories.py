"""What may lie in a model directory, looked at before any of it is used.

Decisions: nothing outside the directory is read, so links that leave it are refused (the Hub's own cache links its
snapshots to the blobs beside them, and may); only plain files are opened, because a pipe or a device never ends; every
JSON file has a bound on its size and the shape its readers expect. Code that lies beside weights is never imported; a
directory that asks for it is refused.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from graft.core.errors import InputError, SourceError
from graft.core.files import read_json
from graft.core.places import SOURCE, next_step

_JSON_LIMIT = 32 << 20
_TEXT_LIMIT = 256 << 20
_DEPTH_LIMIT = 64
# The first that is there is read, as sentence-transformers does.
SENTENCE_FILES = tuple(
    f"sentence_{family}_config.json"
    for family in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
_TABLES = (
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    *SENTENCE_FILES,
    "config_sentence_transformers.json",
    "model.safetensors.index.json",
)
_TEXTS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "vocabulary.txt",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "README.md",
)
_TOKEN = (str, dict)
# What the readers of these files take for granted: the types of a setting, where it is given.
_TYPES: dict[str, dict[str, tuple[type, ...]]] = {
    "config.json": {"pad_token_id": (int,)},
    "config_sentence_transformers.json": {"prompts": (dict,), "default_prompt_name": (str,)},
    "tokenizer_config.json": {"pad_token": _TOKEN, "unk_token": _TOKEN},
    "special_tokens_map.json": {"pad_token": _TOKEN, "unk_token": _TOKEN},
}
_SUFFIXES = (".json", ".txt", ".model", ".md", ".safetensors")
_CODE = "auto_map"
_KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")


def check_directory(directory: Path, reference: str) -> None:
    """Raise SourceError when a directory holds something that must not be opened, or that asks for code to be run.

    reference: how the directory was named, for the message.
    """
    if not directory.is_dir():
        raise SourceError(
            f"{reference}: there is no folder {directory}",
            needed="a model directory",
            fix=next_step(directory, SOURCE) or "check the path",
        )
    roots = _roots(directory)
    for entry in sorted(directory.iterdir()):
        _check_entry(entry, roots, reference)
    pooling = directory / "1_Pooling"  # read and copied with the model, whatever modules.json says
    for entry in sorted(pooling.iterdir()) if pooling.is_dir() else ():
        _check_entry(entry, roots, reference)
    for name in _TABLES:
        content = read_bounded_json(directory / name)
        if isinstance(content, dict):
            _check_code(content, directory / name, reference)
            _check_types(content, directory / name, reference)
        elif name not in ("config.json", "model.safetensors.index.json"):  # the readers of these two say it better
            raise _refused(f"{reference}: {directory / name} is not a table of settings")
    _check_modules(directory, roots, reference)


def read_bounded_json(path: Path) -> Any:
    """The content of a JSON file, or an empty table when there is none.

    Raises SourceError when it is too large, nested without end, or not JSON.
    """
    if path.is_file() and path.stat().st_size > _JSON_LIMIT:
        raise SourceError(
            f"{path} has {path.stat().st_size:,} bytes", needed=f"at most {_JSON_LIMIT:,}", fix="choose another source"
        )
    try:
        content = read_json(path)
        # Far below the interpreter's own limit, so that who reads it next from a deeper stack can, too.
        deep = any(depth > _DEPTH_LIMIT for _, _, depth in settings_of(content))
    except InputError as error:
        raise SourceError(error.given, needed=error.needed, fix=error.fix) from error
    except RecursionError:
        deep = True
    if deep:
        raise SourceError(f"{path} is nested without end", needed="an undamaged file", fix="copy it again")
    return content


def _roots(directory: Path) -> tuple[Path, ...]:
    """Where the files of a directory may really lie."""
    real = directory.resolve()
    return (real, real.parent.parent / "blobs") if real.parent.name == "snapshots" else (real,)


def _check_entry(path: Path, roots: tuple[Path, ...], reference: str) -> None:
    shown = ascii(path.name[:100])
    try:
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    except (OSError, RuntimeError) as error:
        raise _refused(f"{reference}: {shown} in {path.parent} is a link that leads nowhere") from error
    if not any(real.is_relative_to(root) for root in roots):
        raise _refused(f"{reference}: {shown} in {path.parent} is a link that leaves the folder")
    if stat.S_ISDIR(mode) and path.suffix in _SUFFIXES:
        raise _refused(f"{reference}: {shown} in {path.parent} is a folder, not a file")
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise _refused(f"{reference}: {shown} in {path.parent} is a pipe, a socket or a device, not a file")
    if path.name in _TEXTS and real.stat().st_size > _TEXT_LIMIT:
        raise _refused(f"{reference}: {shown} in {path.parent} has {real.stat().st_size:,} bytes")


def _check_modules(directory: Path, roots: tuple[Path, ...], reference: str) -> None:
    """The list of sentence-transformers modules: known code, and folders inside this one."""
    path = directory / "modules.json"
    modules = read_bounded_json(path)
    if modules and not (isinstance(modules, list) and all(isinstance(module, dict) for module in modules)):
        raise _refused(f"{reference}: {path} is not a list of modules")
    for module in modules:
        kind, place = module.get("type", ""), module.get("path", "")
        if not isinstance(kind, str) or not kind.startswith("sentence_transformers."):
            raise _needs_code(reference, f"modules.json applies {ascii(kind)[:100]}")
        name = PurePosixPath(place) if isinstance(place, str) and "\0" not in place else PurePosixPath("..")
        if name.is_absolute() or ".." in name.parts:
            raise _refused(f"{reference}: {path} names the folder {ascii(place)[:100]}, which is outside")
        within = directory / name
        if within.is_dir() and not within.is_symlink() and within != directory:
            for entry in sorted(within.iterdir()):
                _check_entry(entry, roots, reference)
        settings = within / "config.json"
        if os.path.lexists(settings):
            for part in (directory / name, settings):
                _check_entry(part, roots, reference)
            if settings.parent != directory and not isinstance(read_bounded_json(settings), dict):
                raise _refused(f"{reference}: {settings} is not a table of settings")


def _check_types(content: dict[str, Any], path: Path, reference: str) -> None:
    for name, types in _TYPES.get(path.name, {}).items():
        value = content.get(name)
        inner = value.get("content") if types is _TOKEN and isinstance(value, dict) else None
        if (value is not None and not isinstance(value, types)) or (inner is not None and not isinstance(inner, str)):
            raise _refused(f"{reference}: {path} gives {ascii(value)[:100]} as {name}")


def _check_code(content: dict[str, Any], path: Path, reference: str) -> None:
    """Refuse a table that asks for code, at any depth."""
    for name, value, _ in settings_of(content):
        if name == _CODE and value is not None:
            raise _needs_code(reference, f"{path.name} holds an auto_map")
        if name == "trust_remote_code" and value:
            raise _needs_code(reference, f"{path.name} asks for trust_remote_code")
        if name in _KERNELS and any(mark in str(value) for mark in "/:{"):
            raise _needs_code(reference, f"{path.name} asks for the kernel {ascii(value)[:100]}")


def settings_of(content: Any) -> Iterator[tuple[str, Any, int]]:
    """Every name, value and depth in tables and lists, without recursion; an element of a list has no name."""
    waiting = [(content, 1)] if isinstance(content, dict | list) else []
    while waiting:
        current, depth = waiting.pop()
        inner = current.items() if isinstance(current, dict) else (("", each) for each in current)
        for name, value in inner:
            yield name, value, depth
            if isinstance(value, dict | list):
                waiting.append((value, depth + 1))


def _refused(given: str) -> SourceError:
    return SourceError(
        given,
        needed="a folder of plain files, as save_pretrained() writes it",
        fix="copy the model's own files into a new folder, or choose another source",
    )


def _needs_code(reference: str, why: str) -> SourceError:
    return SourceError(
        f"{reference} needs code of its own to run ({why})",
        needed="an architecture that transformers already has",
        fix="choose another source: Graft never runs code that comes with weights",
    )
