"""Evaluated recommenders whose page is known: one that wins, and what else can come."""

from typing import Literal

from graft.core.intervals import Interval
from graft.facts.recommend import (
    CatalogueReach,
    ContentLeakage,
    CountedViews,
    EvaluatedPart,
    EvaluatedShop,
    EvaluatedSplit,
    LeakProbe,
    ListScore,
    NotCounted,
    PlacedItem,
    RecommendEvaluation,
    WarmUpGate,
    WarmUpPoint,
)

EVIL = "</style><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7 * 7 }} \u202egnp.exe\x00\x1b[31m \"' \ud800"
LONG = "never ending " * 80_000  # a megabyte
MEANINGS = {"items": "a fifth of the items is new", "users": "a fifth of the users is new", "time": "the last fifth"}


def around(mean: float, half: float = 0.01) -> Interval:
    return Interval(mean, mean - half, mean + half)


def part(name: str, scores: dict[str, float], *, users: int = 500, half: float = 0.005) -> EvaluatedPart:
    own = scores["model"]
    return EvaluatedPart(
        name=name,
        candidates=1_234,
        scores=tuple(
            ListScore(
                recommender=way,
                users=users,
                ndcg=around(ndcg),
                recall=around(ndcg / 2),
                less=None if way == "model" else around(own - ndcg, half),
            )
            for way, ndcg in scores.items()
        ),
        components=(ListScore(recommender="taken together", users=users, ndcg=around(0.217), recall=around(0.1)),),
    )


def split(name: str, *parts: EvaluatedPart, head: float = 0.6) -> EvaluatedSplit:
    return EvaluatedSplit(
        name=name,
        meaning=MEANINGS[name],
        events=8_000,
        held=1_900,
        parts=parts,
        cold=12,
        cold_held=3 if name == "time" else 0,
        placed=(
            PlacedItem(item="t7", title="Tea number 7", took=40, listed=12, alike=("Tea number 6", "t8")),
            PlacedItem(item="w9", title="", took=31, listed=0, alike=()),
        )
        if name == "items"
        else (),
        reach=CatalogueReach(
            coverage=around(0.42),
            gini=around(0.7),
            novelty=around(4.0),
            popularity=around(0.9),
            head=around(head),
            head_consumed=0.7,
        ),
    )


WAYS = ("model", "random", "popularity", "content neighbours", "item neighbours", "factorisation")
AHEAD = dict(zip(WAYS, (0.28, 0.004, 0.14, 0.05, 0.23, 0.25), strict=True))
NEW = dict(zip(WAYS, (0.11, 0.005, 0.001, 0.09, 0.001, 0.001), strict=True))


def evaluated(**changes: object) -> RecommendEvaluation:
    """Ahead everywhere, with a curve."""
    made = RecommendEvaluation(
        places=20,
        seed=3,
        tries=4,
        graft="1.2.3",
        splits=tuple(split(name, part("known", AHEAD), part("new", NEW), part("all", AHEAD)) for name in MEANINGS),
        curve=tuple(
            WarmUpPoint(
                interactions=count,
                users=300,
                model=around(0.19 + count / 100),
                content=around(0.19 - count / 1000),
                behaviour=around(0.02 + count / 100),
                over_content=around(count / 80) if count else None,
                over_behaviour=around(0.17),
            )
            for count in (0, 1, 2, 5, 10, 20)
        ),
        shop=EvaluatedShop(
            name="shops/tea & wine",
            digest="ab" * 32,
            users=900,
            items=1_300,
            hot=1_200,
            warm=88,
            cold=12,
            pairs=9_900,
            events=12_345,
            timed=True,
            aside=(NotCounted(events=77, why="lie in the future"),),
            item_columns=("title", "genres"),
            user_columns=("country",),
            source="minilm",
            dimension=64,
            penalty=0.003,
            unobserved=0.1,
            neighbours=20,
            known=CountedViews(popularity=0.75, content=0.1, company=1.0, shift=0.0),
            new=CountedViews(popularity=0.5, content=2.0, company=0.0, shift=-0.02),
            half=5.0,
        ),
    )
    return made.model_copy(update=changes)


def judged(outcome: Literal["holds", "broken", "undecided"] = "holds") -> RecommendEvaluation:
    """With a gate, forbidden columns that show, that do not and that were not probed, and content of later."""
    probe = LeakProbe(
        signal="origin", of="user vectors", area=around(0.83), chance=0.5, chance_high=0.56, p_value=0.001, rows=800,
        classes=3,
    )  # fmt: skip
    return evaluated(
        gate=WarmUpGate(outcome=outcome, margin=0.01, level=0.95, worst="the least difference is +0.012, to content"),
        leakage=(
            probe,
            probe.model_copy(update={"signal": "age", "area": around(0.51), "p_value": 0.4}),
            LeakProbe(signal="faith", of="vectors", why="not probed: give a table that has the column 'faith' again"),
        ),
        content_leakage=(
            ContentLeakage(split="time", items=7, of=1_300, why="the content of 7 items was made later", blanked=True),
            ContentLeakage(split="items", items=9, of=1_300, why="the numbers of 'sold' follow events", blanked=False),
        ),
    )


def behind() -> RecommendEvaluation:
    """Item neighbours win on known items, nothing is clear on new ones, and the curve dips once."""
    worse = part("known", AHEAD | {"item neighbours": 0.33})
    unclear = part("new", NEW | {"content neighbours": 0.109}, users=40)
    curve = list(evaluated().curve)
    curve[1] = curve[1].model_copy(update={"model": around(0.15), "over_content": around(-0.04)})
    return evaluated(
        splits=(split("items", worse, unclear, head=0.9),), curve=tuple(curve), skipped=("time: no times",)
    )


def bare() -> RecommendEvaluation:
    """One user, no ends, nothing but what must be there."""
    lone = Interval(0.5)
    scores = tuple(
        ListScore(recommender=way, users=1, ndcg=lone, recall=lone, less=None if way == "model" else Interval(0.0))
        for way in ("model", "random")
    )
    one = EvaluatedSplit(
        name="users",
        meaning="a fifth of the users is new",
        events=1,
        held=1,
        parts=(EvaluatedPart(name="all", candidates=2, scores=scores),),
    )
    return RecommendEvaluation(places=20, seed=0, splits=(one,), skipped=("items: nothing is left", "time: no times"))


def unmade() -> RecommendEvaluation:
    """Numbers that do not exist."""
    lost = Interval(float("nan"), float("nan"), float("inf"))
    score = ListScore(recommender="model", users=0, ndcg=lost, recall=lost)
    reach = CatalogueReach(
        coverage=lost, gini=lost, novelty=lost, popularity=lost, head=lost, head_consumed=float("nan")
    )
    one = split("items", EvaluatedPart(name="known", candidates=0, scores=(score,)))
    point = WarmUpPoint(interactions=0, users=0, model=lost, content=lost, behaviour=lost)
    return evaluated(splits=(one.model_copy(update={"reach": reach}),), curve=(point,))


def hostile() -> RecommendEvaluation:
    """Names that want to be markup, or to fill the page."""
    whole = evaluated()
    assert whole.shop is not None
    shop = whole.shop.model_copy(
        update={
            "name": EVIL + LONG,
            "item_columns": (EVIL, LONG, *(f"column {number}" for number in range(400))),
            "user_columns": (LONG,),
            "source": EVIL + LONG,
            "aside": (NotCounted(events=1, why=EVIL + LONG),),
        }
    )
    strange = part("known", AHEAD | {EVIL: 0.2, LONG: 0.1})
    return whole.model_copy(
        update={
            "shop": shop,
            "splits": (
                split("items", strange).model_copy(
                    update={"placed": (PlacedItem(item=EVIL, title=EVIL + LONG, took=3, listed=1, alike=(EVIL, LONG)),)}
                ),
            ),
            "skipped": (f"time: {EVIL}{LONG}",),
            "gate": WarmUpGate(outcome="broken", margin=0.01, level=0.95, worst=EVIL + LONG),
            "leakage": (LeakProbe(signal=EVIL + LONG, of=LONG, why=EVIL + LONG),),
            "content_leakage": (ContentLeakage(split=LONG, items=1, of=2, why=EVIL + LONG, blanked=False),),
        }
    )


ALL = {"ahead": evaluated, "judged": judged, "behind": behind, "bare": bare, "unmade": unmade, "hostile": hostile}
