"""The sections of the page, in their order, and the glossary at its end; sections without facts are left out."""

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


GLOSSARY: tuple[tuple[str, str], ...] = (
    ("Verdict", "The answer to: does reusing the pretrained model help here? Helps, no practical difference, harms, "
     "or inconclusive when the rows cannot tell yet."),
    ("Undecided", "The verdict is inconclusive: nothing is claimed. What ships then is what is expected to score best; "
     "luck is taken off its lead, and it may still be behind."),
    ("p", "How easily chance alone would make rows speak this clearly, if what is claimed were not so. It is not the "
     "chance that the claim is wrong."),
    ("Margin", "The smallest difference that matters in practice. Differences below it are called no practical "
     "difference, even when they are real."),
    ("Candidate", "One way to build the model: a pretrained source with a strategy (which of its parts may learn), "
     "or a control."),
    ("Control", "A candidate that reuses nothing. If the reused model does not beat the best control, reuse did "
     "not help."),
    ("Fold", "The rows are cut into parts. Each part in turn is kept back and scored by a model that learnt from "
     "the others, so every row is judged once by a model that had not learnt it."),
    ("Holdout", "Rows that no candidate saw while it was being built or chosen. They are scored at the end; every "
     "further look makes them a little less trustworthy."),
    ("Interval", "The range in which the true value probably lies (95%). Short is sure, long is unsure; it is "
     "written in brackets after the number."),
    ("Calibration", "Whether a probability means what it says: of all the rows given 80%, about 80% should be right. "
     "The calibration error (ECE) is the average gap. On few rows even a perfect model shows one, so that is told "
     "beside it."),
    ("Brier score and log-loss", "Two measures of how good probabilities are; being sure and wrong costs most. "
     "Lower is better."),
    ("Precision, recall, F1", "Precision: of the rows given this label, how many truly have it. Recall: of the rows "
     "that truly have it, how many were found. F1 combines both; 1 is perfect."),
    ("Last refit", "After everything was measured, the saved model learns once more from all rows, also those of the "
     "holdout. Its own score is not measured again."),
    ("Under-trained", "The candidate was still improving when its training budget ended. A weak score is then no "
     "proof against it."),
    ("Frozen", "Not allowed to change while learning. Graft compares digests (fingerprints) of the weights before and "
     "after, so this is verified, not assumed."),
    ("Slice", "A part of the rows that share a value, such as one region or one channel. Hidden harm is a slice made "
     "worse although the average is not."),
    ("Abstain", "Leaving a row to a person because every automatic decision is expected to cost more."),
)  # fmt: skip
