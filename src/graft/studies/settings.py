"""What a study is asked to do."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graft.core.errors import InputError
from graft.core.settings import DEFAULT_CACHE_LIMIT
from graft.core.tasks import TaskName
from graft.evidence.metrics import Metric, metric
from graft.governance.records import Use
from graft.inputs.roles import Roles
from graft.scores.losses import loss_named
from graft.scores.strategies import parse_strategy

Effort = Literal["quick", "standard", "thorough"]
Weights = Literal["auto", "balanced", "none"]


class StudySettings(BaseModel):
    """Settings of a study; unknown names are refused.

    roles: which column is what. task: ``auto`` or a task. sources: references. prompt_classification: put before every
    text, instead of what the source states for classification: one for all sources, or one for each. strategies:
    ``auto`` or names; the controls always run. split: ``stratified``, ``group`` or ``time``. margin: the smallest
    difference that matters, in the unit of the metric. level: how sure a verdict must be. weights: how class imbalance
    is handled. loss: what networks are trained by, ``auto`` or a loss; solved heads keep theirs. uses: what the model
    is meant for; a source whose terms block one is refused before training. refit: what ships is learnt once more from
    all rows after it was measured. cautious: an undecided study ships the control. prior: what usually wins on public
    sets informs what an undecided study ships. workers: processes that candidates learn in; 0 for the process of the
    study itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: Roles
    task: TaskName = "auto"
    sources: tuple[str, ...] = ("minilm",)
    prompt_classification: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ("auto",)
    effort: Effort = "standard"
    split: Literal["stratified", "group", "time"] = "stratified"
    folds: int = Field(default=5, ge=2, le=50)
    repeats: int = Field(default=1, ge=1, le=20)
    holdout: float = Field(default=0.2, gt=0, lt=0.9)
    metric: str = "auto"
    margin: float | None = Field(default=None, ge=0)
    level: float = Field(default=0.95, gt=0.5, lt=1)
    weights: Weights = "auto"
    loss: str = "auto"
    seed: int = Field(default=0, ge=0)
    cache_limit: int = Field(default=DEFAULT_CACHE_LIMIT, ge=0)
    workers: int = Field(default=0, ge=0, le=1024)
    keep_rows: bool = True
    refit: bool = True
    cautious: bool = False
    prior: bool = True
    uses: tuple[Use, ...] = ()

    def identity(self) -> dict[str, Any]:
        """What decides the results: everything but where things run, how long they are kept, and what they are meant
        for."""
        apart = {"cache_limit", "workers", "uses"}
        # Not asked for, it says nothing: studies from before it could be asked for keep their names.
        apart |= set() if self.prompt_classification else {"prompt_classification"}
        return self.model_dump(mode="json", exclude=apart)

    def prompt_of(self, number: int) -> str | None:
        """What is put before every text for a source, by its place in ``sources``; None for what the source states."""
        given = self.prompt_classification
        return None if not given else given[number if len(given) > 1 else 0]


def require_margin(settings: StudySettings, chosen: Metric) -> None:
    """Raise InputError for a margin that no difference in this metric can reach."""
    low, high = chosen.bounds
    if settings.margin is not None and settings.margin >= high - low:
        raise InputError(
            f"a margin of {settings.margin:g} for {chosen.name}, which lies between {low:g} and {high:g}",
            needed=f"the smallest difference that matters, below {high - low:g}",
            fix="write 5 % as 0.05",
        )


_LIMITS = {
    "folds": ("a whole number from 2 to 50", "5 is usual"),
    "repeats": ("a whole number from 1 to 20", "leave it out for one"),
    "holdout": ("a share of the rows above 0 and below 0.9", "write 20 % as 0.2"),
    "level": ("a share above 0.5 and below 1", "write 95 % as 0.95"),
    "margin": ("a difference in the unit of the metric, 0 or more", "write 1 % as 0.01, or leave it out"),
    "seed": ("a whole number, 0 or more", "leave it out for 0"),
    "workers": ("a whole number of processes from 0 to 1024", "no more than the machine has cores; 0 for none"),
    "cache_limit": ("a size, 0 or more", "for example 4G"),
}


def _refused(error: ValidationError) -> InputError:
    """The first thing that is wrong, in words."""
    first = error.errors()[0]
    name, value = str(first["loc"][0]) if first["loc"] else "the settings", first["input"]
    needed, fix = _LIMITS.get(name, (first["msg"], "graft study --help lists what can be chosen"))
    if first["type"] == "literal_error":
        needed = f"one of {first['ctx']['expected']}".replace("'", "").replace(" or ", ", ")
    return InputError(f"{name}={value!r}", needed=needed, fix=fix)


def make_settings(options: dict[str, Any]) -> StudySettings:
    """Settings from options as a person gives them. Raises InputError that names each wrong one."""
    try:
        settings = StudySettings(**options)
    except ValidationError as error:
        raise _refused(error) from error
    if settings.metric != "auto":
        require_margin(settings, metric(settings.metric))
    for name in settings.strategies:
        if name != "auto":
            parse_strategy(name)
    if settings.loss != "auto" and loss_named(settings.loss).by_costs is not None and settings.weights == "balanced":
        raise InputError(
            f"the loss {settings.loss} and balanced weights",
            needed="one of them: both say how much a class counts",
            fix="leave out --weights to weigh by costs",
        )
    if "auto" in settings.strategies and len(settings.strategies) > 1:
        raise InputError("strategies 'auto' and others", needed="either auto, or names", fix="drop one of them")
    if not settings.sources and settings.roles.content:
        raise InputError("no source", needed="at least one", fix="add --source minilm")
    if len(set(settings.sources)) < len(settings.sources):
        raise InputError("the same source twice", needed="each source once", fix="drop one")
    prompts = len(settings.prompt_classification)
    if prompts > 1 and prompts != len(settings.sources):
        raise InputError(
            f"{prompts} prompts for classification and {len(settings.sources)} "
            + ("source" if len(settings.sources) == 1 else "sources"),
            needed="one prompt for all of them, or one for each, in the order of the sources",
            fix='give "" as the prompt of a source that needs none',
        )
    return settings
