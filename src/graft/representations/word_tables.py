"""Tables of word vectors, as they are published, to a directory that every command takes.

Decisions: a table is read once and written as safetensors with its words beside it, so no process parses it again. What
is read: lines of a word and its numbers (GloVe; word2vec and fastText with their first line), word2vec's binary form,
and a matrix of NumPy with a file of words. Nothing is opened that could run code: pickled arrays are refused. A table
is whole or refused: a line with too few numbers, a number that is none, a word that stands twice, a count that is not
kept are told with their place. Texts are put in lower case for a table that holds no capital letter.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from graft.core.digests import file_sha256
from graft.core.errors import SourceError
from graft.core.files import write_json
from graft.representations.new_folder import publish, require_free, workplace
from graft.representations.weights.safetensors_file import check_safetensors
from graft.representations.weights.weight_files import shown

VOCABULARY, WORD_TABLE = "vocabulary.txt", "word-table"  # the list of words, and the ``model_type``
WEIGHTS = "model.safetensors"
TEXTS = (".vec", ".txt", ".glove")
_HEADER = 512  # bytes kept for the header of the weights, whose row count is known last
_WIDEST = 1 << 16
_LONGEST_WORD = 4096
_LONGEST_LINE = 64 * _WIDEST
_TOGETHER = 4096


@dataclass(frozen=True)
class WordTable:
    """What was converted. source: the file or folder. out: the directory. words, width: of the table. lowercase:
    whether texts will be put in lower case. sha256: of the weights. size: bytes of them."""

    source: Path
    out: Path
    words: int
    width: int
    lowercase: bool
    sha256: str
    size: int


def is_word_table(path: Path) -> bool:
    """Whether a file or folder is read as a table of words, and not as pickled weights."""
    if path.is_dir():
        return any(path.glob("*.npy"))
    if path.suffix in (*TEXTS, ".npy"):
        return True
    if path.suffix == ".bin" and path.is_file():
        with path.open("rb") as stream:
            return _counts(stream.readline(64)) is not None
    return False


def convert_words(given: Path | str, out: Path | str) -> WordTable:
    """Convert a table of word vectors into a new folder that is a source: ``path:OUT``.

    given: a ``.vec`` or ``.txt`` of a word and its numbers a line, word2vec's ``.bin``, or a folder with one ``.npy``
    and one ``.txt`` or ``.parquet`` of its words, in their order. out: a folder that is new or empty, in one that
    exists. Raises SourceError with what is wrong and where; OutputError when ``out`` is occupied or cannot be written.
    """
    path, target = Path(given), Path(out).absolute()
    require_free(target)
    with workplace(target) as place:
        new = place / "new"
        new.mkdir()
        words, width = _write(path, _read(path), new / WEIGHTS)
        (new / VOCABULARY).write_bytes(("\n".join(words) + "\n").encode())
        lowercase = not any(letter.isupper() for word in words for letter in word)
        write_json(new / "config.json", {"model_type": WORD_TABLE, "lowercase": lowercase, "normalize": False})
        for beside in path.iterdir() if path.is_dir() else ():
            if beside.is_file() and beside.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE", "README.MD")):
                (new / beside.name).write_bytes(beside.read_bytes())
        sha256, size = file_sha256(new / WEIGHTS), (new / WEIGHTS).stat().st_size
        publish(new, target)
    return WordTable(path, target, len(words), width, lowercase, sha256, size)


_Rows = Iterator[tuple[list[str], np.ndarray]]


def _read(path: Path) -> _Rows:
    """Words and their vectors, float32 (words, numbers), some at a time."""
    if path.is_dir() or path.suffix == ".npy":
        return _of_matrix(path)
    if not path.is_file():
        raise SourceError(f"{path} is no file", needed="a table of word vectors", fix="check the path")
    return _of_binary(path) if path.suffix == ".bin" else _of_lines(path)


def _write(path: Path, rows: _Rows, file: Path) -> tuple[list[str], int]:
    """Write the vectors as they come; the words, each once, and the width. Raises SourceError."""
    words: dict[str, None] = {}
    width = count = 0
    with file.open("wb") as stream:
        stream.write(b" " * (8 + _HEADER))
        for some, vectors in rows:
            width = width or vectors.shape[1]
            finite = np.isfinite(vectors).min(axis=1)
            for word, sound in zip(some, finite, strict=True):
                _check_word(path, word, count, bool(sound), word in words)
                words[word] = None
                count += 1
            stream.write(np.ascontiguousarray(vectors, "<f4").data)
        if not words:
            raise _refused(path, "it holds no word")
        facts = {"embeddings": {"dtype": "F32", "shape": [count, width], "data_offsets": [0, 4 * count * width]}}
        stream.seek(0)
        stream.write(_HEADER.to_bytes(8, "little") + json.dumps(facts).encode().ljust(_HEADER))
    check_safetensors(file)
    return list(words), width


def _check_word(path: Path, word: str, row: int, finite: bool, again: bool) -> None:
    place = f"word {row + 1:,} ({shown(word)})"
    if not word or "\n" in word or len(word) > _LONGEST_WORD:
        raise _refused(path, f"{place} is empty, too long, or more than a line")
    if again:
        raise _refused(path, f"{place} stands there twice")
    if not finite:
        raise _refused(path, f"the vector of {place} holds what is no number")


def _of_lines(path: Path) -> _Rows:
    with path.open("rb") as stream:
        first = stream.readline(_LONGEST_LINE)
        counts = _counts(first)
        if counts is None:
            stream.seek(0)
            width = len(first.split()) - 1
        else:
            width = counts[1]
        if not 0 < width <= _WIDEST:
            raise _refused(path, f"its first line gives {width:,} numbers")
        found = 0
        words: list[str] = []
        numbers: list[list[float]] = []
        for line in iter(lambda: stream.readline(_LONGEST_LINE), b""):
            word, vector = _line(path, line, width, found + 1 + (counts is not None))
            words.append(word)
            numbers.append(vector)
            found += 1
            if len(words) == _TOGETHER:
                yield words, _float32(numbers)
                words, numbers = [], []
        if words:
            yield words, _float32(numbers)
    if counts is not None and counts[0] != found:
        raise _refused(path, f"its first line says {counts[0]:,} words, and {found:,} follow")


def _line(path: Path, line: bytes, width: int, number: int) -> tuple[str, list[float]]:
    # A word may hold spaces (". . ." in some tables), so numbers are taken from the end.
    parts = line.rstrip(b" \r\n").rsplit(b" ", width)
    try:
        if len(parts) != width + 1:
            raise ValueError(f"{len(parts) - 1} numbers where {width} are needed")
        return parts[0].decode("utf-8"), [float(part) for part in parts[1:]]
    except ValueError as error:
        raise _refused(path, f"line {number:,}: {str(error)[:100]!a}") from error


def _float32(numbers: list[list[float]]) -> np.ndarray:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
        return np.array(numbers, np.float64).astype(np.float32)


def _of_binary(path: Path) -> _Rows:
    size = path.stat().st_size
    with path.open("rb") as stream:
        counts = _counts(stream.readline(64))
        if counts is None:
            raise _refused(path, "it does not start with two counts")
        count, width = counts
        if not 0 < width <= _WIDEST or count * (width * 4 + 2) > size:
            raise _refused(path, f"it has {size:,} bytes, too few for {count:,} words of {width:,} numbers")
        for start in range(0, count, _TOGETHER):
            some = [_record(path, stream, width) for _ in range(min(_TOGETHER, count - start))]
            yield [word for word, _ in some], np.stack([vector for _, vector in some])
        if stream.read(64).strip():
            raise _refused(path, f"more follows after its {count:,} words")


def _record(path: Path, stream: BinaryIO, width: int) -> tuple[str, np.ndarray]:
    word = bytearray()
    while (sign := stream.read(1)) != b" ":
        if not sign or len(word) > _LONGEST_WORD:
            raise _refused(path, f"it ends, or a word does not, at byte {stream.tell():,}")
        word += sign
    raw = stream.read(4 * width)
    if len(raw) < 4 * width:
        raise _refused(path, f"it ends within the vector of {shown(bytes(word).decode('utf-8', 'replace'))}")
    try:
        return bytes(word).lstrip(b"\n").decode("utf-8"), np.frombuffer(raw, "<f4")
    except UnicodeDecodeError as error:
        raise _refused(path, f"the word before byte {stream.tell():,} is no UTF-8") from error


def _of_matrix(given: Path) -> _Rows:
    folder = given if given.is_dir() else given.parent
    matrices = sorted(folder.glob("*.npy")) if given.is_dir() else [given]
    lists = sorted(
        one
        for one in folder.iterdir()
        if one.suffix in (".txt", ".parquet")
        and not one.name.upper().startswith(("LICEN", "NOTICE", "README", "THIRD"))
    )
    named = [one for one in lists if one.stem == matrices[0].stem] if matrices else []
    lists = named or lists
    if len(matrices) != 1 or len(lists) != 1:
        raise SourceError(
            f"{folder} holds {len(matrices)} .npy files and {len(lists)} .txt or .parquet files",
            needed="one matrix, and one file of its words",
            fix="put the two into a folder of their own",
        )
    vectors, words = _matrix(matrices[0]), _words(lists[0])
    if len(vectors) != len(words):
        raise _refused(matrices[0], f"it has {len(vectors):,} rows, and {lists[0].name} has {len(words):,} words")
    for start in range(0, len(words), _TOGETHER):
        with np.errstate(over="ignore"):
            some = vectors[start : start + _TOGETHER].astype(np.float32)
        yield words[start : start + _TOGETHER], some


def _matrix(path: Path) -> np.ndarray:
    try:
        # On the disk, and never as a pickle; NumPy bounds the header it reads.
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, TypeError, SyntaxError, OverflowError) as error:
        raise _refused(path, f"{(str(error) or type(error).__name__).splitlines()[0][:200]}") from error
    if not isinstance(found, np.memmap) or found.ndim != 2 or found.dtype.kind != "f" or 0 in found.shape:
        what = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else "several arrays"
        raise _refused(path, f"it holds {what[:200]}, not a matrix of numbers")
    if found.offset + found.nbytes != path.stat().st_size:
        raise _refused(path, "it holds more than its header says")
    return found


def _words(path: Path) -> list[str]:
    if path.suffix == ".txt":
        try:
            words = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise _refused(path, "it is no UTF-8") from error
        return [word.removesuffix("\r") for word in words]
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _refused(path, str(error).splitlines()[0][:200]) from error
    if frame.width != 1 or frame.dtypes[0] != pl.String or frame.to_series().null_count():
        raise _refused(path, f"its columns are {', '.join(map(str, frame.dtypes))[:200]}, not one of words")
    return frame.to_series().to_list()


def _counts(line: bytes) -> tuple[int, int] | None:
    """The counts of a first line that holds two and nothing else."""
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() and len(part) < 12 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def _refused(path: Path, why: str) -> SourceError:
    return SourceError(
        f"{path} is not a table of word vectors that can be used: {why}",
        needed="a word and its numbers a line, word2vec's binary form, or a matrix (.npy) with a file of its words",
        fix="copy it again; what stands in it twice, or is no number, must be settled where it was made",
    )
