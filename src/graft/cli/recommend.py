"""``graft recommend``."""

from collections.abc import Container, Sequence
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft.cli.consent import Yes, require_yes
from graft.governance.records import Use

if TYPE_CHECKING:
    import polars as pl

    from graft.recommend.recommender import EventReading, Recommender

recommend = typer.Typer(
    no_args_is_help=True, help="Recommend items to users, place new ones by their content, let behaviour take over."
)

Shop = Annotated[Path, typer.Argument(help="Folder of a shop, as graft recommend fit wrote it.")]
Events = Annotated[
    Path, typer.Argument(help="One row per event: user, item, and where there are any weight, rating and time.")
]
AtLeast = Annotated[float | None, typer.Option(help="Ratings from which on an event is a like.")]
DislikeBelow = Annotated[float | None, typer.Option(help="Ratings below which an event is a dislike.")]
EventColumns = Annotated[
    str, typer.Option("--columns", help="Which column of the events says what: user=person,item=thing,time=when.")
]
Columns = Annotated[list[str], typer.Option(help="Column, or several with commas; may be repeated.")]


_WIDEST = 60
_GATE = {"holds": 0, "broken": 3, "undecided": 4}


@recommend.command()
def fit(
    events: Events,
    out: Annotated[Path, typer.Option(help="Where to write the shop.")],
    items: Annotated[Path | None, typer.Option(help="A table of items.")] = None,
    item_id: Annotated[str, typer.Option(help="Column of ids of the items, where it has no usual name.")] = "",
    item_text: Columns = [],  # noqa: B006
    item_category: Columns = [],  # noqa: B006
    item_number: Columns = [],  # noqa: B006
    users: Annotated[Path | None, typer.Option(help="A table of users.")] = None,
    user_id: Annotated[str, typer.Option(help="Column of ids of the users, where it has no usual name.")] = "",
    user_category: Columns = [],  # noqa: B006
    user_number: Columns = [],  # noqa: B006
    keep: Columns = [],  # noqa: B006
    forbid: Annotated[
        list[str], typer.Option(help="Columns that must not be used, nor those that stand for them.")
    ] = [],  # noqa: B006
    proxy_limit: Annotated[
        float, typer.Option(help="A column stands for a forbidden one from this area under the curve on; 1: never.")
    ] = 0.8,
    made: Annotated[str, typer.Option(help="Column of items: when their content was made.")] = "",
    made_by: Annotated[str, typer.Option(help="Column of items: by which users, with commas.")] = "",
    source: Annotated[str, typer.Option(help="A pretrained source for the text, beside its words: minilm.")] = "",
    item_image: Annotated[str, typer.Option(help="A column of pictures: names of files beside the table.")] = "",
    image_source: Annotated[str, typer.Option(help="The source that reads the pictures.")] = "lite0",
    columns: EventColumns = "",
    at_least: AtLeast = None,
    dislike_below: DislikeBelow = None,
    half_life: Annotated[float | None, typer.Option(help="Days after which an event weighs half.")] = None,
    dimension: Annotated[int, typer.Option(help="Of the vectors.")] = 64,
    tries: Annotated[int, typer.Option(help="Settings to try at most.")] = 7,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    use: Annotated[
        list[Use], typer.Option(help="What it is for; a source or rows whose terms block it are refused.")
    ] = [],  # noqa: B006
    with_erased: Annotated[
        bool, typer.Option("--with-erased", help="Learn also from users who were erased from the shop that is there.")
    ] = False,
) -> None:
    """Learn who likes what from events, and from what is known about items and users."""
    from graft.bundle.shop import one_writer, require_shop_place
    from graft.bundle.shop_erasure import erased_from
    from graft.core.display import Bars, Terminal
    from graft.recommend.recommender import Recommender
    from graft.report.shared.formats import plural

    require_shop_place(out)
    recommender = Recommender(
        item_id=item_id, user_id=user_id, item_text=_several(item_text), item_category=_several(item_category),
        item_number=_several(item_number), item_image=item_image, image_source=image_source,
        user_category=_several(user_category), user_number=_several(user_number), keep=_several(keep),
        forbid=_several(forbid), proxy_limit=proxy_limit, made=made, made_by=made_by, source=source,
        reading=_reading(columns, at_least, dislike_below, half_life), dimension=dimension, tries=tries, seed=seed,
    )  # fmt: skip
    console = Terminal(stderr=True)
    erased = None if with_erased else erased_from(out)
    recommender.fit(
        events, items=items, users=users, use=tuple(use), erased=erased, progress=Bars(console)
    )  # fmt: skip
    with one_writer(out):
        since = None if with_erased else erased_from(out)
        late = [name for name in recommender.shop.people.names if since(name)] if since else []
        (recommender.forget(late) if late else recommender).save(out)
    if late:
        typer.echo(
            f"{plural(len(late), 'user')} erased while this was learnt: gone from it, and fit it again", err=True
        )
    shop = recommender.shop
    states = {state: int((shop.item_states == state).sum()) for state in ("hot", "warm", "cold")}
    typer.echo(
        f"{out}: {plural(len(shop.people.names), 'user')}, {plural(len(shop.items.names), 'item')}"
        f" ({', '.join(f'{count:,} {state}' for state, count in states.items() if count)}),"
        f" {plural(len(shop.events), 'pair')} of {plural(shop.events.events, 'event')}"
    )
    for one in shop.events.aside:
        if one.events:
            typer.echo(f"  set aside: {plural(one.events, 'event')} that {one.why}")
    if shop.events.unread:
        typer.echo(f"  not read: {_shown(shop.events.unread)} (--columns weight=NAME reads a column as the weight)")
    for what, names in recommender.unlisted.items():
        if names:
            met = len(shop.events.items if what == "items" else shop.events.users)
            typer.echo(f"  {len(names):,} of {met:,} {what} with events are in no row of the {what}: {_shown(names)}")
    if shop.item_features is not None and shop.item_features.pictures is not None:
        shown = int(shop.items.said[:, -1].sum())
        typer.echo(f"  {plural(shown, 'item')} of {len(shop.items.names):,} have a picture that can be read")
    if recommender.left_out:
        typer.echo(
            f"  left out: {plural(len(recommender.left_out), 'user')} of these events, erased from this shop before"
            " (--with-erased learns from them)"
        )
    for probe in recommender.proxies:
        if probe.leaks:
            typer.echo(f"  forbidden {probe.line()}")
    if recommender.tries:
        best = max(recommender.tries, key=lambda one: one.score)
        typer.echo(
            f"  chosen on held-out events: NDCG@20 {best.known:.3f} of known items, {best.new:.3f} of new ones"
            f" ({plural(len(recommender.tries), 'setting')} tried)"
        )
    if shop.item_features is not None and not shop.items.usable.any():
        typer.echo("  the columns say nothing usable about any item: new ones will have no place")
    if states["cold"]:
        typer.echo(f"  {plural(states['cold'], 'item')} with neither events nor usable content: in no list")


@recommend.command("for")
def for_(
    shop: Shop,
    user: Annotated[list[str], typer.Option(help="A user; may be repeated, or several with commas.")] = [],  # noqa: B006
    session: Annotated[str, typer.Option(help="Items that somebody took just now, with commas.")] = "",
    context: Annotated[str, typer.Option(help="What is known of a new user: country=DE,device=phone.")] = "",
    k: Annotated[int, typer.Option("-k", help="Places of a list.")] = 10,
    items: Annotated[str, typer.Option(help="Only these items, with commas.")] = "",
    exclude: Annotated[str, typer.Option(help="Never these items, with commas.")] = "",
    available: Annotated[
        Path | None, typer.Option(help="A table of what is to be had; nothing else is listed.")
    ] = None,
    available_column: Annotated[
        str, typer.Option(help="The column of it, or one that was kept, that says whether an item is to be had.")
    ] = "",
    most_per: Annotated[str, typer.Option(help="At most so many of one value of a kept column: brand=2.")] = "",
    viewed: Annotated[bool, typer.Option("--viewed", help="Also what a user already has.")] = False,
    unknown: Annotated[str, typer.Option(help="Unknown users: answer, or raise.")] = "answer",
    explain: Annotated[bool, typer.Option("--explain", help="Say why, for known users.")] = False,
    explore: Annotated[
        float | None, typer.Option(help="Share of all places for new items that may be very good: 0.05. Needs --log.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="CSV file that every explored list is added to; the budget is counted from it.")
    ] = None,
    explore_below: Annotated[int, typer.Option(min=1, help="Items that fewer people met are new.")] = 10,
    explore_most: Annotated[int | None, typer.Option(help="Explored places that one item gets at most.")] = None,
    seed: Annotated[int, typer.Option(help="Of what is explored.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write a CSV or JSON file instead.")] = None,
) -> None:
    """Lists for users, for a session, or for somebody new in a context."""
    from graft.core.errors import InputError
    from graft.entities.exploration import Exploration, Exposures
    from graft.entities.shop import Rules
    from graft.recommend.availability import read_available
    from graft.recommend.recommender import Recommender, write_lists
    from graft.recommend.shown_log import ShownLog

    if out is not None:
        _require_lists(out, shop, *(one for one in (log, available) if one))
    if (explore is None) != (log is None):
        raise InputError(
            "only one of --explore and --log is given",
            needed="both: the log is what keeps the budget, and what a later judgement reads",
            fix="for example --explore 0.05 --log shown.csv",
        )
    settings = (
        None
        if explore is None
        else Exploration(explore, fewer_than=explore_below, most_per_item=explore_most, seed=seed)
    )
    if not _several(user) and not session and not context:
        raise InputError("nobody is named", needed="--user, --session or --context", fix="for example --user u1")
    if session and _several(user):
        raise InputError(
            "--user and --session are given",
            needed="one of them: a session is somebody who is not known",
            fix="leave one out; add-events makes what a user took just now count",
        )
    if unknown not in ("answer", "raise"):
        raise InputError(f"--unknown is {unknown!r}", needed="answer or raise", fix="choose one of them")
    made = Recommender.load(shop)
    names = _ids(user, made.shop.people.places)
    places = made.shop.items.places
    only, never, taken = (_ids([one], places) for one in (items, exclude, session))
    to_be_had = read_available(made.shop, available, available_column)
    rules = Rules(to_be_had, never, _most(most_per), not viewed)
    about = _pairs(context)

    def lists(before: Exposures | None) -> "pl.DataFrame":
        if names:
            return made.recommend(
                names, k, filter_viewed=not viewed, items=only or None, context=about or None, rules=rules,
                on_unknown=unknown, explore=settings, before=before,
            )  # fmt: skip
        return made.recommend_session(
            taken, k, context=about or None, items=only or None, rules=rules, explore=settings, before=before
        )

    found = lists(None) if log is None else ShownLog(log).answered(lists)
    _tell_left_out(made, (*only, *never, *taken))
    _tell_empty(found, names or (() if found.height else ("session",)))
    if out is not None:
        write_lists(found, out)
        typer.echo(f"{found.height:,} rows written to {out}")
        return
    _show(found)
    if explain:
        known = found.filter(found["user_state"] == "hot") if names else found.clear()
        if not known.height:
            typer.echo("nothing is explained: --explain tells the scores of known users (--user)", err=True)
        for row in known.iter_rows(named=True):
            typer.echo(made.explained(row["user"], row["item"], context=about or None))


Within = Annotated[
    float | None, typer.Option(help="Together means in one visit: events so many days apart at most. Left out: ever.")
]


@recommend.command()
def similar(
    shop: Shop,
    item: Annotated[str, typer.Option(help="An item.")],
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    within: Within = None,
) -> None:
    """Items that people take to alike, and whether they stand in for it or belong to it."""
    from graft.recommend.recommender import Recommender

    found = Recommender.load(shop).similar(item, k, within=within)
    if not found.height:
        typer.echo("no other item has a place", err=True)
    _show(found)


@recommend.command()
def together(
    shop: Shop,
    item: Annotated[str, typer.Option(help="An item.")],
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    within: Within = None,
) -> None:
    """What belongs to an item: what is taken together with it more often than by chance."""
    from graft.recommend.recommender import Recommender

    found = Recommender.load(shop).together(item, k, within=within)
    if not found.height:
        typer.echo(f"nothing is taken together with {item} more often than by chance")
        return
    through = str(found["through"][0])
    _show(found.drop("through"))
    if through:
        typer.echo(f"too few took {item}; told through what its content is most like: {through}")


@recommend.command()
def place(shop: Shop, item: Annotated[str, typer.Option(help="An item.")]) -> None:
    """The certificate of where an item was placed, and what that rests on."""
    from graft.recommend.recommender import Recommender

    made = Recommender.load(shop)
    told = made.place(item)
    typer.echo(f"{told.item}: {told.state}, {told.why}")
    if told.placed:
        usual = "content" if told.coverage else "what is usual"
        typer.echo(f"  weight of {usual} {told.prior:.2f}, of behaviour {1 - told.prior:.2f}")
        typer.echo(f"  it may lie {told.radius:.3f} off in each direction of the vectors (one standard deviation)")
    if made.shop.item_features is None:
        typer.echo("  nothing describes the items of this shop: fit it with --items to place new ones by their content")
    else:
        typer.echo(f"  of the columns that describe items, {told.coverage:.0%} say something known of it")
    for one in told.neighbours:
        typer.echo(f"  alike: {one.item} ({one.alike:.2f})")


@recommend.command("add-items")
def add_items(shop: Shop, items: Annotated[Path, typer.Argument(help="A table of new or changed items.")]) -> None:
    """Place new items by their content; nothing else moves."""
    from graft.bundle.shop import one_writer
    from graft.recommend.recommender import Recommender
    from graft.report.shared.formats import plural

    with one_writer(shop):
        made = Recommender.load(shop)
        before = len(made.shop.items.names)
        made.add_items(items).save(shop)
    added = made.shop.items.names[before:]
    placed = sum(made.shop.place(name).placed for name in added)
    typer.echo(f"{plural(len(added), 'new item')}, {placed:,} of them placed")
    if len(added) > placed:
        typer.echo(f"  {len(added) - placed:,} without usable content: until events tell, no list holds them")


@recommend.command("add-events")
def add_events(
    shop: Shop,
    events: Events,
    columns: EventColumns = "",
    at_least: AtLeast = None,
    dislike_below: DislikeBelow = None,
    with_erased: Annotated[
        bool, typer.Option("--with-erased", help="Count also events of users who were erased, and came back.")
    ] = False,
) -> None:
    """Add events: the users and items they concern are solved exactly anew."""
    from graft.bundle.shop import one_writer
    from graft.bundle.shop_erasure import erased_from
    from graft.recommend.recommender import Recommender
    from graft.report.shared.formats import plural

    with one_writer(shop):
        made = Recommender.load(shop)
        half_life = None if made.shop.events.decay is None else made.shop.events.decay.half_life
        made.read_as(_reading(columns, at_least, dislike_below, half_life))
        users, items, pairs = len(made.shop.people.names), len(made.shop.items.names), len(made.shop.events)
        made.add_events(events, erased=None if with_erased else erased_from(shop)).save(shop)
        batch = made.added
        assert batch is not None
    typer.echo(
        f"{plural(batch.events, 'event')} counted: {plural(len(made.shop.events) - pairs, 'new pair')},"
        f" {plural(len(made.shop.people.names) - users, 'new user')},"
        f" {plural(len(made.shop.items.names) - items, 'new item')}"
    )
    for one in batch.aside:
        also = " (--with-erased counts them, if they came back)" if one.code == "erased" else ""
        typer.echo(f"  set aside: {plural(one.events, 'event')} that {one.why}{also}")
    if not batch.timed:
        typer.echo("  these events have no times: delivered again, they would count again")


@recommend.command()
def evaluate(
    shop: Shop,
    out: Annotated[
        Path | None, typer.Option(help="A folder for the page (report.html) and the record (evaluation.json).")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="A table of users with the forbidden columns, to probe.")] = None,
    items: Annotated[Path | None, typer.Option(help="A table of items with the forbidden columns, to probe.")] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit with 3 where new items are worse than by content or behaviour alone.")
    ] = False,
    margin: Annotated[float, typer.Option(help="Difference in NDCG that does not matter to the gate.")] = 0.01,
    tries: Annotated[int, typer.Option(help="Settings to try for each split.")] = 4,
    seed: Annotated[int, typer.Option(help="Of what is held out.")] = 0,
) -> None:
    """How good it is on held-out items, held-out users and what came later, beside what costs nothing.

    With --gate it exits with 0 where new items are never worse than by content or behaviour alone, 3 where they are,
    and 4 where too few users can tell.
    """
    from graft.bundle.manifest import read_manifest
    from graft.core.display import Bars, Terminal
    from graft.core.files import write_text
    from graft.recommend.evaluation import evaluate as evaluated
    from graft.recommend.recommender import Recommender
    from graft.report.recommend import write_recommend_page

    if out is not None:
        _require_report(out)
    made = Recommender.load(shop)
    found = evaluated(
        made.shop, users=users, items=items, margin=margin, tries=tries, seed=seed, name=str(shop),
        digest=read_manifest(shop).seal,
        progress=Bars(Terminal(stderr=True)),
    )  # fmt: skip
    if out is not None:
        write_text(out / "evaluation.json", found.to_json())
        write_recommend_page(found, out / "report.html")
    for line in found.lines():
        typer.echo(line)
    if out is not None:
        typer.echo(f"page: {out / 'report.html'}")
    if gate:
        raise typer.Exit(_GATE["undecided" if found.gate is None else found.gate.outcome])


@recommend.command()
def judge(
    log: Annotated[Path, typer.Argument(help="Explored lists as --log wrote them, with a column reward.")],
    shop: Annotated[Path | None, typer.Option(help="The shop to be judged, of before the log.")] = None,
    judged: Annotated[str, typer.Option(help="Or a column: how likely the judged policy was to show each row.")] = "",
    k: Annotated[
        int | None, typer.Option("-k", help="Places of the shop's lists; as in the log when left out.")
    ] = None,
    exclude: Annotated[str, typer.Option(help="The shop never lists these items, with commas.")] = "",
    most_per: Annotated[str, typer.Option(help="At most so many of one value of a kept column: brand=2.")] = "",
    viewed: Annotated[bool, typer.Option("--viewed", help="The shop lists also what a user already has.")] = False,
    explore: Annotated[float | None, typer.Option(help="Share of its places that the shop explores.")] = None,
    explore_below: Annotated[int, typer.Option(help="Items that fewer people met are new to it.")] = 10,
    least: Annotated[float | None, typer.Option(help="The least a reward can be; 0 unless one is less.")] = None,
    most: Annotated[float | None, typer.Option(help="The most a reward can be; 1 unless one is more.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the record to a JSON file too.")] = None,
) -> None:
    """What another shop, or another policy, would have earned in the place of what the log shows."""
    from graft.core.errors import InputError
    from graft.core.files import write_text
    from graft.core.places import require_output
    from graft.entities.exploration import Exploration
    from graft.entities.shop import Rules
    from graft.recommend.judging import judge_log, judge_shop
    from graft.recommend.recommender import Recommender

    if out is not None:
        require_output(out, read=(log,), ends=(".json",))
    if (shop is None) == (not judged):
        raise InputError(
            "nothing is to be judged" if shop is None else "a shop and a column are to be judged",
            needed="one of --shop and --judged",
            fix="--shop shop/ judges the lists of a shop, --judged COLUMN the chances in a column of the log",
        )
    if (least is None) != (most is None):
        raise InputError("only one of --least and --most is given", needed="both, or none", fix="--least 0 --most 5")
    possible = None if least is None or most is None else (least, most)
    if shop is None:
        found = judge_log(log, judged=judged, possible=possible)
    else:
        made = Recommender.load(shop)
        rules = Rules(
            exclude=_ids([exclude], made.shop.items.places), most_per=_most(most_per), filter_viewed=not viewed
        )
        settings = None if explore is None else Exploration(explore, fewer_than=explore_below)
        found = judge_shop(log, made.shop, k=k, rules=rules, explore=settings, possible=possible)
    if out is not None:
        write_text(out, found.to_json())
    for line in found.lines():
        typer.echo(line)


@recommend.command()
def erase(
    shop: Shop,
    user: Annotated[list[str], typer.Option(help="A user; may be repeated, or several with commas.")],
    because: Annotated[str, typer.Option(help="Why, for the receipt.")] = "",
    by: Annotated[str, typer.Option(help="Who asks (default: the name you are logged in with).")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Print the whole receipt, with the digest of each file.")
    ] = False,
    yes: Annotated[bool, Yes] = False,
) -> None:
    """Erase users: their events, names and places, and what killed commands left of them; and write a receipt.

    Killed in the middle, the same command again finishes it. What was fitted stays until the next fit, as the receipt
    says; `graft recommend fit` onto the same folder leaves the erased out.
    """
    import getpass

    from graft.bundle.shop import load_shop
    from graft.bundle.shop_erasure import erase_users, erased_from
    from graft.core.errors import InputError

    known, before = load_shop(shop, verify=False).people.places, erased_from(shop)
    # Who is half erased, by a command that was killed, is no longer known, and an id may have commas of its own.
    whole = {one for one in user if one in known or (before is not None and before(one))}
    names = tuple(dict.fromkeys(_ids(user, whole)))
    if not names:
        raise InputError("nobody is named", needed="a user to erase", fix="for example --user u1")
    there = sum(name in known for name in names)
    require_yes(f"{there:,} of {len(names):,} users are known; all that is kept of them leaves {shop} for good", yes)
    receipt = erase_users(shop, names, by=by or getpass.getuser(), reason=because)
    for line in receipt.lines():
        # The digest of every file before and after stands in the receipt itself; notes are not indented digests.
        if everything or not line.startswith(("  before ", "  after ", "  removed ", "  written ")):
            typer.echo(line)
    newest = max((shop / "receipts").glob("*.json"), key=lambda file: file.stat().st_mtime)
    typer.echo(f"receipt: {newest}")


class ExportedSide(StrEnum):
    """Whose vectors."""

    ITEMS = "items"
    USERS = "users"


@recommend.command()
def export(
    shop: Shop,
    table: Annotated[Path, typer.Option(help="The embedding table: a new one, or one of this fit, which is updated.")],
    of: Annotated[ExportedSide, typer.Option(help="Whose vectors.")] = ExportedSide.ITEMS,
) -> None:
    """Write vectors into an embedding table, to be searched, compared and erased like any others."""
    from graft.recommend.recommender import Recommender
    from graft.report.shared.formats import plural

    done = Recommender.load(shop).export(table, of=of.value)
    typer.echo(
        f"{table}: {plural(done.rows, 'row')}, {done.inserted:,} new, {done.updated:,} changed, {done.deleted:,} gone"
    )
    if done.without_place:
        typer.echo(f"  {plural(done.without_place, 'item')} of which nothing is known have no place and no row")


def _several(given: list[str], known: Container[str] = ()) -> tuple[str, ...]:
    """What was named, with commas between; what is ``known`` as a whole may have commas of its own."""
    return tuple(word.strip() for one in given for word in ([one] if one in known else one.split(",")) if word.strip())


def _ids(given: list[str], known: Container[str]) -> tuple[str, ...]:
    """The same of ids, by the names that events read them by: 7.0 is 7."""
    from graft.rows.named import ids_given

    return ids_given(_several(given, known), what="ids")


def _reading(
    columns: str, at_least: float | None, dislike_below: float | None, half_life: float | None
) -> "EventReading":
    from graft.core.errors import InputError
    from graft.recommend.recommender import EventReading
    from graft.rows.events import InteractionColumns

    given = _pairs(columns)
    parts = [one.name for one in fields(InteractionColumns)]
    if wrong := [name for name in given if name not in parts]:
        raise InputError(
            f"--columns names {wrong[0]!r}",
            needed=f"one of {', '.join(parts)}, with the column that says it",
            fix="for example --columns user=person,item=thing",
        )
    return EventReading(InteractionColumns(**given) if given else None, at_least, dislike_below, half_life)


def _require_lists(out: Path, *read: Path) -> None:
    from graft.core.errors import OutputError
    from graft.core.places import require_output

    require_output(out, read=read, ends=(".csv", ".json"))
    if out.suffix.lower() not in (".csv", ".json"):
        raise OutputError(
            f"{out} ends in {out.suffix or 'nothing'}",
            needed="a file that ends in .csv or .json",
            fix=f"for example {out.with_suffix('.csv')}",
        )


def _require_report(out: Path) -> None:
    """Raise OutputError, before the work, where a report cannot be written: a file, or a folder of another kind."""
    from graft.core.errors import OutputError
    from graft.core.places import place_of, require_output

    found = place_of(out) if out.is_dir() else None
    if found is not None or (out.exists() and not out.is_dir()):
        raise OutputError(
            f"{out} is {found.named if found else 'a file'}",
            needed="a folder for the page and the record, new or of its own",
            fix="choose another --out",
        )
    require_output(out / "evaluation.json", ends=(".json",))
    require_output(out / "report.html", ends=(".html",))


def _tell_left_out(made: "Recommender", items: tuple[str, ...]) -> None:
    """Items that were named and can be in no list, on the error stream, since lists may be read by programs."""
    if unknown := made.without_place(items):
        typer.echo(f"unknown here, or without usable content: {_shown(unknown)}", err=True)


def _tell_empty(lists: "pl.DataFrame", users: tuple[str, ...]) -> None:
    listed = set(lists["user"].to_list())
    if empty := [name for name in users if name not in listed]:
        typer.echo(
            f"no item is left for {_shown(empty)}: what may be listed is theirs already (--viewed lists that too),"
            " or a rule leaves it out",
            err=True,
        )


def _shown(names: Sequence[str]) -> str:
    """The first few of some names, and how many more there are."""
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


def _pairs(given: str) -> dict[str, str]:
    from graft.core.errors import InputError

    found = {}
    for one in _several([given]):
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise InputError(f"{one!r} says nothing", needed="column=value, with commas between", fix="country=DE")
        found[name.strip()] = value.strip()
    return found


def _most(given: str) -> tuple[str, int] | None:
    from graft.core.errors import InputError

    if not given:
        return None
    name, _, number = given.partition("=")
    if not name or not number.isdecimal():
        raise InputError(f"--most-per {given!r}", needed="a kept column and a number", fix="for example brand=2")
    return name, int(number)


def _show(frame: "pl.DataFrame") -> None:
    """A table as aligned columns."""
    rows = [[_cell(one) for one in row] for row in frame.iter_rows()]
    widths = [max(map(len, column)) for column in zip(frame.columns, *rows, strict=True)]
    for row in [frame.columns, *rows]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    """A value as it fits into a table; files hold it whole."""
    if isinstance(value, float):
        return "-" if value != value else f"{value:.4f}"
    text = str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
