"""What a reader must know before using the answer, in the order of how much it matters.

Decision: the page and the terminal say the same cautions, each with the section of the page that tells more.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from graft.facts.study import StudyRecord
from graft.report.shared.formats import count, excerpt, percent, plural, sentence
from graft.report.study.claims import held_words, suspect_words
from graft.report.study.views import content_kind
from graft.report.study.words import choice_name, cue_words, facts_of

OPENINGS = 3  # from how many looks on a holdout is no longer fresh
SERIOUS = ("diverged", "never-left-start")


@dataclass(frozen=True)
class Caution:
    """One sentence, and the section (anchor) that tells more."""

    text: str
    section: str


def cautions(record: StudyRecord) -> tuple[Caution, ...]:
    """Everything to mind about this study."""
    return *_result(record), *_rows(record), *_sources(record), *_terms(record)


def _result(record: StudyRecord) -> Iterator[Caution]:
    harmed = [one for one in record.slices if one.hidden_harm]
    if harmed:
        names = ", ".join(f"{one.column} = {excerpt(one.value, 40)}" for one in harmed[:3])
        names += " and more" if len(harmed) > 3 else ""
        text = f"Hidden harm: the average is fine, but these rows are served worse than by the control: {names}."
        yield Caution(text, "classes")
    chosen = facts_of(record, record.verdict.chosen)
    if chosen is not None and chosen.under_trained:
        text = f"{choice_name(chosen)} was still improving when its training budget ended: it may be better than shown."
        yield Caution(text, "cost")
    yield from _learning(record)
    broken = [one for one in record.candidates if one.frozen_parameters and not one.freeze_verified]
    if broken:
        names = ", ".join(choice_name(one) for one in broken)
        yield Caution(f"What should have stayed frozen was not verified for {names}.", "frozen")
    if record.holdout.openings >= OPENINGS:
        text = (
            f"{held_words(record).capitalize()} has been scored {record.holdout.openings} times. Each look makes it a "
            "little more flattering: use fresh rows for the next decision."
        )
        yield Caution(text, "tested")
    abstained = record.decision.abstained
    if abstained > 0.2:
        yield Caution(f"{percent(abstained)} of the rows are left to a person to decide.", "decisions")


def _learning(record: StudyRecord) -> Iterator[Caution]:
    """What went wrong while the chosen candidate and the saved model learnt, once for each kind."""
    for choice in dict.fromkeys((record.verdict.chosen, record.verdict.shipped)):
        one = facts_of(record, choice)
        for remark in () if one is None else one.remarks:
            if remark.code in SERIOUS:
                yield Caution(f"{choice_name(choice)}: {sentence(remark.text)}", "candidates")


def _rows(record: StudyRecord) -> Iterator[Caution]:
    data = record.data
    if data.contradictions:
        kind = content_kind(record)
        found = plural(len(data.contradictions), f"{kind.name} has", f"{kind.plural} have")
        yield Caution(f"{found} contradicting labels: no model can get both right.", "rows")
    if data.suspects:
        told = suspect_words(record) or "the model disagrees"
        yield Caution(f"{plural(len(data.suspects), 'label')} may be wrong: {told}.", "rows")
    aside = data.given_rows - data.used_rows
    if aside > 0:
        were = "was" if aside == 1 else "were"
        text = f"{plural(aside, 'row')} of {count(data.given_rows)} could not be used and {were} set aside."
        yield Caution(text, "rows")


def _sources(record: StudyRecord) -> Iterator[Caution]:
    for cue in record.plan.cues:
        if cue.warning:
            yield Caution(f"{cue.source} may not suit these rows: {cue.name} {cue_words(cue)} ({cue.meaning}).", "plan")


def _terms(record: StudyRecord) -> Iterator[Caution]:
    blocked = [one.use for one in record.terms.uses if one.outcome == "blocked"]
    unsettled = [one.use for one in record.terms.uses if one.outcome == "unsettled"]
    told = [
        f"{outcome} ({', '.join(uses)})" for outcome, uses in (("blocked", blocked), ("unsettled", unsettled)) if uses
    ]
    if told:
        text = f"By the licences of what the model was made from, some uses are {' or '.join(told)}."
        why = dict.fromkeys(why for one in record.terms.uses if one.outcome != "allowed" for why in one.reasons)
        if why:
            # The first is what somebody can settle; the others stand in the section this leads to.
            more = f" ({count(len(why) - 1)} more)" if len(why) > 1 else ""
            text += f" {excerpt(next(iter(why)).rstrip('.'), 160)}{more}."
        yield Caution(text, "terms")
