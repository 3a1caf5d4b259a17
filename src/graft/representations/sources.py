"""Sources by reference: found, verified and described; their weights are not loaded here.

Decisions: a source is pinned by the SHA-256 of its weights, whatever its name; only safetensors and plain ONNX files
are read; a directory that asks for remote code, or that nothing here reads, is refused before anything is loaded. Each
form of directory that a kind of content is read by has one record.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graft.core.digests import key
from graft.core.errors import SourceError
from graft.core.files import read_json
from graft.representations.audio_directory import is_audio_directory, read_audio_directory
from graft.representations.directories import check_directory
from graft.representations.embedded import NAMES, named, usual_source
from graft.representations.hub import fetch_snapshot
from graft.representations.image_directory import is_image_directory, read_image_directory
from graft.representations.image_onnx import is_onnx_image_directory, read_onnx_image, read_onnx_picture_file
from graft.representations.references import Reference, parse_reference
from graft.representations.row_source import is_row_directory, read_row_directory
from graft.representations.source import Source
from graft.representations.spectrogram_source import is_spectrogram_directory, read_spectrogram_directory
from graft.representations.static_directory import (
    is_static_directory,
    is_static_module,
    read_static_directory,
    read_static_module,
)
from graft.representations.text_directory import architecture_of, read_text_encoder
from graft.representations.weights.sums import require_sums
from graft.representations.word_tables import is_word_table
from graft.rows.content import ContentKind, kind_named


@dataclass(frozen=True)
class DirectoryReader:
    """Which directories hold sources that read one kind of content, and how these are described.

    kind: its name. recognises: whether a directory and its ``config.json`` are of such a source. read: a directory, how
    it was named and its revision, to a verified source, after what lies in it was checked; raises SourceError with what
    is wrong.
    """

    kind: str
    recognises: Callable[[Path, Mapping[str, Any]], bool]
    read: Callable[[Path, str, str], Source]


# Text comes last: what no other kind knows is described, or refused in words, as a text encoder.
READERS: tuple[DirectoryReader, ...] = (
    DirectoryReader("image", is_onnx_image_directory, read_onnx_image),
    DirectoryReader("image", lambda directory, config: is_image_directory(config), read_image_directory),
    DirectoryReader("audio", lambda directory, config: is_audio_directory(config), read_audio_directory),
    DirectoryReader("audio", lambda directory, config: is_spectrogram_directory(config), read_spectrogram_directory),
    DirectoryReader("row", lambda directory, config: is_row_directory(config), read_row_directory),
    DirectoryReader("text", lambda directory, config: is_static_directory(config), read_static_directory),
    DirectoryReader("text", is_static_module, read_static_module),
    DirectoryReader("text", lambda directory, config: True, read_text_encoder),
)


def resolve_source(reference: str | Reference, *, cache: Path | None = None) -> Source:
    """Find and verify the source a reference names; a Hub repository is downloaded at its revision.

    cache: where Hub files are kept (the Hub's own default when None).
    Raises SourceError when it cannot be used, WeightsMismatch when the weights are not the pinned ones.
    """
    parsed = parse_reference(reference) if isinstance(reference, str) else reference
    if parsed.kind in NAMES:
        embedded = named(parsed.kind)
        source = read_directory(embedded.directory(), reference=embedded.name)
        if source.weights.digest != embedded.sha256:
            raise embedded.mismatch(source.weights.digest, embedded.sha256)
    elif parsed.kind == "path":
        source = _at(Path(parsed.location).expanduser(), str(replace(parsed, randomised=False)))
    else:
        directory, commit = fetch_snapshot(parsed.location, parsed.revision, cache=cache)
        source = read_directory(directory, reference=f"hf:{parsed.location}@{commit}", revision=commit)
    return randomised(source, seed=0) if parsed.randomised else source


def _at(place: Path, reference: str) -> Source:
    """The source in a directory, or in one ONNX file of it."""
    if place.suffix == ".onnx" and place.is_file():
        check_directory(place.parent, reference)
        return read_onnx_picture_file(place, reference)
    return read_directory(place, reference=reference)


def require_reads(source: Source, kind: ContentKind) -> None:
    """Raise SourceError, with the sources that fit, unless ``source`` reads this kind of content."""
    _require(source.weights.reference, source.reading.kind, kind)


def require_may_read(reference: str, kind: ContentKind) -> None:
    """The same, of what is known before a source is looked for: one that comes with Graft may have to be converted
    first, and a folder that is not read yet may read anything."""
    parsed = parse_reference(reference)
    read = named(parsed.kind).kind if parsed.kind in NAMES else ""
    if not read or read in [part.name for part in kind.parts]:
        return
    if kind.parts:
        raise not_beside(reference, read, kind)
    _require(reference, read, kind)


def not_beside(reference: str, read: str, kind: ContentKind) -> SourceError:
    """The error for a source that reads none of the kinds that stand in a row."""
    names = [part.name for part in kind.parts]
    return SourceError(
        f"{reference} reads content of the kind {read!r}, and the rows hold {' and '.join(names)}",
        needed=f"sources that read {' or '.join(names)}",
        fix="leave it out",
    )


def _require(reference: str, read: str, kind: ContentKind) -> None:
    if read != kind.name:
        usual = usual_source(kind.name)
        raise SourceError(
            f"{reference} reads {kind_named(read).plural}, and the rows are {kind.plural}",
            needed=f"a source that reads {kind.plural}",
            fix=f"choose {usual}, or a folder with such a model: path:DIR"
            if usual
            else "name a folder: path:DIR; graft sources pretrain makes one",
        )


def randomised(source: Source, *, seed: int) -> Source:
    """The same architecture and tokenizer with weights drawn from ``seed``: it transfers nothing."""
    given = source.weights
    recipe = key({"architecture": architecture_of(given.directory), "seed": seed})
    drawn = replace(given, reference=f"random:{given.reference}", digest=f"random-{recipe}", random_seed=seed)
    return replace(source, weights=drawn)


def read_directory(directory: Path, *, reference: str, revision: str = "") -> Source:
    """Verify and describe a Hugging Face model directory. Raises SourceError with what is wrong."""
    try:
        if not (directory / "config.json").is_file() and is_word_table(directory):
            raise SourceError(
                f"{reference} is a table of word vectors as it was published",
                needed="one that was converted",
                fix=f"graft convert {directory} OUT makes the source path:OUT of it, once",
            )
        # Before anything in it is opened.
        check_directory(directory, reference)
        require_sums(directory, reference)
        config = read_json(directory / "config.json")
        found = config if isinstance(config, dict) else {}
        reader = next(one for one in READERS if one.recognises(directory, found))
        return reader.read(directory, reference, revision)
    except OSError as error:
        raise SourceError(
            f"{reference}: its folder cannot be read: {error.strerror or error}",
            needed="a folder of files this user may read",
            fix="check its name and its permissions",
        ) from error
