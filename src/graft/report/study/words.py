"""What things are called, and what the terms mean.

Decisions: a candidate is called by its source and its strategy, as everywhere in Graft; scores are shown in the
metric's own direction (an RMSE is positive and lower is better), differences as *better* or *worse*, so that no
reader needs to know which way a metric runs.
"""

from dataclasses import dataclass

from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.evidence.metrics import Metric, metric
from graft.evidence.training_curve import Remark
from graft.facts.study import CandidateFacts, CandidateName, CueFact, LearningPoint, PlannedCandidate, StudyRecord
from graft.report.shared.formats import beside, between, between_alone, estimate, known, number, percent

Titled = CandidateName | CandidateFacts | LearningPoint | PlannedCandidate


@dataclass(frozen=True)
class MetricWords:
    """How scores of a metric are told. record: the metric's own; None for one this Graft does not know."""

    name: str
    record: Metric | None

    @property
    def title(self) -> str:
        """What the metric is called."""
        return self.name if self.record is None else self.record.title

    @property
    def meaning(self) -> str:
        """What it says, as the rest of a sentence."""
        return "a metric this version of Graft does not know" if self.record is None else self.record.meaning

    @property
    def better(self) -> str:
        """``higher`` or ``lower``. What is stored is oriented, so of an unknown metric higher is better as shown."""
        return "higher" if self.record is None else self.record.better

    @property
    def direction(self) -> str:
        """Which way is better."""
        return f"{self.better} is better"

    def natural(self, value: float) -> float:
        """A stored score in the metric's own direction."""
        return value if self.record is None else self.record.oriented(value)

    def span(self, span: Interval) -> Interval:
        """A stored estimate in the metric's own direction."""
        return span if self.better == "higher" else span.reversed

    def show(self, span: Interval | None) -> str:
        """A stored estimate with its interval, for print."""
        return self.score(span) + (between(self.span(span)) if span is not None and known(span.mean) else "")

    def range(self, span: Interval | None) -> str:
        """The interval of a stored estimate alone, for print."""
        return "" if span is None or not known(span.mean) else between_alone(self.span(span))

    def score(self, span: Interval | None) -> str:
        """A stored estimate without its interval, for print."""
        return estimate(None if span is None else self.span(span))


def metric_words(name: str) -> MetricWords:
    """The words of a metric; an unknown one keeps its name.

    >>> metric_words("rmse").natural(-2.5), metric_words("rmse").direction, metric_words("macro_f1").title
    (2.5, 'lower is better', 'macro-F1')
    """
    try:
        return MetricWords(name, metric(name))
    except InputError:
        return MetricWords(name, None)


def choice_name(choice: Titled) -> str:
    """What a candidate is called.

    >>> [choice_name(CandidateName(source=source, strategy="full")) for source in ("minilm", "")]
    ['minilm full', 'full']
    """
    return f"{choice.source} {choice.strategy}".strip()


def short_name(choice: Titled, length: int = 30) -> str:
    """The name for a plot: the owner and revision of a source left out, shortened in the middle.

    >>> short_name(CandidateName(source="hf:org/bert-base@abc", strategy="lora"))
    'bert-base lora'
    """
    source = choice.source.removeprefix("hf:").split("@")[0].rstrip("/").rpartition("/")[2]
    name = f"{source} {choice.strategy}".strip()
    if len(name) <= length:
        return name
    tail = f" {choice.strategy}" if source and len(choice.strategy) < length // 2 else ""
    return name[: max(4, length - len(tail) - 1)] + "…" + tail


def policy_words(name: str, task: str, unit: str = "") -> str:
    """What a way of deciding does. unit: of the costs; errors where nobody said what they cost.

    >>> policy_words("most probable", "multilabel"), policy_words("always ham", "binary")
    ('every label of 50% or more', 'always ham')
    """
    if name == "most probable":
        return "every label of 50% or more" if task == "multilabel" else "the most probable answer"
    if name == "tuned":
        return "the rule of the saved model" if unit == "errors" else "least expected cost (saved)"
    return name


def gain_words(span: Interval | None) -> str:
    """A difference (candidate minus control, higher is better) in words.

    >>> gain_words(Interval(0.056, 0.031, 0.081)), gain_words(Interval(0.01, -0.02, 0.04))
    ('0.056 better (0.031 to 0.081 better)', '0.010 better (from 0.020 worse to 0.040 better)')
    """
    if span is None or not known(span.mean):
        return "not known"
    shown = gain_range(span)
    return f"{gain_alone(span)} ({shown})" if shown else gain_alone(span)


def gain_range(span: Interval) -> str:
    """The interval of a difference in words; empty when there is none.

    >>> gain_range(Interval(-0.04, -0.06, -0.02)), gain_range(Interval(0.01, -0.02, 0.04))
    ('0.020 to 0.060 worse', 'from 0.020 worse to 0.040 better')
    >>> gain_alone(Interval(0.25, -462.3, 1.994))
    '0.250 better'
    """
    low, high = span.low, span.high
    if low is None or high is None or not (known(low) and known(high)):
        return ""
    if low >= 0:
        return f"{beside(low, span)} to {beside(high, span)} better"
    if high <= 0:
        return f"{beside(-high, span)} to {beside(-low, span)} worse"
    return f"from {beside(-low, span)} worse to {beside(high, span)} better"


def gain_alone(span: Interval) -> str:
    """A difference in words without its interval."""
    if beside(abs(span.mean), span) == beside(0.0, span):
        return "no different"
    return f"{beside(abs(span.mean), span)} {'better' if span.mean > 0 else 'worse'}"


def is_choice(one: Titled, choice: CandidateName) -> bool:
    """Whether they are the same candidate."""
    return (one.source, one.strategy) == (choice.source, choice.strategy)


def roles(record: StudyRecord, one: CandidateFacts) -> tuple[str, ...]:
    """What a candidate turned out to be: chosen, a control, the saved model, stopped early, under-trained."""
    verdict = record.verdict
    saved_elsewhere = verdict.shipped != verdict.chosen
    better = any(stopped_early(other) and other.score.mean > one.score.mean for other in record.candidates)
    asked = verdict.outcome != "not asked"
    elsewhere = "compared" if better else "best reused" if asked else "best score"
    ahead = "best control" if asked else "runner-up"
    found = (
        (elsewhere if saved_elsewhere else "chosen") if is_choice(one, verdict.chosen) else "",
        ahead if one is best_control(record) else "control" if one.kind == "control" else "",
        "saved" if saved_elsewhere and is_choice(one, verdict.shipped) else "",
        "stopped early" if stopped_early(one) else "",
        "under-trained" if one.under_trained else "",
    )
    return tuple(role for role in found if role)


def kept_words(one: CandidateFacts) -> str:
    """How much of its source a tuned candidate left in place; empty where nothing was tuned."""
    return "" if one.kept is None else f"{percent(one.kept)} of the source's neighbours kept"


def stopped_early(one: CandidateFacts) -> bool:
    """Whether its rows ruled it out before it had met every fold."""
    return any(note.startswith("stopped after") for note in one.notes)


def facts_of(record: StudyRecord, choice: CandidateName) -> CandidateFacts | None:
    """The facts of a candidate, if it was run."""
    return next((one for one in record.candidates if is_choice(one, choice)), None)


def holdout_spans(record: StudyRecord) -> tuple[Interval, Interval | None]:
    """Scores of the chosen candidate and of the control on the holdout.

    A record from before ``chosen_score`` holds the score of the model that ships. When that is the control, the chosen
    candidate's follows from their difference, without an interval of its own.
    """
    holdout, control = record.holdout, best_control(record)
    if holdout.chosen_score is not None:
        return holdout.chosen_score, holdout.control_score
    fell_back = control is not None and is_choice(control, record.verdict.shipped)
    if not fell_back or holdout.control_score is None or holdout.score != holdout.control_score:
        return holdout.score, holdout.control_score
    if holdout.difference is None:
        return Interval(mean=float("nan"), low=None, high=None), holdout.control_score
    return Interval(holdout.control_score.mean + holdout.difference.mean, None, None), holdout.control_score


def is_third(record: StudyRecord) -> bool:
    """Whether a third candidate ships, neither the chosen one nor the control it was compared with."""
    verdict, control = record.verdict, best_control(record)
    return verdict.shipped != verdict.chosen and (control is None or not is_choice(control, verdict.shipped))


def cue_words(cue: CueFact) -> str:
    """The value of a cue; shares in per cent, and less than by chance is none.

    >>> cue_words(CueFact(source="a", name="truncated rows", value=0.074, meaning="share of rows", warning=True))
    '7.4%'
    >>> cue_words(CueFact(source="a", name="own labels", value=-0.011, meaning="share of labels", warning=True))
    '0%'
    """
    return percent(max(0.0, cue.value)) if cue.meaning.startswith("share ") else number(cue.value)


def best_control(record: StudyRecord) -> CandidateFacts | None:
    """The control the verdict was reached against."""
    controls = [one for one in record.candidates if one.kind == "control"]
    named = [one for one in controls if record.verdict.control in (one.strategy, choice_name(one))]
    return max(named or controls, key=lambda one: one.score.mean, default=None)


def remarks_of(one: CandidateFacts) -> tuple[tuple[str, str, int], ...]:
    """Code, text and number of trials of each kind of remark, told once: as the trials that share it most say it."""
    kinds: dict[str, list[Remark]] = {}
    for remark in one.remarks:
        kinds.setdefault(remark.code, []).append(remark)
    return tuple(
        (code, max(found, key=lambda remark: remark.trials).text, sum(remark.trials for remark in found))
        for code, found in kinds.items()
    )
