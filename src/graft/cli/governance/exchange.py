"""What crosses the border of governance: documents of a bundle, weights out of a pickle."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """The documents there are."""

    CARD = "card"
    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"


def export(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle, or of a shop.")],
    format: Annotated[Format, typer.Option(help="Model card, CycloneDX 1.6 or SPDX 3.0.1.")],  # noqa: A002
    out: Annotated[Path | None, typer.Option(help="File to write; printed when left out.")] = None,
) -> None:
    """Write a document about a bundle or a shop, with what has been decided since it was saved."""
    from graft.bundle.folders import require_bundle
    from graft.core.files import write_text
    from graft.core.places import SHOP, place_of, require_output
    from graft.governance.registry import Registry

    found = place_of(bundle)
    is_shop = found is not None and found.kind == SHOP
    if not is_shop:
        require_bundle(bundle)
    if out is not None:
        require_output(out, ends=(".md",) if format is Format.CARD else (".json",))
    # Not before all was looked at: it imports scikit-learn.
    if is_shop:
        from graft.bundle.shop_documents import export_shop_document as exported
    else:
        from graft.bundle.documents import export_document as exported

    with Registry() as registry:
        text = exported(bundle, format.value, registry)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
        typer.echo(f"{format.value} of {bundle}: {out}")


def convert(
    weights: Annotated[
        Path,
        typer.Argument(
            help="A .bin, .pt, .pth, .th or .ckpt file, or the folder of a model; or word vectors: .vec, .txt, "
            "word2vec's .bin, or a folder with a .npy and its words."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Folder for the safetensors file.")],
) -> None:
    """Turn a pickle of weights, or a table of word vectors, into safetensors: path:OUT is then a source.

    A pickle is read in a process of its own that may run no code from it.
    """
    from graft.representations.word_tables import is_word_table

    (_convert_words if is_word_table(weights) else _convert_pickle)(weights, out)


def _convert_words(table: Path, out: Path) -> None:
    from graft.representations.word_tables import convert_words

    made = convert_words(table, out)
    typer.echo(f"{made.out}: {made.words:,} words of {made.width:,} numbers, {made.size / 1e6:,.1f} MB")
    typer.echo(f"  from         {made.source}")
    typer.echo(f"  SHA-256      {made.sha256}")
    typer.echo(f"  texts are    {'put in lower case' if made.lowercase else 'read as they are written'}")


def _convert_pickle(weights: Path, out: Path) -> None:
    from graft.representations.weights.converting import convert_weights

    made = convert_weights(weights, out)
    typer.echo(f"{made.out}: {made.tensors} tensors, {made.numbers:,} numbers, {made.size / 1e6:,.1f} MB")
    typer.echo(f"  from         {made.source} (SHA-256 {made.source_sha256})")
    typer.echo(f"  SHA-256      {made.sha256}")
    for name, values in (
        ("opened", made.unwrapped),
        ("prefix removed", (made.prefix,) if made.prefix else ()),
        ("copied apart", made.shared),
        ("left out", made.left_out),
        ("taken along", made.copied),
        ("network", (made.network,) if made.network else ()),
        *(("note", (note,)) for note in made.notes),
    ):
        if values:
            typer.echo(f"  {name:14} {', '.join(values)}")
