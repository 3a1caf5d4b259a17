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

    roles: which column is what. task: ``auto`` or a task. sources: references. strategies: ``auto`` or names; the
    controls always run. split: ``stratified``, ``group`` or ``time``. margin: the smallest difference that matters, in
    the unit of the metric. level: how sure a verdict must be. weights: how class imbalance is handled. loss: what
    networks are trained by, ``auto`` or a loss; solved heads keep theirs. uses: what the model is meant for; a source
    whose terms block one is refused before training. refit: what ships is learnt once more
    from all rows after it was measured. cautious: an undecided study ships the control. prior: what usually wins on
    public sets informs what an undecided study ships. workers: processes that candidates learn in; 0 for the process of
    the study itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: Roles
    task: TaskName = "auto"
    sources: tuple[str, ...] = ("minilm",)
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
        return self.model_dump(mode="json", exclude={"cache_limit", "workers", "uses"})


def require_margin(settings: StudySettings, chosen: Metric) -> None:
    """Raise InputError for a margin that no difference in this metric can reach."""
    low, high = chosen.bounds
    if settings.margin is not None and settings.margin >= high - low:
        raise InputError(
            f"a margin of {settings.margin:g} for {chosen.name}, which lies between {low:g} and {high:g}",
            needed=f"the smallest difference that matters, below {high - low:g}",
            fix="write 5 % as 0.05",
        )


def make_settings(options: dict[str, Any]) -> StudySettings:
    """Settings from options as a person gives them. Raises InputError that names each wrong one."""
    try:
        settings = StudySettings(**options)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg']}" for one in error.errors()]
        raise InputError(f"settings that do not work: {'; '.join(wrong)}", fix="see `graft study --help`") from error
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
    if not settings.sources:
        raise InputError("no source", needed="at least one", fix="add --source minilm")
    if len(set(settings.sources)) < len(settings.sources):
        raise InputError("the same source twice", needed="each source once", fix="drop one")
    return settings
