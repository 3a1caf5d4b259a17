"""A folder with a folder of files for each class, as rows.

Decisions: the name of the outermost folder is the class of what lies in it, at whatever depth; what there is more of,
pictures or recordings, is what the rows are of. Whatever looks like one of these is a row, even a format that is not
read, a link to nothing or a pipe: it is then set aside in words, and nothing vanishes. What is neither, hidden files
and what systems leave behind are passed over and counted. Links are followed, out of the folder too, which is told, and
never round in a circle. Parts of a data set (train, test) are no classes, and a folder around the folders is none
either. Files are named relative to the folder, in the order of their names, so the same folder gives the same rows
everywhere.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from graft.core.errors import InputError
from graft.core.places import ROWS, next_step, place_of
from graft.rows.content import AUDIO, IMAGE

FOLDER_LABEL = "label"
_ENDINGS = {
    IMAGE.name: (
        "jpg jpeg jpe jfif pjpeg pjp png apng gif bmp dib tif tiff webp avif heic heif hif ppm pgm pbm pnm jp2 j2k jpf "
        "jpx ico mpo svg psd eps jxl tga pcx xcf exr cr2 cr3 nef arw raf orf rw2 dng"
    ),
    AUDIO.name: "wav wave flac ogg oga opus mp3 aif aiff aifc au snd caf w64 rf64 m4a m4b aac wma amr ac3 mka",
}
_KIND_OF = {f".{ending}": kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
_PLURALS = {IMAGE.name: "pictures", AUDIO.name: "recordings"}
# How files begin whose names have no ending.
_STARTS = (
    (re.compile(rb"\xff\xd8\xff|\x89PNG\r|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|....ftyp(avif|heic)", re.S), IMAGE.name),
    (re.compile(rb"RIFF....WAVE|fLaC|OggS|ID3|FORM....AIF", re.S), AUDIO.name),
)
_LEFT_BY_SYSTEMS = {"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
_LEFT_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini"}
_PARTS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval", "evaluation", "holdout"}
_BESIDE_PARTS = {"set", "data", "dataset", "split", "seg", "images", "imgs", "audio", "clips", "samples"}
_SHOWN = 5


@dataclass(frozen=True)
class _Found:
    """What a folder holds.

    of: the files of each kind, relative to the folder, in the order of their names. others: files of no kind. hidden:
    hidden files that look like one. unwritable: names that are no text. outside: files behind links that lead out of
    the folder. folders: names of the folders that may be classes.
    """

    of: dict[str, list[Path]]
    others: list[Path]
    hidden: list[Path]
    unwritable: list[str]
    outside: list[Path]
    folders: list[str]

    @property
    def kind(self) -> str:
        """What there is most of, what lies in several folders first; "" where there is nothing."""
        counts = {kind: (len({one.parts[:-1][:1] for one in files}) > 1, len(files)) for kind, files in self.of.items()}
        most = max(counts, key=lambda kind: counts[kind])
        return most if counts[most][1] else ""

    @property
    def files(self) -> list[Path]:
        """The files of this kind."""
        return self.of.get(self.kind, [])

    @property
    def classes(self) -> Counter[str]:
        """How many of them each folder has."""
        return Counter(one.parts[0] for one in self.files if len(one.parts) > 1)

    @property
    def plural(self) -> str:
        """What they are called."""
        return _PLURALS.get(self.kind, "pictures")


def is_folder_of_classes(data: Any, named: tuple[str, ...]) -> bool:
    """Whether rows are given as a folder, and no column is named."""
    return isinstance(data, str | Path) and not named and Path(data).is_dir()


def is_named_as_medium(path: Path) -> bool:
    """Whether a file is called as a picture or a recording is."""
    return path.suffix.lower() in _KIND_OF


def class_folders(folder: Path) -> str:
    """The kind of the files in the folders of a folder, which is also the column of their names.

    Raises InputError where these folders are no classes, with what they are instead.
    """
    found = _files(folder)
    classes, plural = sorted(found.classes), found.plural
    needed = f"a folder of {plural} for each of two classes or more"
    if not classes:
        raise InputError(
            f"{folder} holds {_many(len(found.files), plural)}, and none in a folder of its own",
            needed=needed,
            fix=f"sort the {plural} into folders named as the classes, or list them in a file with a column of labels",
        )
    if all(map(_is_part, classes)):
        raise InputError(
            f"{folder} is divided into {_listed(classes)}: parts of a data set, not classes",
            needed=needed,
            fix=_parted(folder, classes, found),
        )
    if len(classes) == 1:
        inside = {one.parts[1] for one in found.files if len(one.parts) > 2}
        raise InputError(
            f"all {plural} of {folder} lie in one folder, {classes[0]!r}",
            needed=needed,
            fix=f"give the folder inside it: {folder / classes[0]}"
            if inside
            else "add the folders of the other classes, or list the files in a table with a column of labels",
        )
    return found.kind


def folder_kind(folder: Path) -> str:
    """The kind of the files in a folder, sorted into folders or not, which is also the column of their names.

    Raises InputError where there are none, and for a folder that is for something else.
    """
    return _files(folder).kind


def read_folder(folder: Path) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The column ``image`` or ``audio`` of the files in a folder, and notes; with folders in it the column ``label``.

    Raises InputError where there are none, and for a folder that is for something else.
    """
    found = _files(folder)
    kind, files = found.kind, found.files
    columns: dict[str, Sequence[str | None]] = {kind: [one.as_posix() for one in files]}
    if found.classes:
        columns[FOLDER_LABEL] = [one.parts[0] if len(one.parts) > 1 else None for one in files]
    return pl.DataFrame(columns), tuple(_notes(found))


def _files(folder: Path) -> _Found:
    """What a folder holds. Raises InputError where it is for something else, or holds nothing that is read."""
    step = next_step(folder, ROWS)
    if place_of(folder) is not None:
        raise InputError(f"{folder} is a directory", needed="a file of rows, or a folder of files", fix=step)
    found = _found(folder)
    if step:
        beside = f", and {_many(len(found.files), found.plural)} beside it" if found.kind else ""
        raise InputError(
            f"{folder} is a directory with a file of rows in it{beside}",
            needed="one file of rows, or a folder of files for each class and nothing else",
            fix=step + (f"; to read the {found.plural} by their folders, put that file elsewhere" if beside else ""),
        )
    if not found.kind:
        raise InputError(
            f"{folder} is a directory without a picture, a recording or a file of rows"
            + (f"; it holds {_endings(found.others)}" if found.others else ""),
            needed="a file of rows, or a folder of pictures or recordings for each class",
            fix="name the file inside it, or check the folder",
        )
    return found


def _found(folder: Path) -> _Found:
    found = _Found({kind: [] for kind in _ENDINGS}, [], [], [], [], [])
    for path, hidden, outside, is_folder in sorted(_walk(folder), key=lambda one: one[0]):
        known = _KIND_OF.get(path.suffix.lower(), "")
        if is_folder:
            if len(path.parts) == 1:
                found.folders.append(path.name)
        elif hidden:
            found.hidden.extend([path] if known else [])
        elif not _is_text(str(path)):
            found.unwritable.append(ascii(str(path))[1:-1])
        elif known := known or ("" if path.suffix else _by_start(folder / path)):
            found.of[known].append(path)
            found.outside.extend([path] if outside else [])
        else:
            found.others.append(path)
    return found


def _walk(folder: Path) -> Iterator[tuple[Path, bool, bool, bool]]:
    """Files and folders, relative; whether hidden, whether behind a link that leads out, whether a folder."""
    whole = os.path.realpath(folder)
    waiting: list[tuple[Path, tuple[str, ...], bool, bool]] = [(Path(), (whole,), False, False)]
    while waiting:
        place, above, hidden, outside = waiting.pop()
        try:
            with os.scandir(folder / place) as entries:
                inside = list(entries)
        except OSError as error:
            raise InputError(
                f"{folder / place} cannot be looked into ({error.strerror})",
                needed="folders that may be read",
                fix="check the permissions, or move it elsewhere",
            ) from error
        for entry in inside:
            path, out = place / entry.name, outside
            unseen = hidden or entry.name.startswith(".") or entry.name in _LEFT_BY_SYSTEMS
            real = ""
            if entry.is_symlink():
                real = os.path.realpath(entry.path)
                out = out or os.path.commonpath((whole, real)) != whole
            if not entry.is_dir():
                if entry.name.lower() not in _LEFT_FILES:
                    yield path, unseen, out, False
                continue
            real = real or os.path.join(above[-1], entry.name)  # noqa: PTH118 - a name may hold anything
            if real not in above:
                waiting.append((path, (*above, real), unseen, out))
                if not unseen:
                    yield path, False, out, True


def _is_text(name: str) -> bool:
    """Whether a name can be written: on some disks a name is any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _by_start(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError:
        return ""
    return next((kind for starts, kind in _STARTS if starts.match(start)), "")


def _is_part(name: str) -> bool:
    """Whether a name is that of a part of a data set.

    >>> [_is_part(name) for name in ("train", "Test_set", "train2017", "tram", "data")]
    [True, True, True, False, False]
    """
    words = set(re.findall(r"[a-z]+", name.lower()))
    return bool(words & _PARTS) and words <= _PARTS | _BESIDE_PARTS


def _parted(folder: Path, parts: Sequence[str], found: _Found) -> str:
    """How to go on with a folder that is divided into parts."""
    deep = {part for part in parts if any(one.parts[0] == part and len(one.parts) > 2 for one in found.files)}
    learnt = next((part for part in parts if part in deep and "train" in part.lower()), "")
    held = next((part for part in parts if part in deep and "test" in part.lower()), "") or next(
        (part for part in parts if part in deep and part != learnt), ""
    )
    if not learnt or not held:
        return f"give one of them if it has a folder for each class, or list the {found.plural} in a file with labels"
    return f"study one part and test on another: graft study {folder / learnt} --test {folder / held}"


def _notes(found: _Found) -> Iterator[str]:
    plural, classes = found.plural, found.classes
    for kind, files in found.of.items():
        if files and kind != found.kind:
            yield f"passed over, since {plural} are more: {_many(len(files), _PLURALS[kind])}: {_examples(files)}"
    if classes:
        deeper = [one for one in found.files if len(one.parts) > 2]
        if deeper:
            yield (
                f"deeper than their class, which is the outermost folder: {_many(len(deeper), plural)}: "
                f"{_examples(deeper)}"
            )
        empty = [name for name in found.folders if name not in classes and _is_text(name)]
        if empty:
            yield f"folders without {plural} are no classes: {_listed(empty)}"
    if found.outside:
        yield f"linked from elsewhere: {_many(len(found.outside), plural)}: {_examples(found.outside)}"
    if found.others:
        yield f"passed over: {_many(len(found.others), 'other files')}: {_endings(found.others)}"
    if found.hidden:
        yield f"passed over: {_many(len(found.hidden), 'hidden files')}: {_examples(found.hidden)}"
    if found.unwritable:
        yield (
            f"left out, since their names are no UTF-8 (rename them): {_many(len(found.unwritable), 'files')}: "
            f"{_listed(found.unwritable)}"
        )


def _many(number: int, plural: str) -> str:
    """So many of something.

    >>> _many(1, "other files"), _many(2000, "pictures")
    ('1 other file', '2,000 pictures')
    """
    return f"{number:,} {plural.removesuffix('s') if number == 1 else plural}"


def _examples(paths: Sequence[Path]) -> str:
    return _listed([one.as_posix() for one in paths])


def _listed(names: Sequence[str]) -> str:
    """The first few of names.

    >>> _listed(["a", "b"]), _listed(list("abcdefg"))
    ('a, b', 'a, b, c, d, e, …')
    """
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _endings(paths: Sequence[Path]) -> str:
    counts = Counter(one.suffix.lower() or "without an ending" for one in paths)
    order = sorted(counts, key=lambda ending: (-counts[ending], ending))
    return _listed([f"{counts[ending]:,} {ending}" for ending in order])
