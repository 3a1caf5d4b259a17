"""``graft audit``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from graft.facts.audit import Audit

audit = typer.Typer(
    no_args_is_help=True,
    help="Audit representations: whom they treat differently, how surely, and what to do. Exit code 3: --fail-on.",
)

_FAILED = 3


class FailOn(StrEnum):
    """From which severity on the exit code is 3."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@audit.callback()
def _group() -> None:
    """Keep ``associations`` a word of its own while it is the only one."""


@audit.command()
def associations(
    source: Annotated[str, typer.Option(help="Reference of a source of texts; minilm when left out.")] = "",
    table: Annotated[Path | None, typer.Option(help="A table of vectors instead, whose ids are the words.")] = None,
    test: Annotated[
        list[str], typer.Option(help="weat1 to weat10, or all; with commas or repeated. All when left out.")
    ] = [],  # noqa: B006
    spec: Annotated[Path | None, typer.Option(help="Tests of your own, in YAML.")] = None,
    sentences: Annotated[
        bool, typer.Option("--sentences", help="Put words into sentences, where a test brings none of its own.")
    ] = False,
    level: Annotated[float, typer.Option(help="Of intervals, and what all tests together may find in error.")] = 0.95,
    out: Annotated[Path | None, typer.Option(help="Where to write the record (JSON).")] = None,
    fail_on: Annotated[FailOn | None, typer.Option(help="Exit with 3 when a finding is as severe as this.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Test what lies nearer to what: names, professions, whatever lists of words say.

    Example: graft audit associations --source minilm --test weat6,weat7,weat8
    """
    from graft.api import audit_associations
    from graft.core.display import Bars, Terminal
    from graft.core.places import require_output
    from graft.report.audit.words import association_lines

    if out is not None:
        require_output(out, ends=(".json",))
    names = [part.strip() for one in test for part in one.split(",") if part.strip()]
    found = audit_associations(
        source=source or None, table=table, test=names, spec=spec, sentences=sentences, level=level, seed=seed,
        progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    _end(found, association_lines(found), out, fail_on)


def _end(found: "Audit", lines: list[str], out: Path | None, fail_on: FailOn | None) -> None:
    """Print, write the record and leave with 3 where a finding is as severe as asked."""
    from graft.core.files import write_text
    from graft.facts.audit import SEVERITIES

    for line in lines:
        typer.echo(line)
    if out is not None:
        write_text(out, found.to_json())
        typer.echo(f"written to {out}")
    if fail_on is not None and SEVERITIES.index(found.severity) >= SEVERITIES.index(fail_on.value):
        raise typer.Exit(_FAILED)
