"""What things are called, and what the terms mean.

Decisions: a candidate is called by its source and, in brackets, its strategy; scores are shown in the metric's own
direction (an RMSE is positive and lower is better), differences as *better* or *worse*, so that no reader needs to
know which way a metric runs.
"""

from dataclasses import dataclass

from graft.report.formats import between, known, number
from graft.study.record import CandidateFacts, Choice, LearningPoint, PlannedCandidate, Span, StudyRecord

Named = Choice | CandidateFacts | LearningPoint | PlannedCandidate


@dataclass(frozen=True)
class MetricWords:
    """A metric for a reader. lower: whether lower is better, so the record holds it with its sign turned."""

    name: str
    title: str
    meaning: str
    lower: bool = False

    def natural(self, value: float) -> float:
        """A stored score in the metric's own direction."""
        return -value if self.lower else value

    def span(self, span: Span) -> Span:
        """A stored estimate in the metric's own direction."""
        if not self.lower:
            return span
        low, high = span.low, span.high
        return Span(mean=-span.mean, low=None if high is None else -high, high=None if low is None else -low)

    def show(self, span: Span | None) -> str:
        """A stored estimate with its interval, for print."""
        return self.score(span) + (between(self.span(span)) if span is not None and known(span.mean) else "")

    def score(self, span: Span | None) -> str:
        """A stored estimate without its interval, for print."""
        return number(self.natural(span.mean) if span is not None else None)

    @property
    def direction(self) -> str:
        """Which way is better."""
        return "lower is better" if self.lower else "higher is better"


_METRICS = (
    MetricWords("accuracy", "accuracy", "the share of rows decided rightly"),
    MetricWords("balanced_accuracy", "balanced accuracy", "the share of rows decided rightly, averaged over classes"),
    MetricWords("macro_f1", "macro-F1", "how well classes are found without false alarms; every class counts alike"),
    MetricWords("micro_f1", "micro-F1", "how well labels are found without false alarms; every decision counts alike"),
    MetricWords("roc_auc", "ROC AUC", "the chance that a row of a class is ranked above a row that is not"),
    MetricWords("average_precision", "average precision", "how few false alarms it takes to find the rows of a class"),
    MetricWords("r2", "R²", "the share of the variation explained; 0 is no better than always saying the mean"),
    MetricWords("spearman", "rank correlation", "how well the order is predicted; 1 is the same order"),
    MetricWords("log_loss", "log-loss", "how surprised the probabilities are by the truth", lower=True),
    MetricWords("brier", "Brier score", "the mean squared error of the probabilities", lower=True),
    MetricWords("rmse", "RMSE", "the typical size of an error, large errors counting more", lower=True),
    MetricWords("mae", "mean absolute error", "the average size of an error", lower=True),
)


def metric_words(name: str) -> MetricWords:
    """The words of a metric; an unknown one keeps its name.

    >>> metric_words("rmse").natural(-2.5), metric_words("macro_f1").title
    (2.5, 'macro-F1')
    """
    return next((one for one in _METRICS if one.name == name), MetricWords(name, name, "the score of this study"))


def choice_name(choice: Named) -> str:
    """What a candidate is called.

    >>> choice_name(Choice(source="minilm", strategy="frozen")), choice_name(Choice(source="", strategy="classical"))
    ('minilm (frozen)', 'classical')
    """
    return f"{choice.source} ({choice.strategy})" if choice.source else choice.strategy


def short_name(choice: Named, length: int = 30) -> str:
    """The name for a plot: the owner and revision of a source left out, shortened in the middle.

    >>> short_name(Choice(source="hf:org/bert-base@abc", strategy="lora"))
    'bert-base (lora)'
    """
    source = choice.source.removeprefix("hf:").split("@")[0].rstrip("/").rpartition("/")[2]
    name = f"{source} ({choice.strategy})" if source else choice.strategy
    if len(name) <= length:
        return name
    tail = f" ({choice.strategy})" if source and len(choice.strategy) < length // 2 else ""
    return name[: max(4, length - len(tail) - 1)] + "…" + tail


def strategy_meaning(strategy: str) -> str:
    """One line on what a strategy does.

    >>> strategy_meaning("partial:2")
    'the last 2 layers of the pretrained model and a new output layer learn'
    """
    kind, _, depth = strategy.partition(":")
    if kind == "partial":
        return f"the last {depth or 'few'} layers of the pretrained model and a new output layer learn"
    return _STRATEGIES.get(kind, "")


_STRATEGIES = {
    "frozen": "the pretrained model stays as it is, only a new output layer learns",
    "lora": "small matrices added to the pretrained model learn, its own weights stay",
    "full": "all weights of the pretrained model learn",
    "majority": "control: always gives the most common answer",
    "classical": "control: no neural network (for text: word counts and a linear model)",
    "scratch": "control: the same architecture, starting from random weights",
}


def gain_words(span: Span | None) -> str:
    """A difference (candidate minus control, higher is better) in words.

    >>> gain_words(Span(mean=0.056, low=0.031, high=0.081)), gain_words(Span(mean=0.01, low=-0.02, high=0.04))
    ('0.056 better (0.031 to 0.081 better)', '0.010 better (from 0.020 worse to 0.040 better)')
    """
    if span is None or not known(span.mean):
        return "not known"
    if span.low is None or span.high is None or not (known(span.low) and known(span.high)):
        return _side(span.mean)
    if span.low >= 0:
        return f"{_side(span.mean)} ({number(span.low)} to {number(span.high)} better)"
    if span.high <= 0:
        return f"{_side(span.mean)} ({number(-span.high)} to {number(-span.low)} worse)"
    return f"{_side(span.mean)} (from {_side(span.low)} to {_side(span.high)})"


def _side(value: float) -> str:
    return "no different" if value == 0 else f"{number(abs(value))} {'better' if value > 0 else 'worse'}"


def facts_of(record: StudyRecord, choice: Choice) -> CandidateFacts | None:
    """The facts of a candidate, if it was run."""
    wanted = (choice.source, choice.strategy)
    return next((one for one in record.candidates if (one.source, one.strategy) == wanted), None)


def best_control(record: StudyRecord) -> CandidateFacts | None:
    """The control the verdict was reached against."""
    controls = [one for one in record.candidates if one.kind == "control"]
    named = [one for one in controls if record.verdict.control in (one.strategy, choice_name(one))]
    return max(named or controls, key=lambda one: one.score.mean, default=None)
