"""What the page of a watch says in words.

Decisions: since when belongs to the outcome, and the reasons are those of the last check; quality is called as usual
only where something says so; what to do is copied from the advice, never made up here.
"""

import shlex
from collections.abc import Sequence

from graft.core.intervals import Interval
from graft.facts.watch import (
    EVERYTHING,
    DetectorFact,
    MovedRows,
    QualityFact,
    ShiftFact,
    WatchCheck,
    WatchStory,
)
from graft.facts.watch import problem_words as problem_words
from graft.report.shared.badge import Badge
from graft.report.shared.formats import (
    NOTHING,
    between,
    count,
    decimals,
    excerpt,
    known,
    large,
    number,
    percent,
    plural,
)
from graft.report.watch.standing import WatchStanding, watch_standing

BADGES = {
    "quiet": Badge("Quiet", "helps", "●"),
    "look": Badge("Look", "open", "◆"),
    "act": Badge("Act", "harms", "▲"),
}
NONE = Badge("No check yet", "tied", "○")
LOOKED_AT = {
    "embeddings": "how rows lie to the model",
    "scores": "what the model says",
    "inputs": "what it reads",
    "terms": "its words",
}
TO_DO = {
    "nothing": "nothing to do",
    "look": "have a look at the rows that moved",
    "label": "label a few rows",
    "repair inputs": "see whether inputs arrive as they did",
    "refresh": "refresh what it knows",
    "refresh the table": "embed the table anew",
    "retrain the head": "retrain the head",
    "tune deeper": "tune deeper if that does not help",
}
HOW = {
    "label": "graft watch sample {} --rows today.csv --n 50 --out to_label.csv",
    "retrain the head": "graft study new_rows.csv",
    "tune deeper": "graft study new_rows.csv",
}
_UNUSABLE_MUCH, _NAMED = 0.1, 6


def watch_badge(story: WatchStory) -> Badge:
    """The outcome in a word."""
    standing = watch_standing(story)
    return NONE if standing is None else BADGES[standing.last.outcome]


def headline(story: WatchStory) -> str:
    """The answer: the outcome, since when, why, and what to do."""
    standing = watch_standing(story)
    if standing is None:
        if story.checks:
            return "The baseline is new, and no batch has been checked against it yet."
        return "The baseline is ready, and no batch has been checked against it yet."
    last = standing.last
    todo = to_do_words(last)
    return f"{BADGES[last.outcome].word}{since_words(standing)}: {reason_words(last)}; {todo}."


def since_words(standing: WatchStanding) -> str:
    """Since when it says so, to stand behind the outcome."""
    since = standing.since
    if standing.streak == 1:
        return f" in check {count(since.number)} ({since.when})"
    return f" since check {count(since.number)} ({since.when})"


def streak_words(standing: WatchStanding) -> str:
    """How long it has been so, as a sentence."""
    word = BADGES[standing.last.outcome].word.lower()
    if standing.streak == 1:
        told = f"The last check, number {count(standing.last.number)}, says “{word}”"
    else:
        told = f"The last {plural(standing.streak, 'check')} in a row say “{word}”"
    if standing.uneasy is not None:
        told += f"; none has been quiet since check {count(standing.uneasy.number)} ({standing.uneasy.when})"
    return f"{told}."


def to_do_words(check: WatchCheck) -> str:
    """What its advice comes to."""
    known = TO_DO if check.usable else {**TO_DO, "look": "see whether it is the batch that was meant"}
    told = list(dict.fromkeys(known.get(one.action, excerpt(one.action, 40)) for one in check.advice))
    return ", then ".join(told) or TO_DO["nothing"]


def reason_words(check: WatchCheck) -> str:
    """Why a check says what it says: what hurts, then what moved."""
    hurts = _hurts(check)
    said = [*hurts, *_moves(check)]
    # Where nothing of this batch is enough to act on, it is an alarm that stands.
    stands = check.alarm and not hurts and not any(one.large for one in check.significant)
    if not check.usable:
        said.append("no row of it could be compared")
    elif stands or (not said and any(one.action == "look" for one in check.advice)):
        said.append("all checks together say that something has changed")
    hurt = [one for one in check.quality if one.unusual or not one.trusted or one.doubtful]
    fine = [one for one in check.quality if one.estimated is not None or one.measured is not None]
    if not said:
        said.append("nothing moved beyond chance")
    told = said[0] if len(said) == 1 else f"{', '.join(said[:-1])}, and {said[-1]}"
    if fine and not hurt and check.outcome != "quiet":
        # What labels show beside what was usual is judged by the check; this only says that it found nothing.
        return f"{told}, while quality is as usual"
    return f"{told}, and quality is as usual" if fine and not hurt else told


def _hurts(check: WatchCheck) -> list[str]:
    bad = [one for one in check.quality if one.unusual]
    said = []
    if bad:
        one = next((some for some in bad if some.measured is not None), bad[0])
        value = one.measured if one.measured is not None else one.estimated
        how = "measured" if one.measured is not None else "estimated"
        if value is not None:
            told = f"{quality_name(one)} is {how} at {score(value)} where {score(one.usual)} is usual"
            said.append(told)
    if any(not one.trusted for one in check.quality):
        said.append("labels contradict what was estimated without them")
    lost = sum(check.problems.values())
    if check.rows and lost / check.rows > _UNUSABLE_MUCH:
        said.append(f"{percent(lost / check.rows)} of the rows could not be used")
    return said


def _moves(check: WatchCheck) -> list[str]:
    moved = check.significant
    for far in ("by enough to matter", "perhaps by enough to matter", "by little"):
        if told := {one.of for one in moved if one.far == far}:
            return [f"{_looked_at(told)} moved {far}"]
    return []


def _looked_at(of: set[str]) -> str:
    names = [words for key, words in LOOKED_AT.items() if key in of] or ["something"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def quality_name(one: QualityFact) -> str:
    """A quality as a person calls it."""
    return excerpt(one.quality, 60).replace("_", " ")


def score(span: Interval | None) -> str:
    """A quality in three decimals, so that a column can be read downwards."""
    return number(None if span is None else span.mean, _places(span))


def score_range(span: Interval | None) -> str:
    """Its interval alone, or that there is none."""
    if span is None or not known(span.low) or not known(span.high):
        return "no interval"
    return f"{number(span.low, _places(span))} to {number(span.high, _places(span))}"


def _places(span: Interval | None) -> int:
    """Three decimals, and fewer for values of a hundred or more."""
    return 3 if span is None or not known(span.mean) else min(3, max(1, decimals(span.mean)))


def effect_words(one: ShiftFact) -> str:
    """How far, with its unit."""
    return f"{number(one.effect.mean)}{between(one.effect)}"


def segment_words(segment: str) -> str:
    """Of which rows a comparison is."""
    return {"": "This batch", EVERYTHING: "Everything since the baseline"}.get(segment, excerpt(segment, 80))


def evidence_words(value: float) -> str:
    """What the bets won, in short."""
    if not known(value) or value >= 1e12:
        return "over 10¹²"
    return large(value) if value >= 1000 else number(value)


def p_words(value: float) -> str:
    """A p-value in two telling digits.

    >>> p_words(0.0021), p_words(0.4), p_words(1.0)
    ('0.0021', '0.40', '1.0')
    """
    return number(value, 1 if value >= 0.995 else 2 if value >= 0.095 else 3 if value >= 0.0095 else None)


def state_words(one: QualityFact) -> Badge:
    """Whether a quality is as usual, and how that is known."""
    if one.unusual:
        return Badge("worse than usual", "warn", "▼")
    if one.doubtful:
        return Badge("measured worse than usual, which chance may do", "warn", "▽")
    if one.measured is None and one.estimated is None:
        return Badge("not known without labels", "", "?")
    if one.measured is None and not one.trusted:
        return Badge("not known: the estimate is not trusted", "warn", "?")
    return Badge("as usual" if one.measured is not None else "as usual, by estimate", "good", "●")


def moved_names(check: WatchCheck) -> str:
    """Detectors that moved in a batch, those by enough to matter first."""
    found = [one for one in check.significant if one.segment != EVERYTHING]
    big = dict.fromkeys(one.detector for one in found if one.large)
    names = list(big | dict.fromkeys(one.detector for one in found))
    more = len(names) - _NAMED
    told = ", ".join(names[:_NAMED]) + (f" and {count(more)} more" if more > 0 else "")
    if any(one.segment == EVERYTHING and one.significant for one in check.shifts):
        told += ("; " if told else "") + "everything since the baseline"
    return told or "nothing"


def certainty_words(one: MovedRows) -> str:
    """How sure the model is of these rows beside the others."""
    if one.certainty is None:
        return NOTHING
    return f"{number(one.certainty[0], 2)} (others {number(one.certainty[1], 2)})"


def least_words(story: WatchStory) -> tuple[str, str]:
    """The smallest drift that anything sees, and which detector does."""
    # Of one change only: a fifth of other alphabets is not less than a tenth of rows that crowd together.
    seen = [one for one in story.baseline.detectors if one.least is not None and not one.refused and not one.planted]
    if not seen:
        return "none tried", "no share of rows that was tried is seen in eight of ten checks"
    best = min(seen, key=lambda one: (one.least or 1.0, one.name))
    return (
        percent(best.least),
        f"of rows that crowd together are seen in eight of ten checks (by “{best.name}”) of "
        f"{plural(story.baseline.batch, 'row')}",
    )


def found_at(one: DetectorFact, share: float) -> float | None:
    """How often a detector saw a planted share; None where that was not tried."""
    return next((some.found.mean for some in one.power if some.share == share), None)


def detector_state(one: DetectorFact) -> str:
    """Whether a detector takes part, and with which reservation."""
    if one.refused:
        return f"refused: {excerpt(one.refused, 120)}"
    return "takes part; alarms less often than it may" if one.conservative else "takes part"


def share_range(span: Interval) -> str:
    """The interval of a share, in per cent."""
    if not known(span.low) or not known(span.high):
        return "no interval"
    return f"{percent(span.low)} to {percent(span.high)}"


def points(span: Interval) -> str:
    """A difference of shares in percentage points, with its sign.

    >>> points(Interval(0.123)), points(Interval(-0.004))
    ('+12.3 points', '-0.4 points')
    """
    return f"{100 * span.mean:+.1f} points" if known(span.mean) else NOTHING


def points_range(span: Interval) -> str:
    """Its interval alone, or that there is none."""
    if span.low is None or span.high is None:
        return "no interval"
    return f"{100 * span.low:+.1f} to {100 * span.high:+.1f}"


def slope_words(span: Interval | None) -> str:
    """A slope with its sign, in two telling digits.

    >>> slope_words(Interval(-0.0213, -0.03, -0.012))
    '-0.021'
    """
    return NOTHING if span is None else f"{span.mean:+.2g}"


def slope_range(span: Interval | None) -> str:
    """Its interval alone, or that there is none."""
    if span is None or span.low is None or span.high is None:
        return "no interval"
    return f"{span.low:+.2g} to {span.high:+.2g}"


def few_words(rows: int) -> str:
    """Rows that have a word, which are not told where fewer than five have it."""
    return count(rows) if rows else "under 5"


def place_words(story: WatchStory) -> str:
    """The bundle as a shell takes it."""
    return shlex.quote(excerpt(story.name, 200))


def _given(story: WatchStory, file: str) -> str:
    """What a command takes: events of a shop, rows of everything else."""
    if story.baseline.task == "recommendation":
        return f"--events {file}.parquet"
    return f"--rows {file}.csv"


def check_words(story: WatchStory, file: str = "today") -> str:
    """The command of a check."""
    return f"graft watch check {place_words(story)} {_given(story, file)}"


def baseline_words(story: WatchStory) -> str:
    """The command that makes such a baseline."""
    facts = story.baseline
    named = [
        ("--group", (facts.group,) if facts.group else ()),
        ("--segment", facts.segments),
        ("--allow", facts.allowed),
    ]
    columns = "".join(f" {option} {shlex.quote(excerpt(one, 60))}" for option, names in named for one in names[:12])
    return (
        f"graft watch baseline {place_words(story)} {_given(story, 'reference')}{columns} --batch {facts.batch}"
        f" --level {facts.level:g} --runs {facts.runs} --seed {facts.seed}"
    )


def how_words(action: str, story: WatchStory) -> str:
    """A command for a piece of advice; empty where there is none."""
    if story.baseline.task == "recommendation":
        return ""
    return HOW.get(action, "").format(place_words(story))


def listed(names: Sequence[str]) -> str:
    """Names of columns, or that there are none."""
    return ", ".join(excerpt(one, 40) for one in names[:12]) or "none"
