"""The page of an evaluated recommender: one HTML file, whole in itself.

Decisions: it looks like the report of a study and shares its style; nothing is loaded from anywhere and nothing runs (a
content security policy says so to the browser); whatever came with the data (names of folders, columns and items) is
escaped, cleaned and cut; the same record gives the same bytes.
"""

from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from graft.core.files import write_text
from graft.core.version import __version__
from graft.facts.recommend import PlacedItem, RecommendEvaluation
from graft.report.recommend import words
from graft.report.recommend.cautions import doubts
from graft.report.recommend.plots import curve_legend, curve_plot, ways_plot
from graft.report.recommend.standings import ALL, KNOWN, NEW, beside, foremost, standing
from graft.report.shared import formats
from graft.report.shared.environment import file_as_it_is, templates

TITLES = {
    "ways": "Who wins?",
    "warmup": "While a new item warms up",
    "placed": "Where new items were placed",
    "comparisons": "Every comparison",
    "reach": "What the lists do to the catalogue",
    "blend": "What a score is made of",
    "leakage": "What must not be known",
    "tested": "How it was tested",
    "repeat": "How to repeat it",
    "words": "How to read this",
}


def render_recommend_page(record: RecommendEvaluation) -> str:
    """The page of an evaluation as HTML."""
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            record=record,
            shop=record.shop,
            titles=TITLES,
            sections=sections(record),
            version=record.graft or __version__,
            style=Markup(file_as_it_is("shared", "style.css") + file_as_it_is("recommend", "page.css.j2")),
            badge=words.badge(record),
            headline=words.headline(record),
            title=words.title_of(record),
            doubts=doubts(record),
            foremost={name: foremost(record, name) for name in (KNOWN, NEW, ALL)},
            legend=curve_legend(),
            placed=_placed(record),
            command=words.command_words(record),
            ways=words.WAYS.values(),
            states=words.STATES,
            stands=words.STANDS,
            gate=words.GATE[record.gate.outcome] if record.gate is not None else None,
        )
    )


def write_recommend_page(record: RecommendEvaluation, path: Path) -> None:
    """Write the page of an evaluation to ``path``, whole or not at all. Raises OutputError where it cannot."""
    write_text(path, render_recommend_page(record))


def _placed(record: RecommendEvaluation) -> tuple[PlacedItem, ...]:
    """New items of the first split that has any, held-out items before all others."""
    found = sorted((one for one in record.splits if one.placed), key=lambda one: one.name != "items")
    return found[0].placed if found else ()


def sections(record: RecommendEvaluation) -> tuple[tuple[str, str], ...]:
    """Anchor and title of each section of this page; what has no facts is left out."""
    absent = {
        "ways": not any(split.parts for split in record.splits),
        "warmup": not record.curve,
        "placed": not _placed(record),
        "comparisons": not any(split.parts for split in record.splits),
        "reach": all(split.reach is None for split in record.splits),
        "blend": record.shop is None,
        "leakage": not record.leakage and not record.content_leakage,
    }
    return tuple((anchor, title) for anchor, title in TITLES.items() if not absent.get(anchor, False))


@cache
def _environment() -> Environment:
    return templates(
        "recommend",
        {
            "score": words.score,
            "score_range": words.score_range,
            "range": words.range_words,
            "estimate": formats.estimate,
            "difference": words.difference,
            "share_range": words.share_range,
            "names": words.names_words,
            "signed": words.signed,
            "way": words.way_words,
            "part": words.part_words,
            "split": words.split_words,
        },
        {
            "ways_plot": ways_plot,
            "curve_plot": curve_plot,
            "standing": standing,
            "beside": beside,
            "stands_words": words.stands_words,
            "gap_words": words.gap_words,
            "found_words": words.found_words,
            "popularity_words": words.popularity_words,
            "novelty_words": words.novelty_words,
            "blend_words": words.blend_words,
            "states_words": words.states_words,
            "held_words": words.held_words,
            "gate_words": words.gate_words,
            "leak_words": words.leak_words,
            "over": words.over,
            "warm_up_words": words.warm_up_words,
        },
    )
