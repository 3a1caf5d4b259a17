"""``graft audit``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from graft.facts.audit import Audit


class _OrGroups(TyperGroup):
    """``graft audit study/bundle`` is ``graft audit groups study/bundle``: what is no command is a bundle."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With the word that was left out."""
        given = args[0] if args else ""
        if given and not given.startswith("-") and self.get_command(ctx, given) is None and _is_place(given):
            args = ["groups", *args]
        return super().parse_args(ctx, args)


def _is_place(given: str) -> bool:
    return Path(given).exists() or "/" in given or "." in given


audit = typer.Typer(
    cls=_OrGroups,
    no_args_is_help=True,
    help="Audit representations: whom they treat differently, how surely, and what to do. Exit code 3: --fail-on.",
)

_FAILED = 3


class FailOn(StrEnum):
    """From which severity on the exit code is 3."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


Discount = Annotated[str, typer.Option(help="What a place is worth: log (as for NDCG), reciprocal, geometric or even.")]
Level = Annotated[float, typer.Option(help="Of intervals, and what all tests together may find in error.")]
Out = Annotated[Path | None, typer.Option(help="Where to write the page (.html) or the record (.json).")]
Fail = Annotated[FailOn | None, typer.Option(help="Exit with 3 when a finding is as severe as this.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]


@audit.command()
def groups(
    bundle: Annotated[Path, typer.Argument(help="A saved model; the word groups may be left out.")],
    rows: Annotated[Path, typer.Option(help="Rows like those it is for, with labels where they are known.")],
    sensitive: Annotated[list[str], typer.Option(help="Columns whose groups are compared, with commas or repeated.")],
    favourable: Annotated[str, typer.Option(help="Of two classes the one that figures are of.")] = "",
    large: Annotated[float, typer.Option(help="From where on a gap of shares matters.")] = 0.05,
    least: Annotated[int, typer.Option(help="Rows that a group needs to be judged.")] = 10,
    against: Annotated[Path | None, typer.Option(help="Another bundle, compared on the same rows.")] = None,
    costs: Annotated[Path | None, typer.Option(help="What errors cost, instead of the bundle's table.")] = None,
    encoding: Annotated[str | None, typer.Option(help="What the rows are written in, if not recognised.")] = None,
    level: Annotated[float, typer.Option(help="Of intervals, and what all tests together may find in error.")] = 0.95,
    out: Annotated[Path | None, typer.Option(help="Where to write the page (.html) or the record (.json).")] = None,
    fail_on: Annotated[FailOn | None, typer.Option(help="Exit with 3 when a finding is as severe as this.")] = None,
    seed: Annotated[int, typer.Option(help="Of permutations.")] = 0,
    keep: Annotated[
        bool, typer.Option(help="Put what is found into the addendum beside the bundle, and into the ledger.")
    ] = True,
) -> None:
    """Compare what a model does for groups of rows, with intervals, and with what it does without reuse.

    Example: graft audit study/bundle --rows holdout.csv --sensitive gender,region --out audit.html
    """
    from graft.api import audit_groups
    from graft.bundle.audits import audits_of
    from graft.core.display import Bars, Terminal
    from graft.core.places import require_output
    from graft.report.audit.words import group_lines

    if out is not None:
        require_output(out, read=(rows,), ends=(".html", ".json"))
    names = [part.strip() for one in sensitive for part in one.split(",") if part.strip()]
    found = audit_groups(
        bundle, rows, sensitive=names, favourable=favourable, large=large, least=least, against=against, costs=costs,
        encoding=encoding, level=level, seed=seed, keep=keep, progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    if keep:
        typer.echo(f"kept in {audits_of(bundle)}", err=True)
    _end(found, group_lines(found), out, fail_on)


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
    bundle: Annotated[
        Path | None, typer.Option(help="A saved model instead: its source is asked, and whether its head follows it.")
    ] = None,
    rows: Annotated[Path | None, typer.Option(help="Rows like those the bundle is for.")] = None,
    level: Annotated[float, typer.Option(help="Of intervals, and what all tests together may find in error.")] = 0.95,
    out: Annotated[Path | None, typer.Option(help="Where to write the page (.html) or the record (.json).")] = None,
    fail_on: Annotated[FailOn | None, typer.Option(help="Exit with 3 when a finding is as severe as this.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Test what lies nearer to what: names, professions, whatever lists of words say.

    Example: graft audit associations --source minilm --test weat6,weat7,weat8. With --bundle and --rows, whether the
    model follows what is found.
    """
    from graft.api import audit_associations
    from graft.core.display import Bars, Terminal
    from graft.core.places import require_output
    from graft.report.audit.words import association_lines

    if out is not None:
        require_output(out, read=() if rows is None else (rows,), ends=(".json", ".html"))
    found = audit_associations(
        source=source or None, table=table, test=_named(test), spec=spec, sentences=sentences, bundle=bundle, rows=rows,
        level=level, seed=seed, progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    _end(found, association_lines(found), out, fail_on)


@audit.command()
def leakage(
    table: Annotated[Path, typer.Option(help="A table of vectors.")],
    attribute: Annotated[list[str], typer.Option(help="What vectors should not tell: columns, with commas.")],
    given: Annotated[list[str], typer.Option(help="Columns that may be known; asked is what lies beyond.")] = [],  # noqa: B006
    group: Annotated[str, typer.Option(help="A column whose rows belong together, such as a person.")] = "",
    rows: Annotated[Path | None, typer.Option(help="A file that has these columns; the table when left out.")] = None,
    row_id: Annotated[str, typer.Option("--id", help="The column of --rows that holds the ids of the table.")] = "",
    task: Annotated[str, typer.Option(help="A column that erasing should not harm.")] = "",
    erase_into: Annotated[
        Path | None, typer.Option(help="Write a new table of erased vectors here; nothing is changed without it.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of --rows, where it is not recognised.")] = None,
    level: Annotated[float, typer.Option(help="Of intervals, and what all tests together may find in error.")] = 0.95,
    out: Annotated[Path | None, typer.Option(help="Where to write the record (JSON).")] = None,
    fail_on: Annotated[FailOn | None, typer.Option(help="Exit with 3 when a finding is as severe as this.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Ask whether vectors tell an attribute, beyond what may be known, and what erasing it would do.

    Example: graft audit leakage --table vectors/users --attribute gender --given age,country
    """
    from graft.api import audit_leakage
    from graft.core.display import Bars, Terminal
    from graft.core.places import require_output
    from graft.report.audit.words import leakage_lines

    if out is not None:
        require_output(out, read=() if rows is None else (rows,), ends=(".json",))
    found = audit_leakage(
        table=table, attribute=_named(attribute), given=_named(given), group=group, rows=rows, id=row_id, task=task,
        erase_into=erase_into, encoding=encoding, level=level, seed=seed, progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    _end(found, leakage_lines(found), out, fail_on)


def _named(given: list[str]) -> list[str]:
    return [part.strip() for one in given for part in one.split(",") if part.strip()]


@audit.command()
def recommender(
    shop: Annotated[Path, typer.Argument(help="Folder of a shop, as graft recommend fit wrote it.")],
    attribute: Annotated[str, typer.Option(help="Column of the items: provider, genre; kept or used at the fit.")],
    items: Annotated[Path | None, typer.Option(help="A table of items that has the attribute instead.")] = None,
    users: Annotated[Path | None, typer.Option(help="A table of users, with --sensitive.")] = None,
    sensitive: Annotated[str, typer.Option(help="Column of the users: for whom are the lists good?")] = "",
    k: Annotated[int, typer.Option("--k", "-k", help="Places of a list.")] = 20,
    sample: Annotated[int, typer.Option(help="Users whose lists are looked at, at most; drawn.")] = 2_000,
    merit: Annotated[
        str,
        typer.Option(
            help="What is due: held-out (the newest fifth of what users took; a model that did not see it), later (see"
            " --later), model (the shop's own scores) or none."
        ),
    ] = "held-out",
    later: Annotated[Path | None, typer.Option(help="Events after the fit: merit is what users took later.")] = None,
    at_least: Annotated[float | None, typer.Option(help="Ratings in --later from which on an event is a like.")] = None,
    dislike_below: Annotated[float | None, typer.Option(help="Ratings in --later below which it is a dislike.")] = None,
    discount: Discount = "log",
    level: Level = 0.95,
    out: Out = None,
    fail_on: Fail = None,
    seed: Seed = 0,
    keep: Annotated[
        bool, typer.Option(help="Put what is found into the addendum beside the shop, and into the ledger.")
    ] = True,
) -> None:
    """Test who gets the attention of a recommender's lists, and for whom the lists are good.

    Example: graft audit recommender shop/ --attribute provider --users users.csv --sensitive gender
    """
    from graft.api import audit_recommender
    from graft.core.display import Bars, Terminal
    from graft.core.places import require_output
    from graft.report.audit.exposure_words import recommender_lines

    if out is not None:
        require_output(out, ends=(".html", ".json"))
    found = audit_recommender(
        shop, attribute=attribute, items=items, users=users, sensitive=sensitive, k=k, sample=sample, merit=merit,
        later=later, at_least=at_least, dislike_below=dislike_below, discount=discount, level=level, seed=seed,
        keep=keep, progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    _end(found, recommender_lines(found), out, fail_on)


@audit.command("search")
def found_rows(
    table: Annotated[Path, typer.Option(help="Folder of a table of vectors.")],
    attribute: Annotated[str, typer.Option(help="Column of its rows.")],
    queries: Annotated[
        Path | None,
        typer.Option(help="A file with a column id (of rows) or query (texts). The rows themselves when left out."),
    ] = None,
    merit: Annotated[str, typer.Option(help="Column of numbers: how much attention each row deserves.")] = "",
    k: Annotated[int, typer.Option("--k", "-k", help="Places of a result.")] = 20,
    sample: Annotated[int, typer.Option(help="Rows that ask, at most; drawn.")] = 2_000,
    discount: Discount = "log",
    level: Level = 0.95,
    out: Out = None,
    fail_on: Fail = None,
    seed: Seed = 0,
) -> None:
    """Test who is found when a table is searched, and whether a group finds its own.

    Example: graft audit search --table vectors/people --attribute gender
    """
    from graft.api import audit_search
    from graft.core.places import require_output
    from graft.report.audit.exposure_words import search_lines

    if out is not None:
        require_output(out, ends=(".html", ".json"))
    found = audit_search(
        table, attribute=attribute, queries=queries, merit=merit, k=k, sample=sample, discount=discount, level=level,
        seed=seed,
    )  # fmt: skip
    _end(found, search_lines(found), out, fail_on)


@audit.command()
def swaps(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    rows: Annotated[Path, typer.Option(help="Rows to exchange words in, best ones it has not learnt from.")],
    terms: Annotated[Path | None, typer.Option(help="Identities and their words, in YAML; ours when left out.")] = None,
    text: Annotated[list[str], typer.Option(help="Text columns, when not all.")] = [],  # noqa: B006
    favourable: Annotated[str, typer.Option(help="The class or label to say everything about.")] = "",
    margin: Annotated[
        float | None, typer.Option(help="What matters: a share of decisions, a probability; of values, deviations.")
    ] = None,
    level: Annotated[float, typer.Option(help="Of intervals, and what all tests together may find in error.")] = 0.95,
    encoding: Annotated[str | None, typer.Option(help="What a text file is written in, when not recognised.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the page (.html) or the record (.json).")] = None,
    fail_on: Annotated[FailOn | None, typer.Option(help="Exit with 3 when a finding is as severe as this.")] = None,
    seed: Annotated[int, typer.Option(help="Of samples, where there are very many rows.")] = 0,
    keep: Annotated[
        bool, typer.Option(help="Put what is found into the addendum beside the bundle, and into the ledger.")
    ] = True,
) -> None:
    """Exchange whom texts are about (he and she, Muslims and Christians, names), and see what a model says then.

    Example: graft audit swaps study/bundle --rows holdout.csv
    """
    from graft.api import audit_swaps
    from graft.bundle.audits import audits_of
    from graft.core.display import Bars, Terminal
    from graft.core.places import require_output
    from graft.report.audit.swap_words import swap_lines

    if out is not None:
        require_output(out, read=(rows,), ends=(".html", ".json"))
    found = audit_swaps(
        bundle, rows, terms=terms, text=text, favourable=favourable, margin=margin, level=level, encoding=encoding,
        seed=seed, keep=keep, progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    if keep:
        typer.echo(f"kept in {audits_of(bundle)}", err=True)
    _end(found, swap_lines(found), out, fail_on)


def _end(found: "Audit", lines: list[str], out: Path | None, fail_on: FailOn | None) -> None:
    """Print, write the record and leave with 3 where a finding is as severe as asked."""
    from graft.core.files import write_text
    from graft.facts.audit import SEVERITIES
    from graft.report.audit import write_audit_page

    for line in lines:
        typer.echo(line)
    if out is not None:
        if out.suffix.lower() == ".html":
            write_audit_page(found, out)
        else:
            write_text(out, found.to_json())
        typer.echo(f"written to {out}")
    if fail_on is not None and SEVERITIES.index(found.severity) >= SEVERITIES.index(fail_on.value):
        raise typer.Exit(_FAILED)
