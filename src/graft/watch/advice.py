"""What follows from a check: each piece of advice with its evidence and what it is expected to gain.

Decisions: drift alone is no reason to retrain, and a model that is measured to be as good as ever is left alone. The
order is that of what is cheapest to be wrong about: inputs that cannot be read are repaired before anything is learnt
from them; where quality cannot be trusted without labels, labels come first; vectors that are stale are embedded anew
before a head is learnt, and where that would bring back half of what was lost or more, the head waits; the head is
learnt anew before a network is tuned deeper. Stale vectors alone are no alarm: what they cost is for their owner to
weigh.
"""

from typing import Literal

from graft.facts.watch import AgeFact, QualityFact, WatchAdvice, WatchCheck

UNUSABLE_MUCH, LEAST_LABELLED = 0.1, 20
_NAMED = 6
NOTHING_CAME = WatchAdvice(action="repair inputs", why="no rows came: see whether they should have")


def advised(
    found: WatchCheck, *, alarm: bool, unusable: float, network: bool = True
) -> tuple[Literal["quiet", "look", "act"], tuple[WatchAdvice, ...]]:
    """The outcome, and advice. alarm: of all checks together. unusable: share of the rows that could not be used.
    network: whether there is one that could be tuned."""
    moved = found.significant
    large = [one for one in moved if one.large]
    inputs = [one for one in moved if one.of == "inputs"]
    seen = [one for one in moved if one.of == "embeddings"]
    worse = [one for one in found.quality if one.unusual]
    sure = [one for one in worse if _labelled(one)]
    broken = [one for one in found.quality if not one.trusted]
    advice = []
    if not found.rows:
        advice.append(NOTHING_CAME)
    elif not found.usable and found.learnt:
        advice.append(nothing_new(found, "rows"))
    if unusable > UNUSABLE_MUCH:
        codes = ", ".join(found.problems)
        advice.append(WatchAdvice(action="repair inputs", why=f"{unusable:.0%} of the rows could not be used: {codes}"))
    if inputs:
        names = ", ".join(sorted({one.detector for one in inputs}))
        if named := list(dict.fromkeys(one.column for one in found.columns)):
            those = ", ".join(named[:_NAMED]) + (f" and {len(named) - _NAMED} more" if len(named) > _NAMED else "")
            names = ", ".join([*sorted({one.detector for one in inputs} - {"columns"}), f"columns {those}"])
        advice.append(
            WatchAdvice(action="repair inputs", why=f"what is read moved ({names}): see whether it arrives as it did")
        )
    if found.contexts:
        # A word in another sense arrives as it should; what it means now is what somebody has to look at.
        names = ", ".join(repr(one.term) for one in found.contexts[:3])
        advice.append(
            WatchAdvice(
                action="look",
                why=f"the company of words changed ({names}): read some of these rows, and label some if a word means"
                " something else now",
            )
        )
    stale = next((one for one in found.ages if one.stale), None)
    if stale is not None:
        advice.append(_refreshed(stale))
    if broken and not sure:
        # Of this batch there may be labels enough; of the next one nothing can be told without.
        now = "of this batch they do not show it to be worse than usual, and " if _labelled(broken[0]) else ""
        advice.append(WatchAdvice(action="label", why=f"{broken[0].why}: {now}only labels tell how good it is"))
    if sure and stale is not None and _brings_back(stale, sure):
        pass  # a new head on stale vectors would be learnt for nothing
    elif sure or (broken and worse):
        one = (sure or worse)[0]
        gain = _gain(one)
        deeper = network and any(shift.large for shift in seen)
        advice.append(
            WatchAdvice(
                action="retrain the head",
                why=f"{one.quality} is {_value(one):.3f}, and {one.usual.mean:.3f} was usual",
                gain=gain,
            )
        )
        if deeper:
            advice.append(
                WatchAdvice(
                    action="tune deeper",
                    why="rows lie elsewhere than the reference to the network too: if a new head does not help, tune",
                )
            )
    elif worse:
        one = worse[0]
        advice.append(
            WatchAdvice(
                action="label",
                why=f"{one.quality} is estimated at {_value(one):.3f} without labels, and {one.usual.mean:.3f} was"
                " usual: a few labels tell whether it is so",
                gain=_gain(one),
            )
        )
    elif others := sorted({one.detector for one in moved if one.of != "inputs" and one.detector != "contexts"}):
        what = ", ".join(others)
        trusted = any(one.trusted and one.estimated is not None for one in found.quality)
        known = any(_labelled(one) for one in found.quality)
        why = f"it moved ({what})"
        if known:
            why += ", and labels do not show it to be worse than usual"
        elif trusted:
            why += ", and quality is as usual by estimate, which a change of what labels mean would not show"
        if known or trusted:
            why += "; where that is meant, say so with --dealt-with, or take a new baseline"
        advice.append(WatchAdvice(action="look", why=why))
    if wider := [one for one in found.gaps if one.wider]:
        more = f", and {len(wider) - 1} more" if len(wider) > 1 else ""
        why = f"{wider[0].words}{more}: see whether that is wanted, and who bears it (graft audit)"
        advice.append(WatchAdvice(action="look", why=why))
    if alarm:
        advice.append(together(found))
    if not advice:
        told = "quality is as usual" if found.quality else "of quality nothing is known"
        if any(one.doubtful for one in found.quality):
            told = "labels show quality to be worse than usual by no more than chance may do"
        why = f"nothing moved beyond chance, and {told}"
        return "quiet", (WatchAdvice(action="nothing", why=why),)
    act = bool(large or sure or broken or alarm or unusable > UNUSABLE_MUCH)
    return ("act" if act else "look"), tuple(advice)


def nothing_new(found: WatchCheck, what: str) -> WatchAdvice:
    """Of a batch of which the model learnt all that could be compared. what: its rows are called."""
    return WatchAdvice(
        action="look",
        why=f"nothing was compared: {found.learnt:,} {what} are what the model learnt from; see whether it is the batch"
        " that was meant",
    )


def together(found: WatchCheck) -> WatchAdvice:
    """What an alarm of all checks together asks for, which stands however quiet the batches are that follow it."""
    alone = "" if found.significant else ", this one alone does not"
    reached = "" if found.highest is None else f"; their evidence reached {found.highest:.3g}"
    return WatchAdvice(
        action="look",
        why=f"all checks together say that something has changed{alone}{reached}, and this stands until it is dealt"
        " with (--dealt-with) or a new baseline is taken",
    )


def _refreshed(one: AgeFact) -> WatchAdvice:
    cost = (
        ""
        if one.cost is None
        else f"about {one.cost.mean:.3f} of {one.quality}, by what the age of vectors costs on average"
    )
    return WatchAdvice(
        action="refresh the table",
        why=f"{one.words} ({one.rows:,} rows; half of the vectors are older than {one.ages[0]:.0f} days)",
        gain=cost,
    )


def _brings_back(stale: AgeFact, sure: list[QualityFact]) -> bool:
    """Whether new vectors would bring back half or more of what was lost."""
    same = next((one for one in sure if one.quality == stale.quality), None)
    if same is None or stale.cost is None or not stale.measured:
        return False
    return stale.cost.mean >= abs(same.usual.mean - _value(same)) / 2


def _labelled(one: QualityFact) -> bool:
    """Whether labels enough say how good it is."""
    return one.measured is not None and (one.labelled >= LEAST_LABELLED or one.estimated is None)


def _value(one: QualityFact) -> float:
    told = one.measured if _labelled(one) or one.estimated is None else one.estimated
    assert told is not None
    return told.mean


def _gain(one: QualityFact) -> str:
    back = abs(one.usual.mean - _value(one))
    return f"about {back:.3f} of {one.quality}, if it can be brought back to what it was"
