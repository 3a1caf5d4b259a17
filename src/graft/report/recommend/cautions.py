"""What a reader of the page could get wrong."""

from dataclasses import dataclass

from graft.facts.recommend import RecommendEvaluation
from graft.report.recommend.standings import ALL, BEHIND, KNOWN, NEW, foremost, standings
from graft.report.recommend.words import part_words, popularity_words, stands_words
from graft.report.shared.formats import excerpt, plural, sentence

FEW_USERS = 100


@dataclass(frozen=True)
class Doubt:
    """Something to keep in mind, and the section that tells more."""

    text: str
    section: str


def doubts(record: RecommendEvaluation) -> tuple[Doubt, ...]:
    """The heaviest first."""
    return (
        *_losses(record),
        *_leaks(record),
        *_thin(record),
        *_short(record),
        *_unanswered(record),
        *_favoured(record),
        *_missing(record),
        *_later(record),
    )


def _losses(record: RecommendEvaluation) -> list[Doubt]:
    """Where it is behind and the headline does not say so."""
    said = [foremost(record, name) for name in (KNOWN, NEW, ALL)]
    return [
        Doubt(f"Held out by {one.split}, on {part_words(one.part.name)}, it {stands_words(one)}.", "comparisons")
        for one in standings(record)
        if one.outcome == BEHIND and one not in said
    ]


def _leaks(record: RecommendEvaluation) -> list[Doubt]:
    """Forbidden columns that vectors tell, and those that were not probed."""
    told = []
    for one in record.leakage:
        signal, of = excerpt(one.signal, 40), excerpt(one.of, 60)
        if one.leaks and not one.left_out:
            told.append(Doubt(f"The forbidden column “{signal}” can be told from {of}.", "leakage"))
        elif one.area is None:
            told.append(Doubt(f"Whether the forbidden column “{signal}” shows is not known.", "leakage"))
    return told


def _later(record: RecommendEvaluation) -> list[Doubt]:
    """What content may know that it should not, where it was left in."""
    return [Doubt(sentence(excerpt(one.why, 240)), "leakage") for one in record.content_leakage if not one.blanked]


def _thin(record: RecommendEvaluation) -> list[Doubt]:
    few = [one.own.users for one in standings(record) if one.own.users < FEW_USERS]
    if not few:
        return []
    return [
        Doubt(
            f"Some comparisons rest on few users (the smallest on {plural(min(few), 'user')}): their intervals are "
            "wide, and “not told apart” is no proof of being alike.",
            "ways",
        )
    ]


def _short(record: RecommendEvaluation) -> list[Doubt]:
    fitting = [one.part.candidates for one in standings(record) if one.part.candidates <= record.places]
    if not fitting:
        return []
    return [
        Doubt(
            f"Where no more than {record.places} items are ranked (as few as {plural(min(fitting), 'item')}), every "
            "list holds all of them: recall and coverage say nothing there, and only the order counts.",
            "comparisons",
        )
    ]


def _unanswered(record: RecommendEvaluation) -> list[Doubt]:
    most = max((split.cold_held for split in record.splits), default=0)
    if not most:
        return []
    return [
        Doubt(
            f"{plural(most, 'event')} that {'was' if most == 1 else 'were'} wanted went to items of which nothing was "
            "known; no list can hold those.",
            "tested",
        )
    ]


def _favoured(record: RecommendEvaluation) -> list[Doubt]:
    reach = record.splits[0].reach if record.splits else None
    if reach is None or reach.head.low is None or not reach.head.low > reach.head_consumed:
        return []
    return [Doubt(f"Popularity bias: {popularity_words(reach)}.", "reach")]


def _missing(record: RecommendEvaluation) -> list[Doubt]:
    told = []
    if record.shop is not None and not record.shop.item_columns:
        told.append(
            Doubt("No column describes the items, so new ones have no place until somebody meets them.", "blend")
        )
    return told + [Doubt(sentence(f"Not held out by {excerpt(one, 200)}"), "tested") for one in record.skipped]
