"""What a pickle asks for, read without opening it.

Decisions: this is the first of two gates and the coarser one; it needs no torch, so that a hostile file is refused at
once and by the name of what it wanted. The gate that decides is torch's own restricted reader, in a process of its
own: whatever slips past here meets that one. Only the instructions and the few names that torch.save writes for tensors
are let through.

The format: https://docs.python.org/3/library/pickletools.html
"""

import io
import pickletools
import zipfile
from pathlib import Path

from graft.core.errors import SourceError
from graft.representations.weights.weight_files import shown

_PICKLE_LIMIT = 64 << 20
_NAMED = 6
# torch's format before 1.6: a magic number, a version, facts of the machine, the object, the keys of its storages.
_LEGACY_PICKLES = 5
_INSTRUCTIONS = """
    PROTO STOP MARK GLOBAL REDUCE BUILD NEWOBJ BINPERSID APPEND APPENDS SETITEM SETITEMS TUPLE TUPLE1 TUPLE2 TUPLE3
    EMPTY_TUPLE EMPTY_LIST EMPTY_DICT EMPTY_SET NONE NEWFALSE NEWTRUE BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE
    SHORT_BINSTRING BINGET LONG_BINGET BINPUT LONG_BINPUT
"""
_OPCODES = frozenset(_INSTRUCTIONS.split())
_TORCH = ("", "._utils", "._tensor", ".cuda", ".nn.parameter", ".serialization", ".storage")
_MODULES = frozenset(f"torch{name}" for name in _TORCH)
_BUILTINS = (f"{module} {name}" for module in ("builtins", "__builtin__") for name in ("bytearray", "set", "complex"))
_PLAIN = frozenset(("collections OrderedDict", "collections Counter", "_codecs encode", *_BUILTINS))


def scan_pickle(stream: io.BufferedReader, path: Path) -> None:
    """Raise SourceError unless a file looks as torch.save writes tensors.

    stream: the open file, at its start; nothing in it is executed. path: its name, for the message.
    """
    start = stream.read(512)
    stream.seek(0)
    if start.startswith(b"PK"):
        _scan_zip(stream, path)
    elif start[257:262] == b"ustar":
        raise refused(path, "it is a tar archive, as PyTorch wrote before 2017")
    else:
        _scan_pickles(stream.read(_PICKLE_LIMIT), path, _LEGACY_PICKLES)


def _scan_zip(stream: io.BufferedReader, path: Path) -> None:
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
            _check_entries(entries, path, size=stream.seek(0, io.SEEK_END))
            pickles = [entry for entry in entries if entry.filename.endswith("data.pkl")]
            if len(pickles) != 1 or pickles[0].file_size > _PICKLE_LIMIT:
                raise refused(path, f"its archive holds {len(pickles)} pickles of a reasonable size")
            content = archive.read(pickles[0])
    except (zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError, EOFError, OSError) as error:
        if isinstance(error, SourceError):
            raise
        raise refused(path, "it is a damaged zip archive") from error
    _scan_pickles(content, path, 1)


def _check_entries(entries: list[zipfile.ZipInfo], path: Path, *, size: int) -> None:
    """torch.save writes every name once, without compression or encryption, and no program."""
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names):
        raise refused(path, "its archive holds a name twice")
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise refused(path, "it is a TorchScript program, not weights")
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 0x1 for entry in entries):
        raise refused(path, "its archive is compressed or encrypted")
    if sum(entry.file_size for entry in entries) > size:
        raise refused(path, "its archive claims more bytes than it has")


def _scan_pickles(content: bytes, path: Path, count: int) -> None:
    """Scan so many pickles that follow one another."""
    stream, asked = io.BytesIO(content), dict[str, None]()
    try:
        for _ in range(count):
            for opcode, argument, _position in pickletools.genops(stream):
                if opcode.name not in _OPCODES:
                    raise refused(path, f"its pickle uses the instruction {opcode.name}, which weights never need")
                if opcode.name == "GLOBAL" and not _harmless(str(argument)):
                    asked.setdefault(str(argument).replace(" ", "."))
    except (ValueError, IndexError, KeyError, AttributeError, OverflowError) as error:
        if isinstance(error, SourceError):
            raise
        if not asked:
            raise refused(path, "it is no pickle that torch.save wrote, or it is cut") from error
    if asked:
        more = f" and {len(asked) - _NAMED} more" if len(asked) > _NAMED else ""
        raise refused(path, f"it asks for {', '.join(map(shown, list(asked)[:_NAMED]))}{more} when it is opened")


def _harmless(name: str) -> bool:
    module, _, attribute = name.partition(" ")
    return name in _PLAIN or (module in _MODULES and "." not in attribute and " " not in attribute)


_FIX = (
    "if it is a whole model of your own, load it where it was made and save its state_dict(); "
    "if it is somebody else's, ask for safetensors and do not open it"
)


def refused(path: Path, problem: str, *, fix: str = _FIX) -> SourceError:
    """The error for a file that cannot be converted."""
    return SourceError(
        f"{path} was not converted: {problem}",
        needed="tensors in plain tables, as torch.save(model.state_dict(), FILE) writes them",
        fix=fix,
    )
