"""The sections of the page, in their order; those without facts are left out."""

from graft.facts.study import StudyRecord

TITLES: dict[str, str] = {
    "candidates": "Does reuse help?",
    "cost": "Time and memory",
    "learning": "How it learns",
    "decisions": "What mistakes cost",
    "trust": "Can it be trusted?",
    "classes": "Classes and slices",
    "errors": "Errors worth a look",
    "rows": "The rows",
    "plan": "The plan",
    "tested": "How it was tested",
    "frozen": "What was reused",
    "terms": "May we use it?",
    "change": "Since the last study",
    "repeat": "How to repeat it",
    "glossary": "How to read this",
}


def sections(record: StudyRecord) -> tuple[tuple[str, str], ...]:
    """Anchor and title of each section of the page of this study."""
    decision = record.decision
    curve = record.learning_curve
    told = curve is not None and (curve.points or curve.more_labels or curve.crossing)
    absent = {
        "learning": not told and not any(one.curves for one in record.candidates),
        "decisions": decision.confusion is None and not decision.policies and not decision.thresholds,
        "classes": not record.classes and not record.slices,
        "errors": not record.errors,
        "change": record.after is None,
        "terms": not record.terms.uses,
    }
    return tuple((anchor, title) for anchor, title in TITLES.items() if not absent.get(anchor, False))
