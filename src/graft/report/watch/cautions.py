"""What a reader of the page could get wrong."""

from dataclasses import dataclass

from graft.facts.watch import WatchStory
from graft.report.shared.formats import count, excerpt, percent, plural, sentence
from graft.report.watch.standing import watch_standing
from graft.report.watch.words import quality_name, score

_BATCHES = 20  # in a baseline, from which on bets on all checks keep their promise (see ``evidence/wealth.py``)


@dataclass(frozen=True)
class Reservation:
    """Something to keep in mind, and the section that tells more."""

    text: str
    section: str


def reservations(story: WatchStory) -> tuple[Reservation, ...]:
    """The heaviest first."""
    return (*_stale(story), *_worth(story), *_last(story), *_evidence(story), *_labels(story))


def _stale(story: WatchStory) -> list[Reservation]:
    # A baseline of a shop belongs to its space, not to its seal: a shop takes events and stays what it is.
    if story.baseline.task != "recommendation" and story.bundle and story.bundle != story.baseline.bundle:
        return [
            Reservation("The bundle has changed since this baseline was made: checks ask for a new one.", "baseline")
        ]
    return []


def _worth(story: WatchStory) -> list[Reservation]:
    facts, told = story.baseline, []
    if facts.check_alarms.low is not None and facts.check_alarms.low > facts.level:
        told.append(
            Reservation(
                f"Where nothing had changed, {percent(facts.check_alarms.mean)} of the checks alarmed; "
                f"{percent(facts.level)} is meant.",
                "baseline",
            )
        )
    refused = [one.name for one in facts.detectors if one.refused]
    if refused:
        told.append(
            Reservation(f"Not taking part, because it alarms too often here: {', '.join(refused)}.", "baseline")
        )
    return told


def _last(story: WatchStory) -> list[Reservation]:
    standing = watch_standing(story)
    if standing is None:
        return []
    last, usual = standing.last, story.baseline.batch
    told = [Reservation(sentence(excerpt(one, 240)), "moved") for one in last.notes]
    if last.usable and last.usable < usual / 2:
        told.append(
            Reservation(
                f"The last check compared {plural(last.usable, 'row')}, and what the detectors see was measured with "
                f"{count(usual)}: it sees less than the baseline promises.",
                "baseline",
            )
        )
    told += [
        Reservation(
            f"Labels show {quality_name(one)} {score(one.measured)}, worse than usual ({score(one.usual)}) by "
            "more than matters and no more than chance may do.",
            "quality",
        )
        for one in last.quality
        if one.doubtful
    ]
    return told


def _evidence(story: WatchStory) -> list[Reservation]:
    facts, told = story.baseline, []
    batches = facts.rows // max(facts.batch, 1)
    if story.current and batches < _BATCHES:
        told.append(
            Reservation(
                f"The baseline has rows for {plural(batches, 'batch', 'batches')}: with fewer than {_BATCHES}, the "
                "evidence of all checks together can grow although nothing changed. A larger baseline mends that.",
                "timeline",
            )
        )
    if len(story.current) > facts.horizon:
        told.append(
            Reservation(
                f"There are more than {count(facts.horizon)} checks, for which comparisons of everything since the "
                "baseline were planned: make a new baseline.",
                "baseline",
            )
        )
    return told


def _labels(story: WatchStory) -> list[Reservation]:
    standing = watch_standing(story)
    if standing is None or not standing.last.quality or standing.last.quality[0].measured is not None:
        return []
    late = [one for one in story.current if any(some.measured is not None for some in one.quality)]
    if not late:
        text = "No check has had labels yet"
    else:
        text = f"The last labels came with check {count(late[-1].number)} ({late[-1].when})"
    return [Reservation(f"{text}: an estimate holds only while labels still mean the same.", "quality")]
