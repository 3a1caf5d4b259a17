"""Sentences about an evaluated recommender: who wins, how it warms up, and what not to read into it."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graft.core.intervals import Interval
from graft.facts.recommend import (
    CatalogueReach,
    EvaluatedShop,
    EvaluatedSplit,
    LeakProbe,
    RecommendEvaluation,
    WarmUpGate,
    WarmUpPoint,
)
from graft.report.recommend.standings import (
    AHEAD,
    ALL,
    ALONE,
    BEHIND,
    KNOWN,
    LEVEL,
    NEW,
    Standing,
    foremost,
)
from graft.report.shared.badge import Badge
from graft.report.shared.formats import between, count, decimals, excerpt, known, number, percent, plural, sentence

_NAMED, _WORST = 12, 3
STANDS = {AHEAD: "clearly worse", LEVEL: "not told apart", BEHIND: "clearly better"}

WAYS = {
    "model": ("this recommender", "what is evaluated: all views blended"),
    "random": ("random order", "items in a random order: what no knowledge at all reaches"),
    "popularity": ("most popular first", "the same list for everybody: what most people took"),
    "content neighbours": (
        "content neighbours",
        "items whose text and categories are most alike what somebody took (content-KNN)",
    ),
    "item neighbours": ("item neighbours", "items taken by the same people as what somebody took (item-KNN)"),
    "factorisation": (
        "plain factorisation",
        "the same vectors learnt from events alone, without anything about items or users",
    ),
}
PARTS = {KNOWN: "known items", NEW: "new items", ALL: "all items together"}
STATES = {
    KNOWN: "hot: somebody met them before",
    NEW: "warm: nobody met them, content places them",
    ALL: "overall: one list of both",
}
SPLITS = {"items": "Items held out", "users": "Users held out", "time": "Later events held out"}


def way_words(name: str) -> str:
    """What a way of recommending is called."""
    return WAYS[name][0] if name in WAYS else excerpt(name, 24)


def part_words(name: str) -> str:
    """What a part of the items is called."""
    return PARTS.get(name, f"{excerpt(name, 40)} items")


def split_words(name: str) -> str:
    """What a way of holding out is called."""
    return SPLITS.get(name, excerpt(name, 40).capitalize())


def stands_words(one: Standing) -> str:
    """How it stands on a part, as the end of a sentence.

    The names of others stand in it, the best first, and no more than two of them.
    """
    if one.outcome == ALONE:
        return "is compared with nothing"
    if one.outcome == AHEAD:
        return "is ahead of everything else"
    others = one.behind or one.level
    if one.outcome == LEVEL and any(other.recommender == "random" for other in others):
        return "is not told apart even from random order"
    names = [way_words(other.recommender) for other in others[:2]]
    more = len(others) - len(names)
    listed = " and ".join(names) if not more else f"{', '.join(names)} and {plural(more, 'other')}"
    return f"is behind {listed}" if one.outcome == BEHIND else f"is not told apart from {listed}"


def badge(record: RecommendEvaluation) -> Badge:
    """The outcome in two or three words."""
    found = [one.outcome for name in (KNOWN, NEW, ALL) if (one := foremost(record, name)) is not None]
    if BEHIND in found or (record.gate is not None and record.gate.outcome == "broken"):
        return Badge("Behind somewhere", "harms", "▼")
    if found and all(one == AHEAD for one in found):
        return Badge("Ahead of everything else", "helps", "▲")
    if AHEAD in found:
        return Badge("Ahead in part", "open", "◆")
    return Badge("Not told apart", "tied", "=")


def headline(record: RecommendEvaluation) -> str:
    """The answer in a sentence: known items, new items, and while new ones warm up."""
    on_known, on_new = foremost(record, KNOWN), foremost(record, NEW)
    if on_known is not None and on_new is not None and on_known.outcome == on_new.outcome == AHEAD:
        told = "This recommender is ahead of everything else on known and on new items"
    elif on_known is not None and on_new is not None:
        told = f"On known items this recommender {stands_words(on_known)}, on new ones it {stands_words(on_new)}"
    elif (only := on_known or on_new or foremost(record, ALL)) is not None:
        told = f"On {part_words(only.part.name)} this recommender {stands_words(only)}"
    else:
        told = "Nothing could be compared"
    warm = warm_up_words(record)
    return f"{told}; {warm}." if warm else f"{told}."


def warm_up_words(record: RecommendEvaluation) -> str:
    """Whether lists of new items were ever worse than pure content or pure behaviour; empty without a curve."""
    points = sorted(record.curve, key=lambda one: one.interactions)
    if not points:
        return ""
    steps = f"from {count(points[0].interactions)} to {count(points[-1].interactions)} interactions with new ones it"
    if record.gate is None:
        worse = _worse(points, 0.0, lambda span: span.mean)
        if worse:
            return f"as new ones are met it is on average {worse}"
        return f"{steps} is on average never worse than content or behaviour alone"
    if record.gate.outcome == "holds":
        return f"{steps} is never worse than content or behaviour alone"
    if record.gate.outcome == "broken":
        worse = _worse(points, record.gate.margin, lambda span: span.high)
        return f"as new ones are met it is {worse or 'at times worse than content or behaviour alone'}"
    if worse := _worse(points, record.gate.margin, lambda span: span.mean):
        return f"as new ones are met it may be {worse}, which these users cannot tell"
    return f"{steps} is on average not worse than content or behaviour alone, which these users cannot prove"


def _worse(points: Sequence[WarmUpPoint], margin: float, end: Callable[[Interval], float | None]) -> str:
    """Where this end of a difference lies below minus the margin; empty where none does."""
    found = []
    for one in points:
        for name, less in (("content", over(one, "content")), ("behaviour", over(one, "behaviour"))):
            reached = None if less is None else end(less)
            if reached is not None and known(reached) and reached < -margin - 1e-9:
                found.append(f"{name} alone after {plural(one.interactions, 'interaction')}")
    more = len(found) - _WORST
    return f"worse than {' and '.join(found[:_WORST])}{f' and {count(more)} more' if more > 0 else ''}" if found else ""


def over(point: WarmUpPoint, what: str) -> Interval | None:
    """The model less content or behaviour alone; without ends where the record does not say."""
    told = point.over_content if what == "content" else point.over_behaviour
    if told is not None:
        return told
    other = point.content if what == "content" else point.behaviour
    return Interval(point.model.mean - other.mean) if known(point.model.mean) and known(other.mean) else None


GATE = {
    "holds": Badge("never worse", "helps", "▲"),
    "broken": Badge("worse", "harms", "▼"),
    "undecided": Badge("undecided", "open", "?"),
}


def gate_words(gate: WarmUpGate) -> str:
    """What the gate found, and what it asks."""
    asked = (
        f"every difference is to lie above -{number(gate.margin)} (a difference in NDCG that does not matter), all of "
        f"them together with {percent(gate.level)} certainty"
    )
    found = {
        "holds": "they do",
        "broken": "at least one surely lies below",
        "undecided": "these users cannot prove it",
    }[gate.outcome]
    return f"The gate: {asked}; {found}. {sentence(excerpt(gate.worst, 160))}"


def leak_words(one: LeakProbe) -> str:
    """What a probe of a forbidden column found."""
    if one.area is None:
        return excerpt(one.why, 200) or "not probed"
    return "tells it" + (", so it was left out" if one.left_out else "") if one.leaks else "not beyond chance"


def gap_words(one: Standing) -> str:
    """The difference to the best of the others."""
    if not one.others:
        return ""
    best = one.others[0]
    return f"best of the others: {way_words(best.recommender)} {score(best.ndcg)}, difference {difference(best.less)}"


def difference(span: Interval | None) -> str:
    """A difference with its sign and its interval, in the decimals it needs.

    >>> difference(Interval(0.0254, 0.0171, 0.0338))
    '+0.025 (+0.017 to +0.034)'
    """
    if span is None or not known(span.mean):
        return number(None)
    places = max(3, decimals(span.mean, span.low, span.high))
    if span.low is None or span.high is None or not known(span.low) or not known(span.high):
        return _signed(span.mean, places)
    return f"{_signed(span.mean, places)} ({_signed(span.low, places)} to {_signed(span.high, places)})"


def _signed(value: float, places: int) -> str:
    text = f"{value:+.{places}f}"
    return f"{0:.{places}f}" if float(text) == 0 else text


def share(span: Interval | None) -> str:
    """A share with its interval, in per cent."""
    if span is None or not known(span.mean):
        return percent(None)
    if span.low is None or span.high is None:
        return percent(span.mean)
    return f"{percent(span.mean)} ({percent(span.low)} to {percent(span.high)})"


def found_words(one: Standing, places: int) -> str:
    """What recall means here; where all candidates fit into a list, it means nothing."""
    if one.part.candidates <= places:
        return f"all {count(one.part.candidates)} candidates fit into a list, so only their order counts"
    return f"{percent(one.own.recall.mean)} of what people went on to take stood in their lists of {places}"


def popularity_words(reach: CatalogueReach) -> str:
    """Whether lists favour what is popular already."""
    taken = reach.head_consumed
    if not known(reach.head.mean) or not known(taken):
        return ""
    told = (
        f"{percent(reach.head.mean)} of the places go to the most popular fifth of the items, which has "
        f"{percent(taken)} of everything that was taken"
    )
    if reach.head.low is not None and reach.head.low > taken:
        return f"{told}: popular items get more than their share"
    if reach.head.high is not None and reach.head.high < taken:
        return f"{told}: popular items get less than their share"
    return f"{told}: about their share"


def novelty_words(reach: CatalogueReach) -> str:
    """Novelty as a share of people: 4 bits are one in sixteen."""
    bits = reach.novelty.mean
    if not known(bits):
        return ""
    one_in = max(1, round(2 ** min(bits, 60)))
    return (
        "nearly everybody had met a typical listed item before"
        if one_in == 1
        else f"a typical listed item had been met by 1 in {count(one_in)} people"
    )


@dataclass(frozen=True)
class WeighedView:
    """A view of a score. weight: as it is printed. alone: NDCG of lists by it alone, None where that was not judged."""

    name: str
    meaning: str
    weight: str
    alone: Interval | None


def blend_words(record: RecommendEvaluation, shop: EvaluatedShop, part: str) -> tuple[WeighedView, ...]:
    """The components of a score of known or of new items, and all of them together at the end."""
    new, one = part == NEW, foremost(record, part)
    counted = shop.new if new else shop.known
    judged = {} if one is None else {way.recommender: way.ndcg for way in (*one.part.scores, *one.part.components)}
    views = [
        WeighedView(
            "Factorisation",
            "vectors of users and items; a new item stands where its content puts it"
            if new
            else "vectors of users and items, learnt from events with what is known about both as the start",
            "1",
            judged.get("factorisation with content"),
        ),
        WeighedView(
            "Popularity",
            "how many people take such items, by their content" if new else "how many people take an item, whoever",
            number(counted.popularity, 2),
            None if new else judged.get("popularity"),
        ),
        WeighedView(
            "Content neighbours",
            f"likeness to what somebody took; {plural(shop.neighbours, 'alike item')} count",
            number(counted.content, 2),
            judged.get("content neighbours"),
        ),
    ]
    if not new:
        meaning = "what people who took the same things also took"
        views.append(WeighedView("Taken together", meaning, number(counted.company, 2), judged.get("taken together")))
    return (*views, WeighedView("All of them", "", "", judged.get("model")))


def states_words(shop: EvaluatedShop) -> str:
    """How many items are in which state."""
    parts = [f"{count(shop.hot)} were met by somebody (hot)"]
    parts += [f"{count(shop.warm)} are new and described (warm)"] if shop.warm else []
    parts += [f"{count(shop.cold)} are new and nothing is known about them (cold)"] if shop.cold else []
    return f"{plural(shop.items, 'item')}: {', '.join(parts)}"


def title_of(record: RecommendEvaluation) -> str:
    """What the recommender is called."""
    return excerpt(record.shop.name, 60) if record.shop is not None and record.shop.name else "recommender"


def held_words(split: EvaluatedSplit) -> str:
    """What was learnt from and what was wanted."""
    return f"learnt from {plural(split.events, 'pair')}, {count(split.held)} wanted"


def score(span: Interval | None) -> str:
    """A score of lists, always in three decimals, so that a column can be read downwards."""
    return number(None if span is None else span.mean, 3)


def score_range(span: Interval | None) -> str:
    """Its interval alone, or that there is none."""
    if span is None or not known(span.low) or not known(span.high):
        return "no interval"
    return f"{number(span.low, 3)} to {number(span.high, 3)}"


def share_range(span: Interval | None) -> str:
    """The interval of a share alone, in per cent."""
    told = share(span)
    return told.partition(" (")[2].rstrip(")") or "no interval"


def names_words(names: Sequence[str]) -> str:
    """Names of columns, cut where they are long or many."""
    shown = [excerpt(name, 40) for name in names[:_NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {plural(more, 'more', 'more')}" if more else "")


def signed(value: float) -> str:
    """A number with its sign.

    >>> signed(-0.04212), signed(0.0)
    ('-0.042', '0.000')
    """
    return _signed(value, max(3, decimals(value)))


def command_words(record: RecommendEvaluation) -> str:
    """The folder as a shell takes it."""
    name = record.shop.name if record.shop is not None else ""
    return shlex.quote(excerpt(name, 200)) if name else "SHOP"


def range_words(span: Interval | None) -> str:
    """The interval alone, or that there is none."""
    return (between(span).strip(" ()") if span is not None else "") or "no interval"
