"""Why a source did not help, and what to do: read from what was seen before the training and from what came of it.

Decisions: a reason is a cue that was there to be seen, with its number; where none is, what is left is that the source
was trained for something else, and its own card says in words for what. Reasons explain and never decide: the verdict
stands without them. Each comes with its step, and there are three kinds: change less of this source (freeze more), try
another or one that was adapted, or use none. Nothing is said unless the source was shown to harm, or the best control
leads while nothing is settled; there a cue may be why, and without one a lead of luck is the likeliest reason.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from graft.core.errors import InputError
from graft.evidence.verdict import Outcome
from graft.facts.study import CandidateFacts, CueFact, HarmReason, VerdictFacts
from graft.governance.reading.front_matter import read_front_matter, split_card
from graft.governance.reading.small_files import read_text
from graft.representations.source import Source
from graft.studies.cues import (
    AGREEMENT,
    KNOWN_COLUMNS,
    LONG,
    MOVED,
    NARROW,
    OWN_LABELS,
    PIECES,
    SHORT,
    SILENT,
    SMALL,
    SOUNDS_SPREAD,
    SPREAD,
    TRUNCATED,
    UNKNOWN,
    UNKNOWN_NAMES,
)

_CHANGED_MUCH = 0.6
_FAILED_BY = 0.01
# What a card's tag says a source was trained for.
OBJECTIVES: Mapping[str, str] = {
    "sentence-similarity": "to lay texts of one meaning near one another",
    "fill-mask": "to tell hidden words from those around them",
    "text-generation": "to go on with a text",
    "token-classification": "to name the words of a text",
    "question-answering": "to find the answer in a text",
    "text-ranking": "to say how well a text answers a question",
    "text-classification": "to tell labels of its own apart",
    "image-classification": "to tell kinds of pictures apart",
    "zero-shot-image-classification": "to lay pictures beside the words for them",
    "audio-classification": "to tell kinds of sounds apart",
    "tabular-classification": "to tell kinds of rows apart",
    "tabular-regression": "to say a number of a row",
    "tsdae": "to say a text again of which words were left out",
    "mlm": "to tell hidden words from those around them",
    "automatic-speech-recognition": "to write down what is said",
}


@dataclass(frozen=True)
class _Sign:
    """A cue that explains harm. said, step: words for its value and its source. adapted: what is added to the step
    where the source can be adapted to the rows."""

    cue: str
    code: str
    said: Callable[[CueFact], str]
    step: Callable[[CueFact], str]
    adapted: str = ""


# Said only of a source that can be: one that is nothing but a table of vectors is not.
_ADAPT = ", or adapt this one (graft sources adapt, on rows like these that need no labels)"
_SIGNS = (
    _Sign(
        UNKNOWN,
        "other-vocabulary",
        lambda cue: (
            f"{cue.value:.0%} of the tokens are none that {cue.source} has seen: other words, or another script"
        ),
        lambda cue: "try a source that was trained on text like this, in this language",
    ),
    _Sign(
        PIECES,
        "other-vocabulary",
        lambda cue: f"{cue.source} cuts a word into {cue.value:.1f} pieces: these are not the words it was trained on",
        lambda cue: "try a source of this field or language",
        _ADAPT,
    ),
    _Sign(
        TRUNCATED,
        "cut-off",
        lambda cue: (
            f"{cue.value:.0%} of the rows are longer than {cue.source} reads, and the control reads all of them"
        ),
        lambda cue: "try a source that reads more, or give it the part that says the label",
    ),
    _Sign(
        SMALL,
        "other-distribution",
        lambda cue: f"{cue.value:.0%} of the pictures are less than half as large as {cue.source} reads: it sees blur",
        lambda cue: "try a source that was trained on smaller pictures, or give it the original ones",
    ),
    _Sign(
        SILENT,
        "other-distribution",
        lambda cue: f"in {cue.value:.0%} of the recordings nothing is to be heard",
        lambda cue: "take these recordings out, or find out why they are silent",
    ),
    _Sign(
        LONG,
        "cut-off",
        lambda cue: f"{cue.value:.0%} of the recordings go on after what {cue.source} reads of each",
        lambda cue: "cut them into pieces of a label each, and name the recording they are of as --group",
    ),
    _Sign(
        NARROW,
        "other-distribution",
        lambda cue: (
            f"{cue.value:.0%} of the recordings hold nothing in the upper half of the pitches {cue.source} reads: they "
            "were made or kept at a lower rate than what it learnt from"
        ),
        lambda cue: "use the recordings at their full rate if there are any, or try a source of such recordings",
    ),
    _Sign(
        SHORT,
        "other-distribution",
        lambda cue: (
            f"{cue.value:.0%} of the recordings are shorter than {cue.source} reads at once: the rest is silence"
        ),
        lambda cue: "give it longer stretches, or try a source that was trained on short sounds",
    ),
    _Sign(
        SOUNDS_SPREAD,
        "other-distribution",
        lambda cue: (
            f"to {cue.source} these recordings sound alike: they lie {cue.value:.2f} times as far apart as sounds of "
            "many kinds"
        ),
        lambda cue: "try a source that was trained on such sounds; there may be none better than the control",
    ),
    _Sign(
        KNOWN_COLUMNS,
        "other-vocabulary",
        lambda cue: f"{cue.source} knows {cue.value:.0%} of the columns, and the control reads all of them",
        lambda cue: "try a source that was pretrained on a table with more of these columns",
    ),
    _Sign(
        UNKNOWN_NAMES,
        "other-vocabulary",
        lambda cue: f"{cue.value:.0%} of the names in the columns of categories are none that {cue.source} has seen",
        lambda cue: "write the names as its table did, or try a source of a table that has them",
    ),
    _Sign(
        MOVED,
        "other-distribution",
        lambda cue: f"a number lies {cue.value:.1f} deviations from where it lay in the table {cue.source} learnt from",
        lambda cue: "check that its unit is the same; else try a source of a table more like this one",
    ),
    _Sign(
        SPREAD,
        "other-distribution",
        lambda cue: (
            f"to {cue.source} these rows look alike: they lie {cue.value:.2f} times as far apart as sentences of many "
            "subjects"
        ),
        lambda cue: "try a source of this field",
        _ADAPT,
    ),
    _Sign(
        OWN_LABELS,
        "other-concept",
        lambda cue: (
            f"{cue.source} was trained to tell other things apart: its own labels tell {max(0.0, cue.value):.0%} of "
            "these"
        ),
        lambda cue: "try a source whose labels mean something nearer, or one that was trained without labels",
    ),
    _Sign(
        AGREEMENT,
        "other-concept",
        lambda cue: (
            f"rows that {cue.source} lays side by side have the same label hardly more often than chance: what it "
            "finds alike is not what the labels mean"
        ),
        lambda cue: "use none: no head on its vectors can find what is not in them",
    ),
)


def harm_reasons(
    verdict: VerdictFacts,
    candidates: Sequence[CandidateFacts],
    cues: Sequence[CueFact],
    objectives: Mapping[str, str],
    *,
    adaptable: Collection[str] = (),
    joined: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> tuple[HarmReason, ...]:
    """Why the source that came nearest did not help, or may not, the likeliest first; none where it helped or is not
    behind.

    objectives: by the reference of a source, what it was trained for, in words; empty where its card does not say.
    adaptable: references of the sources that can be adapted to rows without labels. joined: the parts of sources that
    stand side by side: what is strange to one of them is told of it alone.
    """
    behind = verdict.outcome is Outcome.INCONCLUSIVE and verdict.difference.mean < 0
    if verdict.outcome is not Outcome.HARMS and not behind:
        return ()
    chosen = next(
        (one for one in candidates if (one.source, one.strategy) == (verdict.chosen.source, verdict.chosen.strategy)),
        None,
    )
    if chosen is None or not chosen.source:
        return ()
    parts = joined.get(chosen.source, (chosen.source,))
    own = [cue for cue in cues if cue.source in (chosen.source, *parts) and cue.warning]
    found = [
        HarmReason(
            code=sign.code,
            text=sign.said(cue),
            step=sign.step(cue) + (sign.adapted if cue.source in adaptable and len(parts) == 1 else ""),
        )
        for sign in _SIGNS
        for cue in own
        if cue.name == sign.cue
    ]
    found += _changed_too_much(chosen, candidates)
    if not behind and not any(one.code != "changed-too-much" for one in found):
        trained = [objectives.get(part, "") for part in parts]
        found.append(_objective(chosen.source, verdict, ", and ".join(trained) if all(trained) else ""))
    others = {one.source for one in candidates if one.kind == "transfer"} - {chosen.source}
    if others and found:
        told = f"{len(others)} other {'source was' if len(others) == 1 else 'sources were'} no better here"
        found[-1] = found[-1].model_copy(update={"text": f"{found[-1].text}; {told}"})
    return tuple({one.code: one for one in reversed(found)}.values())[::-1]


def _changed_too_much(chosen: CandidateFacts, candidates: Sequence[CandidateFacts]) -> list[HarmReason]:
    """Tuning that lost what the source had: it kept few neighbours, or scored below the frozen source."""
    frozen = [one.score.mean for one in candidates if one.source == chosen.source and not one.steps]
    worse = [
        one
        for one in candidates
        if one.source == chosen.source
        and one.kept is not None
        and one.kept < _CHANGED_MUCH
        and frozen
        and one.score.mean < max(frozen) - _FAILED_BY
    ]
    if not worse:
        return []
    most = min(worse, key=lambda one: one.score.mean)
    text = (
        f"{most.strategy} kept {most.kept or 0:.0%} of the neighbours {most.source} gave the rows and scored "
        f"{max(frozen) - most.score.mean:.3f} below it left as it is: what it knew was lost"
    )
    return [HarmReason(code="changed-too-much", text=text, step="freeze more: frozen, partial:1, l2sp or wiseft")]


def _objective(source: str, verdict: VerdictFacts, objective: str) -> HarmReason:
    trained = f"{source} was trained {objective}" if objective else f"{source} was trained for something else"
    return HarmReason(
        code="other-objective",
        text=(
            f"{trained}. Nothing about the rows is strange to it, but what tells these labels apart is not what it was "
            f"trained to keep, and {verdict.control} reads it directly"
        ),
        step=f"use none ({verdict.control}), or try a source with another objective",
    )


def objective_of(source: Source) -> str:
    """What a source was trained for, in words, as its card says; empty where it does not say."""
    file = source.weights.directory / "README.md"
    if not source.weights.pretrained or not file.is_file():
        return ""
    try:
        front = read_front_matter(split_card(read_text(file) or "")[0])
    except InputError:
        # A card that cannot be read says nothing; governance has told what is wrong with it.
        return ""
    tags = (*front.texts("pipeline_tag"), *front.texts("tags"))
    return next((words for tag, words in OBJECTIVES.items() if tag in tags), "")
