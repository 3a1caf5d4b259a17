"""Watches as records: what a page of one may have to show."""

from datetime import UTC, datetime, timedelta

from graft.core.intervals import Interval
from graft.facts.watch import (
    EVERYTHING,
    ColumnFact,
    ContextFact,
    DetectorFact,
    MovedRows,
    PlantedShift,
    QualityFact,
    ShiftFact,
    TermFact,
    WatchAdvice,
    WatchBaseline,
    WatchCheck,
    WatchStory,
)

HOSTILE = (
    "</style><script>alert('x')</script>{{ 7 * 7 }}\x00\x1b[31m\u202e\u2028\"><img src=x onerror=y>&amp;" + "w" * 90
)
MADE = datetime(2026, 3, 1, 6, tzinfo=UTC)
OF = {"mean": "embeddings", "classifier": "embeddings", "certainty": "scores", "length": "inputs"}


def around(mean: float, half: float = 0.02) -> Interval:
    return Interval(mean, mean - half, mean + half)


def detector(name: str, **changed: object) -> DetectorFact:
    power = tuple(PlantedShift(share=one, found=around(2 * one)) for one in (0.05, 0.1, 0.2, 0.4))
    given = {
        "name": name,
        "of": OF[name],
        "means": f"what {name} sees",
        "matters": 0.6 if name == "classifier" else 0.1,
    }
    return DetectorFact(**(given | {"alarms": around(0.04), "power": power, "least": 0.2} | changed))


def baseline(**changed: object) -> WatchBaseline:
    given = {
        "bundle": "ab" * 16, "made": MADE.isoformat(timespec="seconds"), "graft": "0.1.0", "task": "multiclass",
        "quality": "macro_f1", "rows": 4_000, "learnt": 0, "labelled": 4_000, "unusable": 3, "dimension": 32,
        "group": "customer", "groups": 900, "segments": ("region",), "allowed": ("weekday",), "batch": 200,
        "level": 0.05, "runs": 100, "draws": 999, "seed": 7, "check_alarms": around(0.04),
        "detectors": (*(detector(name) for name in list(OF)[:-1]), detector("length", least=0.11)),
        "notes": ("rows of one customer lie near one another",),
    }  # fmt: skip
    return WatchBaseline(**(given | changed))


def shift(name: str, p: float = 0.4, *, effect: float = 0.03, segment: str = "", large: bool = False) -> ShiftFact:
    return ShiftFact(
        detector=name, of=OF[name], means=f"what {name} sees", segment=segment, p_value=p, adjusted=p,
        effect=around(effect), unit="AUC" if name == "classifier" else "standard deviations a dimension",
        matters=0.6 if name == "classifier" else 0.1, significant=p <= 0.05, large=large, rows=(4_000, 180),
    )  # fmt: skip


STILL = tuple(shift(name, effect=0.51 if name == "classifier" else 0.03) for name in OF)
LITTLE = (shift("mean", 0.01, effect=0.06), *STILL[1:])
MUCH = (
    shift("mean", 0.002, effect=0.31, large=True), shift("classifier", 0.002, effect=0.83, large=True), STILL[2],
    shift("length", 0.011, effect=0.05).model_copy(update={"said": "58 long on average before, 48 now"}),
    shift("mean", 0.01, effect=0.2, segment=EVERYTHING, large=True),
    shift("mean", 0.03, effect=0.4, segment="region north", large=True),
)  # fmt: skip


def quality(name: str = "accuracy", value: float | None = 0.82, **changed: object) -> QualityFact:
    given = {
        "quality": name, "better": "higher", "estimated": None if value is None else around(value, 0.03),
        "usual": around(0.83, 0.05),
    }  # fmt: skip
    return QualityFact(**(given | changed))


BAD = (
    quality(
        measured=around(0.6, 0.05), labelled=150, trusted=False, unusual=True,
        why="labels contradict the estimate by -0.210 a row over 300 labelled rows",
    ),
    quality("cost per row in €", 0.4, better="lower", usual=around(0.3), measured=around(0.31), labelled=150),
)  # fmt: skip
NOTHING = (WatchAdvice(action="nothing", why="nothing moved beyond chance, and quality is as usual"),)
RETRAIN = (
    WatchAdvice(action="repair inputs", why="what is read moved (length): see whether it arrives as it did"),
    WatchAdvice(
        action="retrain the head", why="accuracy is 0.600, and 0.830 was usual", gain="about 0.230 of accuracy"
    ),
)


def check(number: int = 1, **changed: object) -> WatchCheck:
    given = {
        "batch": f"{number:032x}", "bundle": "ab" * 16, "number": number,
        "at": (MADE + timedelta(days=number)).isoformat(timespec="seconds"), "until": "", "rows": 190, "usable": 180,
        "learnt": 0, "problems": {}, "shifts": STILL, "stability": (0.02, 0.11), "quality": (quality(),),
        "evidence": 0.7, "level": 0.05, "outcome": "quiet", "advice": NOTHING,
    }  # fmt: skip
    return WatchCheck(**(given | changed))


def acting(number: int = 1, **changed: object) -> WatchCheck:
    moved = MovedRows(
        what="rows like r1, r2", share=0.31, before=0.08, certainty=(0.52, 0.81), examples=("r1 & co", "r2")
    )
    given = {
        "outcome": "act", "shifts": MUCH, "quality": BAD, "evidence": 4_321.0, "advice": RETRAIN, "moved": (moved,),
        "problems": {"empty text": 10}, "looked": True,
        "terms": (
            TermFact(term="refund", emerged=True, before=0, now=31, difference=around(0.172), adjusted=0.003),
            TermFact(term="fax", emerged=False, before=400, now=0, difference=around(-0.1), adjusted=0.02),
        ),
        "contexts": (
            ContextFact(
                term="charge", before=120, now=19, distance=around(0.7), adjusted=0.01, gone=("fee", "card"),
                come=("battery",), examples=("r7",),
            ),
        ),
        "columns": (
            ColumnFact(column="land", what="new", said="3% are 'XK', never seen before", effect=around(0.03, 0.005),
                       matters=0.02, adjusted=0.004, large=True),
            ColumnFact(column="age", what="values", said="4 higher in the middle (41, 37 before)", effect=around(0.11),
                       matters=0.1, adjusted=0.02, large=False),
        ),
    }  # fmt: skip
    return check(number, **(given | changed))


def story(*checks: WatchCheck, **changed: object) -> WatchStory:
    given = {"name": "studies/tea & wine/bundle", "bundle": "ab" * 16, "baseline": baseline(), "checks": checks}
    return WatchStory(**(given | changed))


def look(number: int) -> WatchCheck:
    why = "it moved (mean), and quality is as usual by estimate"
    return check(number, outcome="look", shifts=LITTLE, advice=(WatchAdvice(action="look", why=why),), evidence=6.0)


def act() -> WatchStory:
    return story(check(1), check(2), look(3), acting(4), acting(5))


def many(count: int = 10_000) -> WatchStory:
    def one(number: int) -> WatchCheck:
        if number == count // 2:
            return acting(number, evidence=25.0)
        return check(number, quality=(quality(measured=around(0.8) if number % 7 == 0 else None, labelled=30),))

    return story(*map(one, range(1, count + 1)))


def rebased() -> WatchStory:
    """Three checks before the baseline of today, one since."""
    old = tuple(
        acting(number, at=(MADE - timedelta(days=4 - number)).isoformat(timespec="seconds")) for number in (1, 2, 3)
    )
    return story(*old, check(4))


def unlabelled() -> WatchStory:
    refused = detector("length", refused="alarms in 20% of splits", least=None)
    facts = baseline(
        labelled=0, group="", groups=None, segments=(), allowed=(), notes=(), rows=900,
        check_alarms=Interval(0.2, 0.12, 0.3), detectors=(detector("mean", conservative=True), refused),
    )  # fmt: skip
    return story(check(quality=(), usable=60, notes=("60 rows: few",)), baseline=facts, bundle="cd" * 16)


def regression() -> WatchStory:
    error = quality("absolute error", None, better="lower", usual=Interval(1_250.0, 1_100.0, 1_400.0))
    seen = error.model_copy(update={"measured": Interval(1_900.0, 1_700.0, 2_100.0), "labelled": 80, "unusual": True})
    checks = check(1, quality=(error,)), acting(2, quality=(seen,)), check(3, quality=(error,))
    return story(*checks, baseline=baseline(task="regression", quality="mae"))


def shop() -> WatchStory:
    """A watch of a shop: events, and detectors that were not tried on planted shifts."""
    facts = baseline(
        task="recommendation", quality="place", group="user",
        detectors=(detector("length", power=(), least=None), detector("mean")),
    )  # fmt: skip
    return story(acting(1), baseline=facts, bundle="cd" * 16, name="shop")


def odd() -> WatchStory:
    """Ends that do not exist, evidence beyond all scales, nothing that could be compared."""
    loose = quality(usual=Interval(0.83), estimated=Interval(0.8))
    lost = check(3, shifts=(), usable=0, quality=(), rows=0, stability=None, evidence=1e-9)
    return story(check(1, evidence=1e304, quality=(loose,)), check(2, evidence=0.0, quality=(loose,)), lost)


def hostile() -> WatchStory:
    moved = MovedRows(what=HOSTILE, share=0.5, before=0.1, certainty=None, examples=(HOSTILE, HOSTILE * 50))
    one = acting(
        1, moved=(moved,), notes=(HOSTILE,), problems={HOSTILE: 100}, until=HOSTILE,
        terms=(TermFact(term=HOSTILE, emerged=True, before=0, now=9, difference=around(0.1), adjusted=0.01),) * 30,
        contexts=(
            ContextFact(term=HOSTILE, before=25, now=10, distance=around(0.7), adjusted=0.01, gone=(HOSTILE,) * 3,
                        come=(HOSTILE * 9,), examples=(HOSTILE,)),
        ) * 30,
        columns=(
            ColumnFact(column=HOSTILE, what="missing", said=HOSTILE, effect=around(0.1), matters=0.05, adjusted=0.01,
                       large=True),
        ) * 30,
        shifts=(*MUCH, *(shift("mean", 0.01, segment=f"{HOSTILE}{at}", large=True) for at in range(200))),
        quality=(quality(HOSTILE, why=HOSTILE, trusted=False),),
        advice=(WatchAdvice(action="look", why=HOSTILE, gain=HOSTILE),),
    )  # fmt: skip
    facts = baseline(group=HOSTILE, segments=(HOSTILE,) * 40, allowed=(HOSTILE,), notes=(HOSTILE,) * 3)
    return story(one, name=HOSTILE, baseline=facts)


STORIES = {
    "none": story,
    "one": lambda: story(check()),
    "look": lambda: story(check(1), look(2)),
    "act": act,
    "many": lambda: many(2_000),
    "rebased": rebased,
    "unlabelled": unlabelled,
    "regression": regression,
    "shop": shop,
    "odd": odd,
    "hostile": hostile,
}
