"""``graft watch``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft.cli.consent import Yes, require_yes

if TYPE_CHECKING:
    from graft.watch.row_times import RowTimes
    from graft.watch.shop_batch import FeedbackReading

watch = typer.Typer(
    no_args_is_help=True,
    help="Watch a model that serves: has it gone stale, does that hurt, and what to do. Exit code 3 asks for action.",
)

BundleFolder = Annotated[Path, typer.Argument(help="Folder of a bundle, as graft study wrote it.")]
BundleOrShop = Annotated[
    Path, typer.Argument(help="Folder of a bundle, as graft study wrote it, or of a shop of graft recommend.")
]
SomeRows = Annotated[Path | None, typer.Option(help="Of a bundle: rows, as graft predict takes them.")]
Events = Annotated[Path | None, typer.Option(help="Of a shop: events, as graft recommend fit takes them.")]
EventColumns = Annotated[
    str, typer.Option("--columns", help="Which column of the events says what: user=person,item=thing,time=when.")
]
AtLeast = Annotated[float | None, typer.Option(help="Ratings from which on an event is a like.")]
DislikeBelow = Annotated[float | None, typer.Option(help="Ratings below which an event is a dislike.")]
Rows = Annotated[Path, typer.Option(help="Rows, as graft predict takes them.")]
Group = Annotated[str, typer.Option(help="Column of what belongs together: a customer, a document, a day.")]
Columns = Annotated[list[str], typer.Option(help="Column, or several with commas; may be repeated.")]
_ACT = 3


@watch.command()
def baseline(
    bundle: BundleOrShop,
    rows: SomeRows = None,
    events: Events = None,
    columns: EventColumns = "",
    at_least: AtLeast = None,
    dislike_below: DislikeBelow = None,
    group: Group = "",
    segment: Columns = [],  # noqa: B006
    allow: Annotated[
        list[str], typer.Option(help="Columns whose mix may change; of a shop also weekday, by its times.")
    ] = [],  # noqa: B006
    batch: Annotated[int | None, typer.Option(help="Rows of a usual batch; 500 when left out.")] = None,
    level: Annotated[float, typer.Option(help="How often a whole check may alarm without drift.")] = 0.05,
    runs: Annotated[int, typer.Option(help="Splits without drift on which false alarms are counted.")] = 100,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Take rows, or events of a shop, as the reference, and measure what every detector is worth on them.

    Of a shop without --events its own newest ones are taken.
    """
    from graft.bundle.loading import load_bundle
    from graft.core.display import Bars, Terminal
    from graft.watch.baseline import make_baseline, watch_folder, write_baseline

    reading = _reading(columns, at_least, dislike_below)
    if _is_shop(bundle, {"--rows": rows, "--group": group}):
        from graft.watch.shop import make_shop_baseline, write_shop_baseline

        known = make_shop_baseline(
            bundle, events, reading=reading, segments=_several(segment), allowed=_several(allow), batch=batch,
            level=level, runs=runs, seed=seed, progress=Bars(Terminal(stderr=True)),
        )  # fmt: skip
        place = write_shop_baseline(bundle, known)
        for line in known.facts.lines():
            typer.echo(line)
        typer.echo(f"written to {place}")
        return
    rows = _required_rows(bundle, rows, events, columns, at_least, dislike_below)
    made = make_baseline(
        load_bundle(bundle), rows, group=group, segments=_several(segment), allowed=_several(allow), batch=batch,
        level=level, runs=runs, seed=seed, progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    place = write_baseline(watch_folder(bundle) / "baseline", made)
    for line in made.facts.lines():
        typer.echo(line)
    typer.echo(f"written to {place}")


@watch.command()
def check(
    bundle: BundleOrShop,
    rows: SomeRows = None,
    events: Events = None,
    columns: EventColumns = "",
    at_least: AtLeast = None,
    dislike_below: DislikeBelow = None,
    labels: Annotated[Path | None, typer.Option(help="A table of ids and labels for rows of this batch.")] = None,
    group: Group = "",
    times: Annotated[
        str,
        typer.Option(
            help="Which column says when: event=COLUMN,embedded=COLUMN of the rows, label=COLUMN of the labels."
        ),
    ] = "",
    embedded_in: Annotated[
        Path | None, typer.Option(help="An embedding table that says when the vector of a row was made.")
    ] = None,
    entity: Annotated[str, typer.Option(help="Column of the rows that names rows of that table; the id if none.")] = "",
    label_delay: Annotated[
        float | None, typer.Option(help="Days after which labels have usually come; seen from labels when left out.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Zone of times that name none, such as Europe/Berlin; UTC if none.")] = "",
    now: Annotated[str, typer.Option(help="Check as of this time: labels of later are not known yet.")] = "",
    dealt_with: Annotated[
        str, typer.Option("--dealt-with", help="What was done about what was found before: bets and looks begin anew.")
    ] = "",
    by: Annotated[str, typer.Option(help="Who dealt with it (default: the name you are logged in with).")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Write the record (.json), or gauges for Prometheus (.prom).")
    ] = None,
) -> None:
    """Compare a batch of rows, or of a shop's events, with the baseline. Exits with 3 where it is time to act.

    Events are read as those of the baseline were, unless --columns, --at-least or --dislike-below say otherwise.
    """
    import getpass
    from datetime import UTC, datetime

    from graft.bundle.loading import load_bundle
    from graft.core.display import Bars, Terminal
    from graft.core.files import write_text
    from graft.core.places import require_output
    from graft.watch.check import check_batch
    from graft.watch.gauges import prometheus, series_name

    of_rows = {
        "--times": times, "--embedded-in": embedded_in, "--entity": entity, "--label-delay": label_delay,
        "--zone": zone, "--now": now,
    }  # fmt: skip
    shop = _is_shop(bundle, {"--rows": rows, "--group": group, "--labels": labels, **of_rows})
    given = _required_events(bundle, events) if shop else _required_rows(
        bundle, rows, events, columns, at_least, dislike_below
    )  # fmt: skip
    if out is not None:
        require_output(out, read=(bundle, given), ends=(".json", ".prom"))
    progress = Bars(Terminal(stderr=True))
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    who = (by or getpass.getuser()) if dealt_with else ""
    if shop:
        from graft.watch.shop import check_shop

        said = columns or at_least is not None or dislike_below is not None
        reading = _reading(columns, at_least, dislike_below) if said else None
        found = check_shop(bundle, given, reading=reading, dealt_with=dealt_with, by=who, progress=progress)
    else:
        asked = _row_times(times, embedded_in, entity, label_delay, zone, now)
        found = check_batch(
            load_bundle(bundle), given, labels=labels, group=group, times=asked, dealt_with=dealt_with, by=who,
            progress=progress,
        )  # fmt: skip
    if out is not None:
        write_text(out, prometheus(found, name=series_name(bundle)) if out.suffix == ".prom" else found.to_json())
    if found.at < begun:
        typer.echo(f"these rows were checked before, on {found.at[:16].replace('T', ' ')}: nothing counts twice")
    for line in found.lines():
        typer.echo(line)
    if found.outcome == "act":
        raise typer.Exit(_ACT)


@watch.command()
def sample(
    bundle: BundleFolder,
    rows: Rows,
    n: Annotated[int, typer.Option("--n", help="Rows to label.")] = 50,
    group: Group = "",
    labels: Annotated[
        Path | None, typer.Option(help="The table of the sample with its label column filled in: say how good it is.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the rows to label (.csv or .parquet).")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
) -> None:
    """Draw rows to label, more often where a label tells more; with --labels, say how good the model is."""
    from graft.bundle.loading import load_bundle
    from graft.core.display import Bars, Terminal
    from graft.core.errors import InputError
    from graft.core.places import require_output
    from graft.watch.sample import draw_sample, estimate_sample, write_sample

    if (out is None) == (labels is None):
        raise InputError(
            "neither --out nor --labels" if out is None else "both --out and --labels",
            needed="--out to draw rows, or --labels to answer from them",
            fix="graft watch sample BUNDLE --rows today.csv --n 50 --out to_label.csv",
        )
    if out is not None:
        require_output(out, read=(bundle, rows), ends=(".csv", ".parquet"))
    loaded = load_bundle(bundle)
    drawn = draw_sample(loaded, rows, n, group=group, seed=seed, progress=Bars(Terminal(stderr=True)))
    if out is not None:
        write_sample(drawn, out)
        typer.echo(f"{len(drawn.drawn.rows):,} rows to label written to {out}, in the order to label them in")
        return
    for line in estimate_sample(loaded, drawn, labels).lines():
        typer.echo(line)


@watch.command()
def backtest(
    bundle: BundleFolder,
    rows: Annotated[Path, typer.Option(help="Labelled history, in its order or with a column of times.")],
    batch: Annotated[int, typer.Option(help="Rows of a batch.")] = 150,
    start: Annotated[int | None, typer.Option(help="Rows of the first reference; three batches when left out.")] = None,
    delay: Annotated[int, typer.Option(help="Batches until labels are known.")] = 1,
    group: Group = "",
    out: Annotated[Path | None, typer.Option(help="Write the record (.json).")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """What the advice would have been worth: beside doing nothing, and beside always learning the head anew."""
    from graft.bundle.loading import load_bundle
    from graft.core.display import Bars, Terminal
    from graft.core.files import write_text
    from graft.core.places import require_output
    from graft.watch.backtest import backtest as walked

    if out is not None:
        require_output(out, read=(bundle, rows), ends=(".json",))
    found = walked(
        load_bundle(bundle), rows, batch=batch, start=start, delay=delay, group=group, seed=seed,
        progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    if out is not None:
        write_text(out, found.to_json())
    for line in found.lines():
        typer.echo(line)


@watch.command()
def report(
    bundle: BundleFolder,
    out: Annotated[Path, typer.Option(help="Where to write the page (.html).")] = Path("watch.html"),
) -> None:
    """Write one self-contained page: what the last check says, since when, what moved, does it hurt, what to do."""
    from graft.core.places import require_output
    from graft.report.watch import write_watch_page
    from graft.report.watch.words import headline
    from graft.watch.story import watch_story

    require_output(out, ends=(".html",))
    story = watch_story(bundle)
    write_watch_page(story, out)
    typer.echo(headline(story))
    typer.echo(f"page: {out}")


@watch.command()
def history(
    bundle: BundleFolder,
    last: Annotated[int | None, typer.Option(min=1, help="Only so many, the newest; all when left out.")] = None,
) -> None:
    """Every check of a watch, a line each, the oldest first."""
    from collections import deque

    from graft.watch.story import watch_checks

    found = watch_checks(bundle)
    none = f"no check yet: graft watch check {bundle} --rows today.csv"
    lines = (one.line() for one in (found if last is None else deque(found, maxlen=last)))
    typer.echo(next(lines, none))
    for line in lines:
        typer.echo(line)


@watch.command()
def erase(
    bundle: BundleFolder,
    ids: Annotated[list[str], typer.Option("--id", help="Row to erase; repeat for several.")] = [],  # noqa: B006
    group: Annotated[list[str], typer.Option(help="Or all rows of what belongs together: a customer.")] = [],  # noqa: B006
    rows: Annotated[Path | None, typer.Option(help="Or rows that say what these say, wherever they stand.")] = None,
    because: Annotated[str, typer.Option(help="Why, for the receipt.")] = "",
    by: Annotated[str, typer.Option(help="Who asks (default: the name you are logged in with).")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Print the whole receipt, with the digest of each file.")
    ] = False,
    yes: Annotated[bool, Yes] = False,
) -> None:
    """Erase rows from the baseline, the rows since and the checks of a watch, and write a receipt.

    Of a shop `graft recommend erase` reaches the watch too. Killed in the middle, the same command finishes it.
    """
    import getpass

    from graft.watch.watch import Watch

    watched = Watch(bundle)
    many = len(ids) + len(group)
    which = f"all rows that {rows} says" if rows is not None else f"{many:,} {'groups' if group else 'rows'}"
    require_yes(f"{which} leave {watched.folder} for good", yes)
    receipt = watched.erase(ids, groups=group, rows=rows, by=by or getpass.getuser(), reason=because)
    for line in receipt.lines():
        # The digest of every file before and after stands in the receipt itself.
        if everything or not line.startswith("  "):
            typer.echo(line)
    newest = max((watched.folder / "receipts").glob("*.json"), key=lambda file: file.stat().st_mtime)
    typer.echo(f"receipt: {newest}")


@watch.command()
def table(
    path: Annotated[Path, typer.Argument(help="An embedding table.")],
    against: Annotated[str, typer.Option(help="An earlier version (a number), or another table of the same ids.")],
    entities: Annotated[
        Path | None, typer.Option(help="A table with a column id: the key entities. All if none.")
    ] = None,
    replicate: Annotated[
        list[Path], typer.Option(help="A table learnt again, to measure chance by; twice or more.")
    ] = [],  # noqa: B006
    k: Annotated[int, typer.Option("-k", help="Neighbours.")] = 10,
    seed: Annotated[int, typer.Option(help="Of draws.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the record (.json).")] = None,
) -> None:
    """Whether key entities still have their neighbours. Exits with 3 where some have others than chance would give."""
    from graft.core.files import write_text
    from graft.core.places import require_output
    from graft.rows.named import ids_of, read_columns
    from graft.tables.table import EmbeddingTable
    from graft.watch.neighbours import check_table

    if out is not None:
        require_output(out, read=(path,), ends=(".json",))
    names = None
    if entities is not None:
        names = ids_of(read_columns(entities, ["id"], what="entities"), "id", what="entities").to_list()
    other = int(against) if against.isdecimal() else EmbeddingTable.open(against)
    found = check_table(
        EmbeddingTable.open(path), other, entities=names, replicates=[EmbeddingTable.open(one) for one in replicate],
        k=k, seed=seed,
    )  # fmt: skip
    if out is not None:
        write_text(out, found.to_json())
    for line in found.lines():
        typer.echo(line)
    if found.changed:
        raise typer.Exit(_ACT)


def _is_shop(folder: Path, of_bundles: dict[str, object]) -> bool:
    """Whether a folder is a shop's, by the files its manifest promises. Raises InputError for options of bundles."""
    from graft.bundle.folders import settled
    from graft.core.errors import InputError
    from graft.core.places import SHOP, place_of

    found = place_of(settled(folder))
    if found is None or found.kind != SHOP:
        return False
    if wrong := [name for name, value in of_bundles.items() if value not in (None, "")]:
        raise InputError(
            f"{wrong[0]} for {folder}, which is a shop",
            needed="events of the shop",
            fix="--events today.parquet; users belong together by themselves",
        )
    return True


def _required_rows(bundle: Path, rows: Path | None, *of_shops: object) -> Path:
    from graft.core.errors import InputError

    if rows is None or any(one not in (None, "") for one in of_shops):
        raise InputError(
            f"no --rows for {bundle}" if rows is None else f"options for events, and {bundle} is no shop",
            needed="rows for the bundle of a study, events for a shop of graft recommend",
            fix="--rows today.csv",
        )
    return rows


def _required_events(shop: Path, events: Path | None) -> Path:
    from graft.core.errors import InputError

    if events is None:
        raise InputError(
            f"no --events for {shop}, which is a shop",
            needed="the events to check",
            fix=f"graft watch check {shop} --events today.parquet",
        )
    return events


def _reading(columns: str, at_least: float | None, dislike_below: float | None) -> "FeedbackReading":
    from dataclasses import fields

    from graft.rows.events import InteractionColumns
    from graft.watch.shop_batch import FeedbackReading

    known = [one.name for one in fields(InteractionColumns)]
    given = _named_columns("--columns", columns, known, "user=person,item=thing")
    return FeedbackReading(given or None, at_least, dislike_below)


def _row_times(times: str, table: Path | None, entity: str, delay: float | None, zone: str, now: str) -> "RowTimes":
    from graft.watch.row_times import RowTimes

    known = ("event", "label", "embedded")
    given = _named_columns("--times", times, known, "event=opened,label=settled")
    return RowTimes(**given, table=table, entity=entity, delay=delay, zone=zone, now=now or None)


def _named_columns(option: str, said: str, known: Sequence[str], example: str) -> dict[str, str]:
    """Pairs of what a column says and its name. Raises InputError for what is not known."""
    from graft.core.errors import InputError

    split = [part.partition("=") for part in _several([said])]
    given = {name.strip(): column.strip() for name, _, column in split}
    if wrong := [name for name, column in given.items() if name not in known or not column]:
        raise InputError(
            f"{option} names {wrong[0]!r}",
            needed=f"one of {', '.join(known)}, with the column that says it",
            fix=f"for example {option} {example}",
        )
    return given


def _several(given: list[str]) -> tuple[str, ...]:
    return tuple(part.strip() for one in given for part in one.split(",") if part.strip())
