"""Watch a recommender's shop: its catalogue, what people want, how they behave, and whether it still foretells that.

Decisions: what belongs together is the user, so whole users are exchanged in every comparison and a person who takes a
hundred items is one piece of evidence. What one unit alone does (a visit with a thousand events, an item that nobody
takes any more) is asked beside that, with a half of the level: exchanging users cannot see it. The baseline belongs to
a fit and not to a state of the shop, so events may be added every day without a new one; where items lie among what
people take to is kept with it. How well the shop foretells events can only be seen in events that it has not learnt: a
reference that it has learnt (its own newest events) is compared by all that does not need that, and says so. A user's
visit, a day of theirs, is compared with as many visits and not with a month of them. Days
differ as wholes (weekends, sales), which exchanging users does not know: take a reference of several weeks.

Detectors, their measured false alarms, the bets over all checks and the looks at everything since the baseline are
those of ``watch`` for bundles.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save_file
from scipy import stats

from graft.bundle.shop import load_shop
from graft.bundle.shop_vectors import shop_space
from graft.bundle.watch_erasure import SHOP_SETTINGS as SETTINGS
from graft.bundle.watch_erasure import user_number
from graft.core import foreign
from graft.core.errors import BundleError, InputError
from graft.core.files import write_json
from graft.core.intervals import Interval
from graft.core.means import mean_interval
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.core.several import Names, several
from graft.core.version import __version__
from graft.evidence.crowding import HeavyUnits, fallen_quiet, gini, heavy_units, risen_value
from graft.evidence.looks import Looks
from graft.evidence.score_shift import label_shift, number_shift
from graft.evidence.shuffles import Shuffles
from graft.evidence.two_samples import Shift, TwoSamples, mean_shift
from graft.facts.watch import (
    EVERYTHING,
    DetectorFact,
    MovedRows,
    PlantedShift,
    QualityFact,
    ShiftFact,
    WatchAdvice,
    WatchBaseline,
    WatchCheck,
)
from graft.representations.weights.safetensors_file import check_safetensors
from graft.watch.advice import NOTHING_CAME, nothing_new, together
from graft.watch.baseline import (
    LEAST_ROWS,
    LEVEL,
    POWER_RUNS,
    RUNS,
    SHARES,
    USUAL_BATCH,
    Baseline,
    detector_fact,
    planted_power,
    read_baseline,
    share_of,
    splits,
    watch_folder,
    write_baseline,
)
from graft.watch.batch import Batch
from graft.watch.budget import alarm_budget
from graft.watch.comparison import bounded, compare, compare_all, shift_fact
from graft.watch.detectors import EMBEDDINGS, INPUTS, SCORES, Detector
from graft.watch.history import History, WatchState
from graft.watch.shop_batch import (
    COLD_ITEM,
    NEW_ITEM,
    FeedbackReading,
    ItemPlaces,
    ShopActs,
    ShopBatch,
    events_segments,
    in_the_mix,
    own_events,
    read_shop_batch,
)

LEAST_USERS = 20
COMPARED = 10_000  # events of the reference: many, because of who is in both samples only the pair of days counts
FORETOLD = "share of the catalogue below what is taken"
PLACES, PLACE_NAMES = "places.safetensors", "places.parquet"
_TRIED_DRAWS, _APART, _SHOWN = 999, 0.5, 5
# So many that a dozen detectors, segments and a half of the level still leave p-values far below the level.
DRAWS = 2_999
_OF_SEGMENTS = ("preferences", "categories", "foretold")
# What needs events that the shop has not learnt; what needs every single event; what needs more than is remembered of
# the rows since the baseline.
_NEW_ALONE = ("foretold", "feedback", "newcomers", "popularity")
_EVERY_EVENT = ("repeats", "activity")
_NAMED = ("one item", "hours", "popularity", "activity")


def _preferences(reference: Batch, current: Batch, draws: Shuffles, rng: np.random.Generator) -> Shift:
    return mean_shift(TwoSamples(reference.vectors, current.vectors, draws), rng=rng)


def _agreed(batch: Batch) -> np.ndarray:
    """How far what was said agrees with what the shop expected: 0.5 for a like of its first item, -0.5 for a dislike of
    it; (n,)."""
    return np.asarray((batch.certainty - 0.5) * np.where(batch.far, -1.0, 1.0))


def _hours(batch: Batch) -> np.ndarray:
    assert batch.times is not None
    return np.asarray((batch.times - batch.times.astype("M8[D]")).astype(np.int64) / 3.6e9, np.float64)


def _varied(values: np.ndarray) -> bool:
    return bool(len(np.unique(values)) > 1)


SHOP_DETECTORS = (
    Detector(
        "preferences", EMBEDDINGS, "where what people take lies among what people take to", 0.1,
        lambda batch: bool(np.ptp(batch.vectors, axis=0).any()), _preferences,
    ),
    Detector(
        "categories", EMBEDDINGS, "the categories of what is taken", 0.1, lambda batch: _varied(batch.alphabet),
        lambda before, now, draws, rng: label_shift(before.alphabet, now.alphabet, draws),
    ),
    Detector(
        "popularity", EMBEDDINGS, "how popular what is taken was: whether it concentrates or spreads", 0.1,
        lambda batch: _varied(batch.scores),
        lambda before, now, draws, rng: number_shift(before.scores[:, 0], now.scores[:, 0], draws),
    ),
    Detector(
        "foretold", SCORES, "how high the shop puts what people then take", 0.1,
        lambda batch: _varied(batch.certainty),
        lambda before, now, draws, rng: number_shift(before.certainty, now.certainty, draws),
    ),
    Detector(
        "feedback", SCORES, "whether likes and dislikes agree with what the shop expects", 0.1,
        lambda batch: _varied(batch.far) and _varied(batch.certainty),
        lambda before, now, draws, rng: number_shift(_agreed(before), _agreed(now), draws),
    ),
    Detector(
        "dislikes", SCORES, "the share of dislikes", 0.1, lambda batch: _varied(batch.far),
        lambda before, now, draws, rng: label_shift(before.far, now.far, draws),
    ),
    Detector(
        "newcomers", INPUTS, "events of new users, and of items that are unknown, without place or known by content",
        0.1, lambda batch: True,
        lambda before, now, draws, rng: label_shift(before.decided, now.decided, draws),
    ),
    Detector(
        "repeats", INPUTS, "events of what a user had taken on the same day", 0.1, lambda batch: _varied(batch.cut),
        lambda before, now, draws, rng: label_shift(before.cut, now.cut, draws),
    ),
    Detector(
        "activity", INPUTS, "events of a user on a day", 0.1, lambda batch: _varied(batch.length),
        lambda before, now, draws, rng: number_shift(before.length, now.length, draws),
    ),
    Detector(
        "hours", INPUTS, "times of day", 0.1, lambda batch: batch.times is not None and _varied(_hours(batch)),
        lambda before, now, draws, rng: number_shift(_hours(before), _hours(now), draws),
    ),
    Detector(
        "one item", INPUTS, "one item that many users take at once", 0.05, lambda batch: _varied(batch.names),
        lambda before, now, draws, rng: risen_value(before.names, now.names, draws),
    ),
)  # fmt: skip

# Told beside the draws: name, what it sees, unit and the effect from which it is large.
_BESIDE = (
    ("heavy visits", "a user with more events on a day than is likely", "share of all events", 0.05),
    ("gone quiet", "items that are taken in fewer visits than is likely", "share of what was taken before", 0.05),
)
_PLANTED = ("one user brings them", "the most taken items of that share are taken no more")


def _mix(name: str) -> Detector:
    return Detector(
        f"mix of {name}", INPUTS, f"the share of each {name} among the events", 0.1,
        lambda batch: _varied(batch.segments[name]),
        lambda before, now, draws, rng: label_shift(before.segments[name], now.segments[name], draws),
    )  # fmt: skip


def _mixes(segments: Sequence[str], allowed: Sequence[str]) -> tuple[Detector, ...]:
    """Of each segment whose mix may not change."""
    return tuple(_mix(name) for name in segments if name not in allowed)


@dataclass(frozen=True, eq=False)
class ShopBaseline:
    """A reference of events. baseline: its rows and record. salt: of numbers that stand for users. places: of items.
    reading: how events are read. own: whether these are events that the shop learnt."""

    baseline: Baseline
    salt: bytes
    places: ItemPlaces
    reading: FeedbackReading
    own: bool

    @property
    def facts(self) -> WatchBaseline:
        """Its record."""
        return self.baseline.facts

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """Those of the draws that take part."""
        taken = {one.name for one in self.facts.detectors if not one.refused}
        every = (*SHOP_DETECTORS, *_mixes(self.facts.segments, self.facts.allowed))
        return tuple(one for one in every if one.name in taken)


def make_shop_baseline(
    folder: Path | str,
    events: Any = None,
    *,
    reading: FeedbackReading | None = None,
    segments: Names = (),
    allowed: Names = (),
    batch: int | None = None,
    level: float = LEVEL,
    runs: int = RUNS,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress = SILENT,
) -> ShopBaseline:
    """Take events as the reference of a shop, and measure what every detector is worth on them.

    folder: of the shop. events: like those that will be checked, newer than what the shop learnt; its own newest
    quarter when None. reading: of the events. segments: columns of the events, or categories of users that the shop was
    fitted with. allowed: such columns whose mix may change, or ``weekday``, which is read from the times: whole visits
    of the reference are taken in the mix of each batch. batch: events of a usual batch; those of a usual day when None.
    The others as for ``make_baseline``.
    Raises InputError for fewer than 40 events or 20 users.
    """
    if not 0 < level <= 0.5 or runs < 1 or draws < 19:
        raise InputError(
            f"a level of {level}, {runs} runs and {draws} draws", needed="a level up to .5, a run and 19 draws or more"
        )
    shop, named, reading = load_shop(folder), several(segments), reading or FeedbackReading()
    may_change = several(allowed)
    columns = tuple(dict.fromkeys((*named, *may_change)))
    rng = generator(seed, "watch", "shop baseline")
    further = events_segments(shop, columns)
    if events is None and further:
        raise InputError(
            f"the shop's own events have no column {further[0]!r}",
            needed="a category of users that the shop was fitted with",
            fix="give events with that column: --events reference.parquet",
        )
    given = own_events(shop) if events is None else reading.read(events, further)
    salt, places = secrets.token_bytes(16), ItemPlaces.of(shop)
    whole = read_shop_batch(
        shop, given, salt=salt, places=places, segments=columns, keep_learnt=True, rng=rng
    )  # fmt: skip
    rows, notes = whole.rows, []
    own = events is None or whole.learnt > len(given) / 2
    if not own and whole.learnt:
        rows = rows.take(~rows.learnt)
    if own:
        notes.append(
            "most of the reference is what the shop learnt from, so how well it foretells and who is new are not"
            " compared: give newer events with --events"
        )
    rows = replace(rows, learnt=np.zeros(len(rows), bool)) if own else rows
    users = len(np.unique(rows.groups)) if rows.groups is not None else 0
    if len(rows) < LEAST_ROWS or users < LEAST_USERS:
        raise InputError(
            f"{len(rows)} usable events of {users} users in the reference",
            needed=f"{LEAST_ROWS} events and {LEAST_USERS} users or more, better thousands",
            fix="give events of more days",
        )
    size = min(batch or _usual(rows), len(rows) // 2)
    if size < 2:
        raise InputError(f"batches of {batch} events", needed="2 or more", fix="give the events of a usual batch")
    left_out = {*(_NEW_ALONE if own else ()), *(_EVERY_EVENT if events is None else ())}
    fitting = tuple(
        one for one in (*SHOP_DETECTORS, *_mixes(named, may_change)) if one.name not in left_out and one.there(rows)
    )  # fmt: skip
    alone, beside, checks = _false_alarms(rows, fitting, may_change, size, level, runs, rng, progress)
    power = planted_power(
        rows, fitting, size, level, True, rng, progress, _compared_apart, COMPARED, min(runs, POWER_RUNS)
    )
    told = [detector_fact(one, int(alone[at]), power[at], level, runs) for at, one in enumerate(fitting)]
    told += _beside_facts(rows, size, beside, level, runs, rng)
    if draws < 2 / level:
        raise InputError(f"{draws} draws at a level of {level}", needed=f"{round(2 / level)} or more")
    facts = WatchBaseline(
        bundle=shop_space(shop).fingerprint, made=datetime.now(UTC).isoformat(timespec="seconds"), graft=__version__,
        task="recommendation", quality=FORETOLD, rows=len(rows),
        learnt=whole.learnt if events is not None else len(rows), labelled=int(rows.far.sum()),
        unusable=sum(whole.aside.values()), dimension=rows.vectors.shape[1], group="user", groups=users,
        segments=named, allowed=may_change, batch=size, level=level, runs=runs, draws=draws, seed=seed,
        check_alarms=share_of(checks, runs), detectors=tuple(told), notes=tuple(notes),
    )  # fmt: skip
    return ShopBaseline(Baseline(facts, rows), salt, places, reading, own)


def write_shop_baseline(folder: Path | str, made: ShopBaseline) -> Path:
    """Write the baseline of a shop beside it; an earlier one is replaced at the very end."""

    def papers(place: Path) -> None:
        reading = made.reading
        told = {"salt": made.salt.hex(), "own": made.own, "columns": reading.columns, "at_least": reading.at_least,
                "dislike_below": reading.dislike_below}  # fmt: skip
        write_json(place / SETTINGS, told)
        save_file({"vectors": made.places.vectors, "popular": made.places.popular}, place / PLACES)
        pl.DataFrame({"item": pl.Series(made.places.names, dtype=pl.String)}).write_parquet(place / PLACE_NAMES)

    return write_baseline(watch_folder(folder) / "baseline", made.baseline, papers=papers)


def read_shop_baseline(folder: Path | str) -> ShopBaseline:
    """The baseline of a shop. Raises InputError without one, BundleError where it is not as it was written."""
    place = watch_folder(folder) / "baseline"
    if not (place / "baseline.json").is_file():
        raise InputError(
            f"{place} has no baseline",
            needed="the reference that batches of events are compared with",
            fix=f"graft watch baseline {folder} --events reference.parquet",
        )
    baseline = read_baseline(place)
    try:
        told = foreign.read_json(place / SETTINGS)
        check_safetensors(place / PLACES)
        names = tuple(pl.read_parquet(place / PLACE_NAMES)["item"].to_list())
        arrays = load_file(place / PLACES)
        places = ItemPlaces(names, arrays["vectors"], arrays["popular"])
        reading = FeedbackReading(told["columns"], told["at_least"], told["dislike_below"])
        return ShopBaseline(baseline, bytes.fromhex(told["salt"]), places, reading, bool(told["own"]))
    except (ValueError, KeyError, TypeError, pl.exceptions.PolarsError, OSError) as error:
        raise BundleError(
            f"{place} does not hold what its manifest promises ({error})",
            needed="the baseline of a shop as Graft wrote it",
            fix=f"make it again: graft watch baseline {folder} --events reference.parquet",
        ) from error


def check_shop(
    folder: Path | str,
    events: Any,
    *,
    reading: FeedbackReading | None = None,
    dealt_with: str = "",
    by: str = "",
    progress: Progress = SILENT,
) -> WatchCheck:
    """Check events of a shop against its baseline and remember what was found; the same events again are one check.

    folder: of the shop. events: read as those of the baseline unless ``reading`` says otherwise; what the shop has
    learnt already is left out. dealt_with: what was done about what was found before, and by: who says so; then bets
    and looks begin anew, before these events, or after them where they were checked already. Raises InputError without
    a baseline, or where it is of another fit.
    """
    history = History.of(watch_folder(folder))
    made = read_shop_baseline(folder)
    shop, facts = load_shop(folder), made.facts
    if (now := shop_space(shop).fingerprint) != facts.bundle:
        raise InputError(
            f"the baseline of {folder} is of another fit ({facts.bundle[:12]}, made {facts.made})",
            needed=f"a baseline of the shop as it was fitted last ({now[:12]})",
            fix=f"graft watch baseline {folder} --events reference.parquet",
        )
    columns = tuple(dict.fromkeys((*facts.segments, *facts.allowed)))
    given = (reading or made.reading).read(events, events_segments(shop, columns))
    if len(given) and given.timed != (made.baseline.rows.times is not None):
        raise InputError(
            f"these events have {'times' if given.timed else 'no times'}, unlike those of the baseline",
            needed="times in both or in neither",
            fix="make a baseline from events like these",
        )
    with progress.stage("events", 1, "batch") as stage:
        batch = read_shop_batch(
            shop, given, salt=made.salt, places=made.places.with_new(shop), segments=columns,
            rng=generator(facts.seed, "watch", "shop batch"),
        )  # fmt: skip
        stage.advance()
    with history.locked():
        state, again = history.state(), history.found(batch.key)
        if again is not None and (not dealt_with or again.dealt_with is not None):
            return again
        noted = state.dealt_with(dealt_with, by) if dealt_with else None
        state = state.again() if noted is not None else state
        if again is not None:
            found = again.model_copy(update={"dealt_with": noted})
            history.add(found, state, None)
            return found
        found, state = _checked(made, batch, state, given.users)
        found = found.model_copy(update={"dealt_with": noted})
        history.add(found, state, batch.rows)
    return found


# The baseline


def _usual(rows: Batch) -> int:
    """Events of a usual day."""
    if rows.times is None:
        return USUAL_BATCH
    counts = np.unique(rows.times.astype("M8[D]"), return_counts=True)[1]
    return max(LEAST_ROWS, int(np.median(counts))) if len(counts) > 1 else USUAL_BATCH


def _visits_apart(rows: Batch, size: int, grouped: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Visits taken out at random, like those of one more day: users are in both, as they are of two days. Without
    times, whole users."""
    if rows.times is None:
        return splits(rows, size, grouped, rng)
    return splits(replace(rows, groups=ShopActs.of(rows).visit.astype(str)), size, grouped, rng)


def _compared_apart(rows: Batch, size: int, grouped: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The same with what of the rest is compared."""
    rest, part = _visits_apart(rows, size, grouped, rng)
    return rest[as_often(ShopActs.of(rows.take(rest)), ShopActs.of(rows.take(part)), rng)], part


def as_often(before: ShopActs, now: ShopActs, rng: np.random.Generator) -> np.ndarray:
    """Places of as many visits of each user as the batch has of them, whole and at random; of users whom the batch
    lacks as many as it has of one of its users.

    What a user takes on one day belongs together more than what they take on several, so days are compared with days:
    five events of one visit are not exchangeable with five of a month.
    """
    users, came, sizes = np.unique(now.visits[0], return_index=True, return_counts=True)
    if not len(users) or not len(before.user):
        return np.arange(len(before.user))
    owners = before.visits[0]
    names, first, owner = np.unique(owners, return_index=True, return_inverse=True)
    at = np.minimum(np.searchsorted(users, names), len(users) - 1)
    # Drawn in the order in which users came: the numbers that stand for them are another baseline's others.
    drawn = rng.choice(sizes[np.argsort(came)], size=len(names))[np.argsort(np.argsort(first))]
    wanted = np.where(users[at] == names, sizes[at], drawn)
    order = np.lexsort((rng.random(len(owners)), owner))
    counts = np.bincount(owner, minlength=len(names))
    place = np.arange(len(owners)) - (np.cumsum(counts) - counts)[owner[order]]
    kept = np.zeros(len(owners), bool)
    kept[order[place < wanted[owner[order]]]] = True
    return np.flatnonzero(kept[before.visit])


def _beside(before: ShopActs, now: ShopActs, level: float) -> tuple[tuple[HeavyUnits, np.ndarray], "_Quiet"]:
    """Visits that are heavy, with their users, and items that went quiet."""
    users, sizes = now.visits
    heavy = heavy_units(before.visits[1], sizes, level=level / 4)
    usual, of_before = before.takers()
    today, of_now = now.takers()
    names = list(usual)
    counts = np.array([usual[name] for name in names])
    p_values = fallen_quiet(
        counts, np.array([today.get(name, 0) for name in names]), of_before=of_before, of_now=of_now
    )  # fmt: skip
    gone = p_values <= level / 4
    order = [names[at] for at in np.argsort(p_values, kind="stable") if gone[at]]
    quiet = _Quiet(float(p_values.min(initial=1.0)), float(counts[gone].sum() / counts.sum()), tuple(order))
    return (heavy, users), quiet


@dataclass(frozen=True)
class _Quiet:
    """Items that went quiet. p_value: of all together. share: of what users took before. items: surest first."""

    p_value: float
    share: float
    items: tuple[str, ...]


def _false_alarms(
    rows: Batch, fitting: Sequence[Detector], allowed: Sequence[str], size: int, level: float, runs: int,
    rng: np.random.Generator, progress: Progress,
) -> tuple[np.ndarray, np.ndarray, int]:  # fmt: skip
    """How often each detector of the draws, each beside them, and the whole check alarm without drift."""
    alone, beside, checks = np.zeros(len(fitting), np.int64), np.zeros(len(_BESIDE), np.int64), 0
    with progress.stage("false alarms", runs, "splits") as stage:
        for _ in range(runs):
            rest, part = _visits_apart(rows, size, True, rng)
            before, now = in_the_mix(rows.take(rest), rows.take(part), allowed, rng)
            alike = before.take(as_often(ShopActs.of(before), ShopActs.of(now), rng))
            told = compare(bounded(alike, rng, COMPARED), now, fitting, rng=rng, draws=_TRIED_DRAWS, grouped=True)
            (heavy, _), quiet = _beside(ShopActs.of(before), ShopActs.of(now), level)
            apart = np.array([heavy.p_value, quiet.p_value])
            alone += np.array([shift.p_value <= level for _, shift, _ in told], bool)
            beside += apart <= level
            checks += any(2 * p <= level for _, _, p in told) or bool((4 * apart <= level).any())
            stage.advance()
    return alone, beside, checks


def _beside_facts(
    rows: Batch, size: int, alarms: np.ndarray, level: float, runs: int, rng: np.random.Generator
) -> list[DetectorFact]:
    acts, (rest, part) = ShopActs.of(rows), _visits_apart(rows, size, True, rng)
    before = ShopActs(acts.user[rest], acts.item[rest], acts.day[rest]).visits[1]
    now = ShopActs(acts.user[part], acts.item[part], acts.day[part]).visits[1]
    planted = []
    for share in SHARES:
        flood = max(1, round(share * now.sum() / (1 - share)))
        seen = heavy_units(before, np.append(now, flood)).p_value <= level
        # Whether it is seen is all but certain either way: one try tells.
        planted.append(PlantedShift(share=share, found=Interval(float(seen))))
    tries = min(runs, POWER_RUNS)
    found = np.sum([_quiet_seen(acts, *_visits_apart(rows, size, True, rng), level) for _ in range(tries)], axis=0)
    quiet = [PlantedShift(share=share, found=share_of(int(found[at]), tries)) for at, share in enumerate(SHARES)]
    facts = []
    for at, (name, means, _, matters) in enumerate(_BESIDE):
        like = Detector(name, INPUTS, means, matters, lambda batch: True, _preferences)
        told = detector_fact(like, int(alarms[at]), tuple((planted, quiet)[at]), level, runs)
        facts.append(told.model_copy(update={"planted": _PLANTED[at]}))
    return facts


def _quiet_seen(acts: ShopActs, rest: np.ndarray, part: np.ndarray, level: float) -> np.ndarray:
    """Whether it is seen that the items that are taken most, up to each share of what is taken, are taken no more."""
    before, now = (ShopActs(acts.user[at], acts.item[at], acts.day[at]) for at in (rest, part))
    usual, of_before = before.takers()
    names = sorted(usual, key=lambda name: -usual[name])
    counts = np.array([usual[name] for name in names])
    reached = np.cumsum(counts) / counts.sum()
    today, of_now = now.takers()
    seen = []
    for share in SHARES:
        gone = int(np.searchsorted(reached, share, side="right"))
        left = np.array([0 if at < gone else today.get(name, 0) for at, name in enumerate(names)])
        p_values = fallen_quiet(counts, left, of_before=of_before, of_now=of_now)
        seen.append(bool(p_values.min(initial=1.0) <= level))
    return np.array(seen, np.int64)


# A check


def _checked(
    made: ShopBaseline, batch: ShopBatch, state: WatchState, users: Sequence[str]
) -> tuple[WatchCheck, WatchState]:
    facts, current = made.facts, batch.rows
    state = replace(state, number=state.number + 1)
    rng = generator(facts.seed, "watch", "check", batch.key)
    notes: list[str] = []
    moved: list[MovedRows] = []
    shifts: tuple[ShiftFact, ...] = ()
    looked = False
    whole, given = made.baseline.rows, len(current)
    whole, current = in_the_mix(whole, current, facts.allowed, rng)
    if len(current) < given:
        notes.append(
            f"{given - len(current):,} events are of parts that the reference does not have"
            f" ({', '.join(facts.allowed)} may change)"
        )
    if facts.allowed and len(whole) < len(current):
        notes.append(
            f"the reference has {len(whole):,} events in the mix of this batch, fewer than it: little can be seen"
        )
    if not len(current):
        notes.append("no event of this batch can be compared")
    else:
        reference = bounded(whole.take(as_often(ShopActs.of(whole), ShopActs.of(current), rng)), rng, COMPARED)
        told = compare_all(
            reference, current, made.detectors, segments=facts.segments, rng=rng, draws=facts.draws,
            level=facts.level, grouped=True, of_segments=_OF_SEGMENTS,
        )  # fmt: skip
        beside, moved = _beside_shifts(made, ShopActs.of(whole), batch, facts.level)
        shifts = (*(_halved(one, facts.level) for one in told), *beside)
        least = min((one.adjusted for one in shifts if not one.segment), default=1.0)
        state = replace(state, wealth=state.wealth.after_p(least, draws=facts.draws))
        late, looked = _looked(made, current, state, rng)
        shifts = (*shifts, *late)
        notes += _turnover(made, batch)
        if len(batch.acts.user) > given:
            notes.append(f"{given:,} of {len(batch.acts.user):,} events were looked at, whole users at random")
        if len(np.unique(batch.acts.user)) < 1 / facts.level:
            notes.append("few users: only very large shifts can be seen")
    quality = _foretelling(made, current)
    bad = batch.aside.get("late", 0) + batch.aside.get("weightless", 0)
    if heavy := _names_of(made, batch, users, shifts):
        moved = [*heavy, *moved]
    found = WatchCheck(
        batch=batch.key, bundle=facts.bundle, number=state.number, at=datetime.now(UTC).isoformat(timespec="seconds"),
        until="" if current.times is None or not len(current) else str(current.times.max()), rows=batch.given,
        usable=len(current), learnt=batch.learnt, problems=batch.aside, shifts=shifts, stability=None, quality=quality,
        evidence=state.wealth.capital, highest=state.wealth.highest, looked=looked,
        level=facts.level, outcome="quiet", moved=tuple(moved),
        notes=tuple(notes),
        budget=alarm_budget(
            shifts, level=facts.level, horizon=facts.horizon, rest=_APART, qualities=0,
            apart={name: (1 - _APART) / len(_BESIDE) for name, *_ in _BESIDE},
        ),
    )  # fmt: skip
    outcome, advice = shop_advice(found, alarm=state.wealth.alarm(facts.level), unusable=bad / max(batch.given, 1))
    return found.model_copy(update={"outcome": outcome, "advice": advice}), state


def _halved(one: ShiftFact, level: float) -> ShiftFact:
    """What exchanging users says, with a half of the level: the other is for what is told beside it."""
    adjusted = min(1.0, one.adjusted / _APART)
    significant = adjusted <= level
    return one.model_copy(
        update={"adjusted": adjusted, "significant": significant, "large": significant and one.large}
    )  # fmt: skip


def _beside_shifts(
    made: ShopBaseline, before: ShopActs, batch: ShopBatch, level: float
) -> tuple[tuple[ShiftFact, ...], list[MovedRows]]:
    (heavy, _), quiet = _beside(before, batch.acts, level)
    taken = {one.name for one in made.facts.detectors if not one.refused}
    facts = []
    counts = len(before.visits[1]), len(batch.acts.visits[1])
    for (name, means, unit, matters), p, share in zip(
        _BESIDE, (heavy.p_value, quiet.p_value), (heavy.share, quiet.share), strict=True
    ):
        if name not in taken:
            continue
        # Two tests share the other half of the level.
        adjusted = min(1.0, p * len(_BESIDE) / _APART)
        facts.append(
            ShiftFact(
                detector=name, of=INPUTS, means=means, segment="", p_value=min(1.0, p), adjusted=adjusted,
                effect=Interval(share), unit=unit, matters=matters, significant=adjusted <= level,
                large=adjusted <= level and share >= matters, rows=counts,
            )
        )  # fmt: skip
    told = []
    if quiet.items:
        told.append(
            MovedRows(
                what="items gone quiet", share=float(np.isin(batch.acts.item, quiet.items).mean()),
                before=float(np.isin(before.item, quiet.items).mean()), certainty=None, examples=quiet.items[:_SHOWN],
            )
        )  # fmt: skip
    return tuple(facts), told


def _names_of(
    made: ShopBaseline, batch: ShopBatch, users: Sequence[str], shifts: Sequence[ShiftFact]
) -> list[MovedRows]:
    """Who floods, by name: the events that were given name them, nothing that is kept does."""
    significant = {one.detector for one in shifts if one.significant and not one.segment}
    told = []
    if "heavy visits" in significant:
        (heavy, who), _ = _beside(ShopActs.of(made.baseline.rows), batch.acts, made.facts.level)
        flagged = who[heavy.p_values <= made.facts.level / 4]
        share = float(np.isin(batch.acts.user, flagged).mean())
        before = float(np.isin(ShopActs.of(made.baseline.rows).user, flagged).mean())
        from_number = _users_by_number(made, users)
        largest = list(dict.fromkeys(from_number.get(one, one) for one in flagged.tolist()))
        what = "events of one user with heavy visits" if len(largest) == 1 else (
            f"events of {len(largest):,} users with heavy visits"
        )  # fmt: skip
        told.append(MovedRows(what=what, share=share, before=before, certainty=None, examples=tuple(largest[:_SHOWN])))
    if "one item" in significant:
        names, counts = np.unique(batch.rows.names, return_counts=True)
        was = np.array([(made.baseline.rows.names == name).mean() for name in names.tolist()])
        top = int(np.argmax(counts / counts.sum() - was))
        told.append(
            MovedRows(
                what="events of one item", share=float(counts[top] / counts.sum()), before=float(was[top]),
                certainty=None, examples=(str(names[top]),),
            )
        )  # fmt: skip
    return told


def _users_by_number(made: ShopBaseline, users: Sequence[str]) -> dict[str, str]:
    return {user_number(name, made.salt): name for name in users}


def _looked(
    made: ShopBaseline, batch: Batch, state: WatchState, rng: np.random.Generator
) -> tuple[tuple[ShiftFact, ...], bool]:
    """Everything since the baseline against it, where that is due by the number of checks since then."""
    facts = made.facts
    looks, day = Looks.over(facts.horizon, level=facts.level), state.wealth.days
    if day == 1 or not looks.due(day, last=day - 1):
        return (), False
    since = bounded(state.since(batch, made.baseline.rows), rng)
    named = (*_NAMED, *(one.name for one in _mixes(facts.segments, facts.allowed)))
    some = tuple(one for one in made.detectors if one.name not in named)
    if not len(since) or not some:
        return (), False
    reference, since = in_the_mix(made.baseline.rows, since, facts.allowed, rng)
    if not len(since):
        return (), False
    reference = bounded(reference, rng, COMPARED)
    told = compare(reference, since, some, rng=rng, draws=looks.draws, grouped=True)
    return tuple(
        shift_fact(one, shift, EVERYTHING, min(1.0, p * facts.level / looks.level), facts.level)
        for one, shift, p in told
    ), True


def _turnover(made: ShopBaseline, batch: ShopBatch) -> list[str]:
    """What is new and how unequal it is, in numbers beside what is usual; no alarm hangs on them."""
    before, now = ShopActs.of(made.baseline.rows), batch.acts
    items, was = np.unique(now.item), np.unique(before.item)
    unknown = set(batch.rows.names[np.char.startswith(batch.rows.decided, NEW_ITEM)].tolist())
    lost = len(set(batch.rows.names[np.char.startswith(batch.rows.decided, COLD_ITEM)].tolist()))
    fresh = int((~np.isin(items, was)).sum())
    strangers = float(np.char.endswith(batch.rows.decided, "new user").mean())
    taken = "1 item was" if len(items) == 1 else f"{len(items):,} items were"
    said = [
        f"{taken} taken, {fresh:,} of them not in the reference, {len(unknown):,} unknown to the"
        f" shop, {lost:,} without a place; {strangers:.0%} of the events are of new users"
    ]
    least = min(len(now.item), len(before.item))
    rng = generator(made.facts.seed, "watch", "gini")
    values = [
        gini(np.unique(some[rng.permutation(len(some))[:least]], return_counts=True)[1])
        for some in (now.item, before.item)
    ]  # fmt: skip
    said.append(
        f"inequality of what was taken (Gini): {values[0]:.2f}, and {values[1]:.2f} in as many of the reference"
    )
    return said


def _foretelling(made: ShopBaseline, current: Batch) -> tuple[QualityFact, ...]:
    """How high the shop puts what people then like, beside what was usual."""
    before = made.baseline.rows
    if made.own or not (~before.far).any():
        return ()
    reference = before.take(~before.far)
    spread = mean_interval(reference.certainty, possible=(0, 1), groups=reference.groups)
    now = current.take(~current.far) if len(current) else current
    if not len(now) or now.groups is None or spread.low is None or spread.high is None:
        return (QualityFact(quality=FORETOLD, better="higher", estimated=None, usual=spread),)
    measured = mean_interval(now.certainty, possible=(0, 1), groups=now.groups)
    worse = _worse(reference, now)
    return (
        QualityFact(
            quality=FORETOLD, better="higher", estimated=None, usual=spread, measured=measured, labelled=len(now),
            unusual=worse,
        ),
    )  # fmt: skip


def _worse(reference: Batch, now: Batch) -> bool:
    """Whether the mean fell beyond what samples of users differ by, at one in a hundred; by means of users, weighed by
    their events (Welch)."""
    means, errors, counts = [], [], []
    for some in (reference, now):
        place = np.unique(some.groups, return_inverse=True)[1] if some.groups is not None else np.arange(len(some))
        sizes, sums = np.bincount(place), np.bincount(place, weights=some.certainty)
        mean, units = float(sums.sum() / sizes.sum()), len(sizes)
        if units < 3:
            return False
        left = sums - mean * sizes
        errors.append(float(np.square(left).sum()) / sizes.sum() ** 2 * units / (units - 1))
        means.append(mean)
        counts.append(units)
    error = float(np.sqrt(sum(errors)))
    return bool(error > 0 and stats.t.sf((means[0] - means[1]) / error, min(counts) - 1) <= 0.01)


def shop_advice(
    found: WatchCheck, *, alarm: bool, unusable: float
) -> tuple[Literal["quiet", "look", "act"], tuple[WatchAdvice, ...]]:
    """The outcome of a check of a shop, and advice. alarm: of all checks together. unusable: share of the events that
    are late or weightless. Inputs are repaired before anything is learnt from them."""
    moved = {one.detector: one for one in reversed(found.significant) if one.segment != EVERYTHING}
    names, advice = set(moved), []
    if not found.rows:
        advice.append(NOTHING_CAME.model_copy(update={"why": "no events came: see whether they should have"}))
    elif not found.usable and found.learnt:
        advice.append(nothing_new(found, "events"))
    if unusable > 0.1:
        codes = ", ".join(found.problems)
        advice.append(WatchAdvice(action="repair inputs", why=f"{unusable:.0%} of the events cannot count: {codes}"))
    # Who is new is in no part of the users yet: then another mix says nothing of a flood.
    mixes = sorted(name for name in names if name.startswith("mix of ") and "newcomers" not in names)
    if flood := [*(name for name in ("heavy visits", "one item") if name in names), *mixes]:
        advice.append(
            WatchAdvice(
                action="repair inputs",
                why=f"events crowd ({', '.join(flood)}): see whether people did that, before the shop learns it",
            )
        )
    worse = [(one, one.measured) for one in found.quality if one.unusual and one.measured is not None]
    # Feedback that is turned round leaves what people take as it is; a change of taste does not.
    turned = "feedback" in names and "foretold" not in names
    if turned:
        advice.append(
            WatchAdvice(
                action="repair inputs",
                why="likes and dislikes no longer agree with what the shop expects, though people take what it"
                " foretells: see whether feedback is recorded as it was",
            )
        )
    new = moved.get("newcomers")
    if worse and not turned:
        one, measured = worse[0]
        gain = f"about {one.usual.mean - measured.mean:.3f} of it, if it can be brought back to what it was"
        why = f"{one.quality} is {measured.mean:.3f}, and {one.usual.mean:.3f} was usual"
        how = "once the inputs are seen to be right, " if advice else ""
        advice.append(WatchAdvice(action="refresh", why=f"{why}: {how}add these events, or fit it anew", gain=gain))
    elif new is not None and new.large:
        advice.append(
            WatchAdvice(
                action="refresh",
                why="new users and items bring other events than before: add items and events, or fit it anew",
            )
        )
    explained = {"foretold", "feedback", "dislikes"}
    rest = sorted(names - {"heavy visits", "one item", *mixes, *(explained if worse or turned else ())})
    if new is not None and any(one.action == "refresh" for one in advice):
        rest = [name for name in rest if name != "newcomers"]
    late = sorted({one.detector for one in found.significant if one.segment == EVERYTHING} - names)
    if rest or late:
        good = any(
            one.measured is not None and one.usual.low is not None and one.measured.mean >= one.usual.low
            for one in found.quality
        )  # fmt: skip
        why = f"it moved ({', '.join(dict.fromkeys([*rest, *late]))})"
        advice.append(
            WatchAdvice(action="look", why=why + (", and the shop foretells as well as usual" if good else ""))
        )
    if alarm:
        advice.append(together(found))
    if not advice:
        return "quiet", (WatchAdvice(action="nothing", why="nothing moved beyond chance"),)
    large = any(one.large for one in found.significant)
    return ("act" if large or worse or alarm or unusable > 0.1 else "look"), tuple(advice)
