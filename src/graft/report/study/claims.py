"""What a study claims, what the claim rests on, and what it does not know, in words.

Decisions: a p-value is told as what it is, how often rows would speak so clearly if it were not so; a number that few
rows inflate is never told without what luck alone would show; nothing is called unseen that was scored before.
"""

from graft.core.intervals import Interval
from graft.facts.study import StudyRecord
from graft.report.shared.formats import count, known, number, percent
from graft.report.study.words import best_control, is_choice, metric_words

_ABOUT = 1.5  # what is shown, in parts of what a perfect model would show, before it is remarkable


def claimed(record: StudyRecord) -> bool:
    """Whether the verdict claims anything."""
    return record.verdict.outcome not in ("inconclusive", "not asked")


def doubt_words(record: StudyRecord) -> str:
    """How much doubt is left in what the verdict claims, in words; empty when it claims nothing.

    The doubt is the p-value of the claim, not the chance that it is false.
    """
    doubt = record.verdict.doubt
    if not claimed(record) or doubt is None or not known(doubt):
        return ""
    often = f"in at most {percent(doubt)} of studies" if doubt >= 1e-3 else "in fewer than 1 of 1,000 studies"
    shown = f"p = {doubt:.2g}" if doubt >= 1e-4 else "p below 0.0001"
    return (
        f"{_OTHERWISE[record.verdict.outcome]}, rows would speak for it this clearly {often} ({shown}; having chosen "
        "among the candidates is paid for)."
    )


_OTHERWISE = {
    "helps": "If it did not help",
    "harms": "If it did not harm",
    "no practical difference": "If there were a difference that matters",
}


def labels_words(record: StudyRecord) -> str:
    """At how many labels the verdict holds, and what carrying it on to them added; empty when the record is silent."""
    verdict, words = record.verdict, metric_words(record.metric)
    if verdict.labels is None:
        return ""
    at = f"{'It holds at' if claimed(record) else 'The difference is for'} {verdict.labels:,} labels"
    if verdict.grown is None or not known(verdict.grown) or abs(verdict.grown) < 5e-4:
        return f"{at}."
    return (
        f"{at}: models that were tested learnt from fewer, and carrying the difference on to all of them along the "
        f"learning curves moved it by {verdict.grown:+.3f} {words.title}"
        f"{', where + is better' if words.better == 'lower' else ''}."
    )


def suspect_words(record: StudyRecord) -> str:
    """How many labels the rule lists, and how many it would list were none wrong; empty when the record is silent."""
    data = record.data
    if data.suspects_if_clean is None or not known(data.suspects_if_clean):
        return ""
    listed = max(data.suspects_listed, len(data.suspects))
    return f"the model disagrees with {count(listed)}; with about {count(data.suspects_if_clean)} if none were wrong"


def calibration_words(record: StudyRecord) -> str:
    """How far probabilities are off, beside what a perfect model would show on as many rows."""
    facts, rows = record.decision.calibration, record.holdout.rows
    these = "this one row" if rows == 1 else f"these {count(rows)} rows"
    if facts.ece is None or not known(facts.ece.mean):
        return ""
    if facts.ece_if_perfect is None or not known(facts.ece_if_perfect):
        return (
            f"On {these} they seem off by {percent(facts.ece.mean)} on average; on few rows even a "
            "perfect model seems to be off."
        )
    text = (
        f"On {these} they seem off by {percent(facts.ece.mean)} on average; a perfect model would "
        f"show about {percent(facts.ece_if_perfect)} on as many rows."
    )
    low = facts.ece.low
    if low is not None and known(low) and low < 5e-4:
        if facts.ece.mean <= _ABOUT * facts.ece_if_perfect:
            return f"{text} So nothing here speaks against them."
        return f"{text} That they are off is likely, but not shown by so few rows."
    if facts.ece_debiased is not None and known(facts.ece_debiased) and facts.ece_debiased >= 5e-4:
        text += f" With what few rows add taken off, about {percent(facts.ece_debiased)} is left."
    return text


def flattering(optimism: Interval | None) -> bool:
    """Whether a random split is shown to flatter: the whole interval of the optimism lies above 0."""
    return optimism is not None and optimism.low is not None and known(optimism.low) and optimism.low > 0


def held_words(record: StudyRecord) -> str:
    """What the rows that were locked away are called: the holdout, or a file of the user's own."""
    return "the test file" if record.holdout.test_file else "the holdout"


def undecided_words(record: StudyRecord) -> str:
    """What an undecided study saves, and by how much it is expected to lead; empty when something is shown."""
    verdict = record.verdict
    if not verdict.undecided or replaced(record):
        return ""
    lead = verdict.expected_lead
    if lead is None or not known(lead):
        by = ""
    elif lead >= 5e-4:
        by = f"by {number(lead, 3)}"
    else:
        by = "as the cheapest of equals"
    control = best_control(record)
    if control is not None and is_choice(control, verdict.shipped):
        if record.settings.get("cautious"):
            return "The control ships, because --cautious asks for it."
        return f"The control ships: it is what is expected to score best{f', {by}' if by else ''}."
    comma = f", {by}" if by else ""
    return f"What ships is what is expected to score best{comma}; --cautious ships the control."


def replaced(record: StudyRecord) -> bool:
    """Whether another model ships because the final one fell."""
    return "ships instead" in record.holdout.warning


def refit_words(record: StudyRecord) -> str:
    """What the last refit means for the scores on the page; empty when the record is silent."""
    refit = record.refit
    if refit is None:
        return ""
    if refit.done:
        return (
            "Every score here was measured before the last refit, in which the saved model learnt once more from all "
            f"{refit.rows:,} rows."
        )
    return f"The saved model is the very one that was measured; it learnt from {refit.rows:,} rows."


def openings_words(record: StudyRecord) -> str:
    """How fresh the holdout is."""
    openings = record.holdout.openings
    if openings <= 1:
        return "never scored before"
    return f"scored {openings} times so far"
