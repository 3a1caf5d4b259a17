"""What a path holds, for the message when it is not what was wanted.

Decision: the floors of the house write folders that only they can read, but anybody may be handed the wrong one. So
what each is known by, and the command for it, is one record here, and whoever wanted another kind can say where to go.
"""

import difflib
import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graft.core.errors import OutputError

STUDY, BUNDLE, TABLE, SOURCE, SHOP, ROWS, WATCH = "study", "bundle", "table", "source", "shop", "rows", "watch"
_MOST = 500  # of the names in a folder


@dataclass(frozen=True)
class KnownPlace:
    """A kind of folder. named: in words. marks: sets of file names; a folder of this kind has all names of one set.

    used: the commands for it; ``{}`` stands for the folder.
    """

    kind: str
    named: str
    marks: tuple[tuple[str, ...], ...]
    used: str


PLACES = (
    KnownPlace(BUNDLE, "a bundle", (("manifest.json", "contract.json"),), "graft predict {} FILE, or graft verify {}"),
    KnownPlace(SHOP, "a shop", (("manifest.json", "shop.json"),), "graft recommend for {} --user USER"),
    KnownPlace(STUDY, "the folder of a study", (("study.json",), ("study.key",)), "graft report {}"),
    KnownPlace(TABLE, "an embedding table", (("table.json",),), 'graft tables show {}, or graft search {} "WORDS"'),
    KnownPlace(WATCH, "the watch of a model", (("baseline/baseline.json",),), "name the model beside it, not {}"),
    KnownPlace(SOURCE, "a pretrained model", (("config.json", "tokenizer.json"),), "graft study FILE --source path:{}"),
)
_ROWS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".gz")
# What a file that ends so is, everybody knows: nothing of another kind is written over it.
_KNOWN = (*_ROWS, ".json", ".yaml", ".yml", ".html", ".md", ".svg", ".npy", ".safetensors", ".sqlite", ".pem", ".pub")


def place_of(path: Path) -> KnownPlace | None:
    """What kind of folder of ours ``path`` is, if any."""
    for place in PLACES:
        if any(all((path / name).is_file() for name in names) for names in place.marks):
            return place
    return None


def require_unsealed(out: Path) -> None:
    """Raise OutputError where ``out`` lies in a bundle or a shop, of which every file has a digest: one more file, and
    nothing opens it any longer."""
    for folder in out.absolute().parents:
        try:
            found = place_of(folder)
        except OSError:  # a folder that may not be looked into
            continue
        if found is not None and found.kind in (BUNDLE, SHOP):
            raise OutputError(
                f"{out} lies in {folder}, which is {found.named}",
                needed="a place outside of it: what it holds is sealed, and with anything else in it nothing opens it",
                fix=f"choose another, such as {folder.parent / out.name}",
            )


def require_output(out: Path, *, read: Sequence[Path] = (), ends: Sequence[str] = (".csv",)) -> None:
    """Raise OutputError when a file cannot be written at ``out``, lies in a bundle, or would replace one that is
    ``read``, or one of another kind.

    ends: how files of what is written end; the first is the usual one. An older file that ends in a way of other files
    that are well known is never replaced: it was named by mistake.
    """
    if out.is_dir():
        raise OutputError(
            f"{out} is a folder", needed="a file to write", fix=f"name one in it: {out / ('out' + ends[0])}"
        )
    for one in read:
        if out.exists() and one.exists() and out.samefile(one):
            raise OutputError(
                f"{out} is the file that is read",
                needed="another file to write: the rows in it would be lost",
                fix="choose another --out",
            )
    if out.is_file() and out.suffix.lower() in _KNOWN and out.suffix.lower() not in ends:
        raise OutputError(
            f"{out} is there already, and what is written is no {out.suffix.lower()} file",
            needed=f"a new file, or one that ends in {ends[0]}: what is in this one would be lost",
            fix=f"choose another name, such as {out.with_suffix(ends[0])}",
        )
    # A file is written beside its place and moved there. What is not there yet may still be made.
    if out.parent.is_dir() and not os.access(out.parent, os.W_OK | os.X_OK):
        raise OutputError(
            f"cannot write {out}: {os.strerror(errno.EACCES)}",
            needed="a folder this user may write",
            fix="choose another --out",
        )
    require_unsealed(out)


def next_step(path: Path, wanted: str) -> str:
    """What to do when ``path`` is not the kind of place that was ``wanted``; empty when nothing is known about it.

    wanted: STUDY, BUNDLE, TABLE, SOURCE, SHOP, or ROWS, a file of rows.

    >>> next_step(Path("nowhere"), BUNDLE)
    ''
    """
    try:
        return _next_step(path, wanted)
    except OSError:  # a folder that may not be looked into
        return ""


def _next_step(path: Path, wanted: str) -> str:
    near = _near(path, wanted)
    if near is not None:
        return f"{_called(wanted)} is {near}"
    found = place_of(path)
    if found is not None and found.kind != wanted:
        return f"this is {found.named}: {found.used.replace('{}', str(path))}"
    if wanted == ROWS and path.is_dir():
        files = sorted(one.name for one in path.iterdir() if one.suffix in _ROWS)[:_MOST]
        return f"name the file inside it, for example {path / files[0]}" if files else ""
    if not path.exists() and path.parent.is_dir():
        names = [one.name for one, _ in zip(path.parent.iterdir(), range(_MOST), strict=False) if _is(one, wanted)]
        close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
        return f"did you mean {path.parent / close[0]}?" if close else ""
    if path.is_file() and wanted != ROWS and path.suffix.lower() in _ROWS:
        return "this is a file of rows: where a command takes both, the folder comes first"
    return ""


def _near(path: Path, wanted: str) -> Path | None:
    """The wanted place, if it is around ``path``: inside it, above it, or beside it."""
    if wanted == ROWS:
        return None
    around = [path / "bundle", *sorted(path.iterdir())[:_MOST]] if path.is_dir() else []
    above = [path.absolute().parents[0], path.absolute().parents[0] / "bundle"] if path.exists() else []
    for one in (*around, *above):
        if one.is_dir() and one.name != "" and _is(one, wanted):
            return _shown(one, path)
    return None


def _shown(one: Path, path: Path) -> Path:
    """As relative as the user wrote it."""
    if path.is_absolute():
        return one
    here = Path.cwd()
    return one.relative_to(here) if one.is_absolute() and one.is_relative_to(here) and one != here else one


def _is(path: Path, wanted: str) -> bool:
    if wanted == ROWS:
        return path.is_file() and path.suffix in _ROWS
    found = place_of(path)
    return found is not None and found.kind == wanted


def _called(wanted: str) -> str:
    return {BUNDLE: "the bundle", STUDY: "the study", TABLE: "the table", SOURCE: "the model", SHOP: "the shop"}[wanted]
