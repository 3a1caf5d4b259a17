"""Which candidates set the scale of a plot.

Decision: the better half and the best control do; a candidate far below them (a majority control, a diverged run) must
not squeeze the differences that matter, so plots hold it at the edge or leave it out and say so.
"""

from graft.facts.study import CandidateFacts, StudyRecord
from graft.report.shared.formats import known
from graft.report.study.words import best_control, is_choice

FAR = 3.0  # times the spread of the candidates near the answer


def ranked(record: StudyRecord) -> tuple[CandidateFacts, ...]:
    """Candidates from the best score to the worst; those without a score last."""
    return tuple(sorted(record.candidates, key=lambda one: -one.score.mean if known(one.score.mean) else float("inf")))


def look_of(record: StudyRecord, one: CandidateFacts) -> str:
    """The style of a candidate in every plot: control, chosen or transfer."""
    if one.kind == "control":
        return "control"
    return "chosen" if is_choice(one, record.verdict.chosen) else "transfer"


def extent(one: CandidateFacts) -> list[float]:
    """Every stored score to be drawn for a candidate."""
    return [x for x in (one.score.low, one.score.mean, one.score.high, *one.folds) if x is not None and known(x)]


def nearby(record: StudyRecord) -> tuple[CandidateFacts, ...]:
    """The candidates that are not far below the answer, from the best to the worst."""
    scored = [one for one in ranked(record) if known(one.score.mean)]
    near = [x for one in scored[: max(2, (len(scored) + 1) // 2)] for x in extent(one)]
    control = best_control(record)
    near += extent(control) if control is not None else []
    if not near:
        return ()
    floor = min(near) - FAR * max(max(near) - min(near), 2 * record.margin, 1e-9)
    return tuple(one for one in scored if one.score.mean >= floor)
