"""What to do next, and what changed since the last study: words from facts."""

from collections.abc import Mapping, Sequence

from graft.evidence.slices import SliceScore
from graft.facts.study import (
    CandidateFacts,
    CandidateName,
    ChangeFacts,
    HarmReason,
    LearningCurveFacts,
    PlanFacts,
    StudyRecord,
    VerdictFacts,
)
from graft.studies.settings import StudySettings
from graft.studies.side_results import Suspects


def named(choice: CandidateName) -> str:
    """A candidate as a person says it."""
    return f"{choice.source} {choice.strategy}".strip()


def advice(
    settings: StudySettings,
    verdict: VerdictFacts,
    candidates: Sequence[CandidateFacts],
    curves: LearningCurveFacts | None,
    suspects: Suspects,
    slices: Sequence[SliceScore],
    plan: PlanFacts,
    harm: Sequence[HarmReason] = (),
    joined: Mapping[str, tuple[str, ...]] = {},
    margin: float = 0.0,
) -> tuple[str, ...]:
    """What to do next, the most useful first. harm: why the source did not help, if it did not. joined: of sources side
    by side, which they are; margin: the smallest difference that matters."""
    steps: list[str] = []
    if verdict.outcome == "helps":
        steps.append(
            f"Ship the bundle ({named(verdict.shipped)}); keep {verdict.control} as the fallback to compare with."
        )
    elif verdict.outcome == "harms":
        steps.append(f"Do not ship the source: the bundle holds {named(verdict.shipped)}.")
    elif verdict.outcome == "not asked":
        steps.append(
            f"Ship the bundle ({named(verdict.shipped)}). To ask whether reuse helps, name a source: graft sources "
            "pretrain makes one from another table with columns in common."
        )
    elif verdict.outcome == "no practical difference":
        steps.append(f"Ship the simpler model: the bundle holds {named(verdict.shipped)}.")
    else:
        asked = None if curves is None else curves.more_labels
        more = f": {asked.statement}" if asked is not None and asked.rows else ""
        steps.append(
            f"Label more rows and repeat with --after{more}. Until then the bundle holds {named(verdict.shipped)}, "
            "which is expected to score best; that is not shown."
        )
        if settings.repeats == 1:
            steps.append("Or repeat the folds (--repeats 3): it narrows the interval without new labels.")
    why = "Why it did not help" if verdict.outcome == "harms" else "Why it may not help, if it does not"
    steps += [f"{why}: {one.text}. What to do: {one.step}." for one in harm]
    steps += _brought(candidates, joined, margin)
    under = [named(CandidateName(source=one.source, strategy=one.strategy)) for one in candidates if one.under_trained]
    if under:
        steps.append(
            f"{', '.join(under)} was still improving when its budget ended: use --effort thorough before ruling it out."
        )
    if settings.effort == "quick":
        steps.append("This was a quick study: run --effort standard before you decide anything that matters.")
    if suspects.rows:
        told = f" (of {suspects.listed} the model disagrees with"
        told += ")" if suspects.if_clean is None else f"; about {suspects.if_clean:.0f} if none were wrong)"
        steps.append(
            f"Check the {len(suspects.rows)} labels that are most likely wrong{told}: correcting wrong ones is the "
            "cheapest gain."
        )
    harmed = [f"{one.column} = {one.value}" for one in slices if one.hidden_harm]
    if harmed:
        steps.append(f"The average hides harm for {', '.join(harmed)}: look at those rows before shipping.")
    if any(cue.warning for cue in plan.cues) and not harm:
        steps.append("The source does not fit these rows well (see the plan): try one trained on rows like these.")
    if curves is not None and curves.crossing is not None and curves.crossing.labels:
        steps.append(f"Fine-tuning: {curves.crossing.statement}.")
    return tuple(steps)


def _brought(candidates: Sequence[CandidateFacts], joined: Mapping[str, tuple[str, ...]], margin: float) -> list[str]:
    """What sources side by side score beside each of them alone."""
    frozen = {one.source: one.score.mean for one in candidates if one.kind == "transfer" and not one.steps}
    whole = max(
        (name for name in joined if name in frozen), key=lambda name: (len(joined[name]), frozen[name]), default=""
    )
    alone = [name for name in joined.get(whole, ()) if name in frozen]
    if not alone:
        return []
    best = max(alone, key=lambda name: frozen[name])
    said = ", ".join(f"{name} alone {frozen[name]:.3f}" for name in alone)
    told = f"What the kinds bring: {whole} scores {frozen[whole]:.3f}, {said}"
    if frozen[best] >= frozen[whole] - margin:
        return [f"{told}. {best} alone does as well here: the other kinds may be left out."]
    return [f"{told}."]


def changed(
    before: StudyRecord, verdict: VerdictFacts, candidates: Sequence[CandidateFacts], rows: int, reused: int
) -> ChangeFacts:
    """What changed since an earlier study on fewer labels, in plain words."""
    then, now = named(before.verdict.shipped), named(verdict.shipped)
    grew = f"With {rows:,} rows instead of {before.rows:,}"
    if then == now:
        choice = f"{grew}, {now} is still the model to ship"
    else:
        choice = f"{grew}, the model to ship is now {now}; it was {then}"
    statement = f"{choice}. The verdict was {before.verdict.outcome.value!r} and is {verdict.outcome.value!r}."
    old, new = _gap(before.candidates), _gap(candidates)
    if old is not None and new is not None:
        statement += f" The best tuned candidate led the best frozen one by {old:+.3f} then, and by {new:+.3f} now."
    return ChangeFacts(
        before_rows=before.rows, rows=rows, before=before.verdict, statement=statement, reused_rows=reused
    )


def _gap(candidates: Sequence[CandidateFacts]) -> float | None:
    """By how much the best of what took steps led the best of what needed none, among what reuses a source."""
    reused = [one for one in candidates if one.kind == "transfer"]
    frozen = [one.score.mean for one in reused if not one.steps]
    tuned = [one.score.mean for one in reused if one.steps]
    return max(tuned) - max(frozen) if frozen and tuned else None
