"""The page of a watch: one HTML file, whole in itself.

Decisions: it looks like the report of a study and shares its style; nothing is loaded from anywhere and nothing runs (a
content security policy says so to the browser); ids of rows, names of columns and whatever else came with the data is
escaped, cleaned and cut; the same story gives the same bytes. Ten thousand checks make a page as small as ninety.
"""

from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from graft.core.files import write_text
from graft.core.version import __version__
from graft.facts.watch import EVERYTHING, ShiftFact, WatchCheck, WatchStory
from graft.report.shared import formats
from graft.report.shared.environment import file_as_it_is, templates
from graft.report.watch import plots, words
from graft.report.watch.cautions import reservations
from graft.report.watch.standing import watch_standing
from graft.report.watch.thinning import timeline_columns

TITLES = {
    "timeline": "How it went",
    "moved": "What moved now",
    "crowds": "Rows that crowd together",
    "quality": "Does it hurt?",
    "advice": "What to do, and why",
    "baseline": "What the baseline can see",
    "repeat": "How to repeat it",
    "words": "How to read this",
}
LATEST, PARTS, EXAMPLES, TERMS = 12, 20, 5, 20


def render_watch_page(story: WatchStory) -> str:
    """The page of a watch as HTML."""
    standing = watch_standing(story)
    last = None if standing is None else standing.last
    columns = timeline_columns(story.checks)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            story=story,
            facts=story.baseline,
            last=last,
            standing=standing,
            columns=columns,
            thinned=len(columns) < len(story.checks),
            dealt=[one for one in story.current if one.dealt_with is not None][-LATEST:],
            latest=story.checks[: -LATEST - 1 : -1],
            earlier=len(story.checks) - len(story.current),
            titles=TITLES,
            sections=watch_sections(story),
            version=__version__,
            style=Markup(file_as_it_is("shared", "style.css") + file_as_it_is("watch", "page.css.j2")),
            badge=words.watch_badge(story),
            badges=words.BADGES,
            headline=words.headline(story),
            reservations=reservations(story),
            shares=sorted({some.share for one in story.baseline.detectors for some in one.power}),
            least=words.least_words(story),
            parts=() if last is None else shift_parts(last),
            batch_shifts=() if last is None else [one for one in last.shifts if not one.segment],
            qualities=plots.quality_names(story),
            measured=any(one.measured is not None for check in story.checks for one in check.quality),
            place=words.place_words(story),
            again=words.baseline_words(story),
            alarm=formats.number(1 / story.baseline.level),
            examples=EXAMPLES,
            most_terms=TERMS,
            parts_of_gaps=PARTS,
        )
    )


def write_watch_page(story: WatchStory, path: Path) -> None:
    """Write the page of a watch to ``path``, whole or not at all. Raises OutputError where it cannot."""
    write_text(path, render_watch_page(story))


def shift_parts(check: WatchCheck) -> tuple[tuple[str, tuple[ShiftFact, ...]], ...]:
    """Comparisons of a check by the rows they are of: the batch, all since the baseline, parts in which any moved."""
    parts: dict[str, list[ShiftFact]] = {}
    for one in check.shifts:
        parts.setdefault(one.segment, []).append(one)
    shown = [name for name in ("", EVERYTHING) if name in parts]
    moved = [name for name in parts if name not in shown and any(one.significant for one in parts[name])]
    moved.sort(key=lambda name: min(one.adjusted for one in parts[name]))
    return tuple((name, tuple(parts[name])) for name in (*shown, *moved[:PARTS]))


def watch_sections(story: WatchStory) -> tuple[tuple[str, str], ...]:
    """Anchor and title of each section of this page; what has no facts is left out."""
    standing = watch_standing(story)
    last = None if standing is None else standing.last
    absent = {
        "timeline": not story.checks,
        "moved": last is None,
        "crowds": last is None or not last.moved,
        "quality": last is None,
        "advice": last is None,
    }
    return tuple((anchor, title) for anchor, title in TITLES.items() if not absent.get(anchor, False))


@cache
def _environment() -> Environment:
    return templates(
        "watch",
        {
            "score": words.score,
            "score_range": words.score_range,
            "effect": words.effect_words,
            "p": words.p_words,
            "evidence": words.evidence_words,
            "problem": words.problem_words,
            "segment": words.segment_words,
            "called": words.quality_name,
            "share_range": words.share_range,
            "certainty": words.certainty_words,
            "moved_names": words.moved_names,
            "to_do": words.to_do_words,
            "listed": words.listed,
            "points": words.points,
            "points_range": words.points_range,
            "slope": words.slope_words,
            "slope_range": words.slope_range,
            "few": words.few_words,
            "alone": formats.between_alone,
        },
        {
            "outcome_plot": plots.outcome_plot,
            "evidence_plot": plots.evidence_plot,
            "quality_plot": plots.quality_plot,
            "quality_legend": plots.quality_legend,
            "shift_plot": plots.shift_plot,
            "streak_words": words.streak_words,
            "state_words": words.state_words,
            "detector_state": words.detector_state,
            "found_at": words.found_at,
            "check_words": words.check_words,
            "how_words": words.how_words,
        },
    )
