"""An evaluation of a recommender as a record: what was held out and ranked, and how it did beside what costs nothing.

Decision: a score never stands without its candidates: results move by a quarter with what is ranked.
"""

from typing import Literal

from pydantic import Field

from graft.core.intervals import Interval
from graft.facts.schema import Document, Fact


class ListScore(Fact):
    """How the lists of one recommender did on one part. users: with something relevant. ndcg, recall: over users, at
    the places of the evaluation. less: NDCG of the model minus this one over the same users; None for the model."""

    recommender: str
    users: int
    ndcg: Interval
    recall: Interval
    less: Interval | None = None


class EvaluatedPart(Fact):
    """One part of a split. name: ``known``, ``new`` or ``all`` items. candidates: how many items are ranked. scores:
    the model first. components: what views of its score reach alone, ``factorisation with content`` and ``taken
    together``, which says nothing of new items; likeness of content, the third, is among the scores."""

    name: str
    candidates: int
    scores: tuple[ListScore, ...]
    components: tuple[ListScore, ...] = ()


class CatalogueReach(Fact):
    """What the model's lists of all items do to the catalogue; see ``judge_reach``."""

    coverage: Interval
    gini: Interval
    novelty: Interval
    popularity: Interval
    head: Interval
    head_consumed: float


class PlacedItem(Fact):
    """A new item, and where it was placed. item: its id. title: in words, "" where none were kept. took: people who
    went on to take it. listed: how many of these had it in their list of new items. alike: the known items it is most
    like, by their titles or ids."""

    item: str
    title: str
    took: int
    listed: int
    alike: tuple[str, ...]


class EvaluatedSplit(Fact):
    """One way of holding out. name: ``items`` (a fifth of the items is new), ``users`` (a fifth of the users is new and
    shows half of what it did) or ``time`` (the last fifth of the events). events: left to learn from. held: events that
    were wanted. cold: items that were in no list, because nothing was known about them. cold_held: events among
    ``held`` that wanted them, which no list could answer. placed: the new items that most people wanted."""

    name: str
    meaning: str
    events: int
    held: int
    parts: tuple[EvaluatedPart, ...]
    reach: CatalogueReach | None = None
    cold: int = 0
    cold_held: int = 0
    placed: tuple[PlacedItem, ...] = ()


class CountedViews(Fact):
    """What the views of a blend count, beside the vectors of the factorisation, which count 1. content: likeness of
    content to what somebody took. company: what is taken together by everybody. shift: added to every score."""

    popularity: float
    content: float
    company: float
    shift: float


class NotCounted(Fact):
    """Events that were set aside, and why."""

    events: int
    why: str


class EvaluatedShop(Fact):
    """What was evaluated. name: of its folder, "" where it has none. digest: of its manifest, "" where it has none.

    hot, warm, cold: items with events, with usable content only, with nothing. pairs: of a user and an item; events:
    they were made of. timed: whether events have times. item_columns, user_columns: that describe them. source: of
    vectors of the text, "" for none. dimension: of the vectors. penalty, unobserved: of the factorisation. neighbours:
    how many alike items count. known, new: the blend for items that many met, and for others. half: after how many
    events an item counts half as known.
    """

    name: str = ""
    digest: str = ""
    users: int
    items: int
    hot: int
    warm: int
    cold: int
    pairs: int
    events: int
    timed: bool
    aside: tuple[NotCounted, ...] = ()
    item_columns: tuple[str, ...] = ()
    user_columns: tuple[str, ...] = ()
    source: str = ""
    dimension: int
    penalty: float
    unobserved: float
    neighbours: int
    known: CountedViews
    new: CountedViews
    half: float | None = None


class WarmUpPoint(Fact):
    """NDCG of held-out items after so many interactions: the model, by content alone, by behaviour alone.

    over_content, over_behaviour: the model less each of them over the same users; all of a curve hold together at once.
    """

    interactions: int
    users: int
    model: Interval
    content: Interval
    behaviour: Interval
    over_content: Interval | None = None
    over_behaviour: Interval | None = None


class WarmUpGate(Fact):
    """Whether a new item's lists are ever worse than by content alone, or by behaviour alone.

    outcome: ``holds`` (every difference is above minus the margin), ``broken`` (one is surely below it) or
    ``undecided``. margin: of NDCG that does not matter. level: at which all differences hold together. worst: the
    least difference, in words.
    """

    outcome: Literal["holds", "broken", "undecided"]
    margin: float
    level: float
    worst: str


class LeakProbe(Fact):
    """Whether something tells a forbidden signal, by a probe that learns it from other rows.

    signal: the forbidden column. of: what was probed, as ``user vectors`` or ``the column 'postcode'``. area: under the
    curve, mean over classes; .5 is chance. chance, chance_high: mean and 95 % of permuted labels. left_out: whether a
    column was left out for it. why: where it could not be probed.
    """

    signal: str
    of: str
    area: Interval | None = None
    chance: float | None = None
    chance_high: float | None = None
    p_value: float | None = None
    rows: int = 0
    classes: int = 0
    left_out: bool = False
    why: str = ""

    @property
    def leaks(self) -> bool:
        """Whether chance is ruled out, at a level of .05."""
        return self.p_value is not None and self.p_value <= 0.05

    def line(self) -> str:
        """The probe as a line."""
        if self.area is None:
            return f"{self.signal}: {self.of}: {self.why}"
        said = "tell it" if self.leaks else "do not tell it beyond chance"
        if self.of.startswith("the column"):
            said = said.replace("tell it", "tells it", 1).replace("do not tells", "does not tell")
        left = "; left out" if self.left_out else ""
        return (
            f"{self.signal}: {self.of} {said}{left}: area {_span(self.area, '.2f')}, by chance {self.chance:.2f}"
            f" to {self.chance_high:.2f} ({self.rows:,} rows, {self.classes} classes)"
        )


class ContentLeakage(Fact):
    """What the features of items may know of the future, or of held-out people.

    split: where it matters. items: how many are concerned, of ``of``. why: in words. blanked: whether those features
    were taken out of the evaluation.
    """

    split: str
    items: int
    of: int
    why: str
    blanked: bool


class RecommendEvaluation(Document):
    """The whole. places: of a list. skipped: splits that could not be made, with the reason. tries: settings that were
    tried for each split. graft: the version that made it. shop: what was evaluated; None in records that do not say."""

    schema_: Literal["graft/recommend/1"] = Field(default="graft/recommend/1", alias="schema")
    places: int
    seed: int
    splits: tuple[EvaluatedSplit, ...]
    curve: tuple[WarmUpPoint, ...] = ()
    skipped: tuple[str, ...] = ()
    tries: int | None = None
    graft: str = ""
    shop: EvaluatedShop | None = None
    gate: WarmUpGate | None = None
    leakage: tuple[LeakProbe, ...] = ()
    content_leakage: tuple[ContentLeakage, ...] = ()

    def lines(self) -> list[str]:
        """The record as plain lines."""
        said = []
        for split in self.splits:
            said.append(f"held out by {split.name}: {split.meaning}")
            for part in split.parts:
                users = part.scores[0].users
                said.append(f"  {part.name} items: {part.candidates:,} ranked, lists of {users:,} users")
                for one in part.scores:
                    less = f", the model {_span(one.less, '+.3f')}" if one.less is not None else ""
                    said.append(
                        f"    {one.recommender:20} NDCG@{self.places} {_span(one.ndcg, '.3f')},"
                        f" recall {one.recall.mean:.3f}{less}"
                    )
            if split.reach is not None:
                said.append(
                    f"  reach: {split.reach.coverage.mean:.0%} of the catalogue, {split.reach.head.mean:.0%} of places"
                    f" for the most popular fifth, which has {split.reach.head_consumed:.0%} of what was taken"
                )
        said += [f"not held out by {one}" for one in self.skipped]
        for point in self.curve:
            after = f"{point.interactions} interaction{'s' * (point.interactions != 1)}"
            said.append(
                f"new items after {after}: NDCG@{self.places} {_span(point.model, '.3f')}"
                f" (content alone {point.content.mean:.3f}, behaviour alone {point.behaviour.mean:.3f})"
            )
        if self.gate is not None:
            said.append(
                f"never worse than content or behaviour alone, by more than {self.gate.margin:g}: {self.gate.outcome};"
                f" {self.gate.worst}"
            )
        said += [f"forbidden {one.line()}" for one in self.leakage]
        said += [f"content, held out by {one.split}: {one.why}" for one in self.content_leakage]
        return said


def _span(one: Interval, form: str) -> str:
    ends = "" if one.low is None or one.high is None else f" ({one.low:{form}} to {one.high:{form}})"
    return f"{one.mean:{form}}{ends}"


class PolicyEstimate(Fact):
    """What one estimator says the judged policy earns for each place. means: what it is, in words."""

    estimator: str
    means: str
    value: Interval


class PolicyJudgement(Document):
    """What a policy would have earned, from the log of another.

    judged: what was judged, in words. places, lists, users: in the log. logged: what it earned for each place.
    estimates: of the judged policy. gain: snips less what the log earned. weight: the mean weight, and ``reached`` what
    it should be. effective: users that the weights leave. largest: the heaviest weight, in mean weights. clip: where
    weights are cut for the bounds. possible: the least and the most a reward can be. doubts: what speaks against it.
    """

    schema_: Literal["graft/policy/1"] = Field(default="graft/policy/1", alias="schema")
    judged: str
    places: int
    lists: int
    users: int
    logged: Interval
    estimates: tuple[PolicyEstimate, ...]
    gain: Interval
    weight: Interval
    reached: float
    effective: float
    largest: float
    clip: float
    possible: tuple[float, float]
    doubts: tuple[str, ...] = ()

    @property
    def answer(self) -> str:
        """The judgement in a sentence: by the gain, or by the bounds alone where the mean weight is not what it should
        be."""
        low, high = self.gain.low, self.gain.high
        if not self.sound:
            bounds = next((one.value for one in self.estimates if one.estimator == "bounds"), Interval(0.0))
            ends, logged = bounds.ends, self.logged.ends
            low = None if ends is None or logged is None else ends[0] - logged[1]
            high = None if ends is None or logged is None else ends[1] - logged[0]
        if low is not None and low > 0:
            return "the judged policy earns more than what was shown"
        if high is not None and high < 0:
            return "the judged policy earns less than what was shown"
        if not self.sound or low is None or high is None:
            return "it cannot be told from this log whether the judged policy earns more than what was shown"
        return "the judged policy is not told apart from what was shown"

    @property
    def sound(self) -> bool:
        """Whether the mean weight may be what it should be."""
        ends = self.weight.ends
        return ends is None or ends[0] - 1e-6 <= self.reached <= ends[1] + 1e-6

    def lines(self) -> list[str]:
        """The record as plain lines."""
        said = [
            self.answer + (f": {_span(self.gain, '+.4f')} for each place" if self.sound else ""),
            f"log: {self.places:,} places in {self.lists:,} lists of {self.users:,} users, which earned"
            f" {_span(self.logged, '.4f')} for each",
            f"judged: {self.judged}",
        ]
        said += [f"  {one.estimator:6} {_span(one.value, '.4f')}  {one.means}" for one in self.estimates]
        said.append(
            f"weights: mean {_span(self.weight, '.3f')}, {self.effective:,.0f} effective users, the heaviest"
            f" {self.largest:.1f} times the mean"
        )
        return said + [f"doubt: {one}" for one in self.doubts]
