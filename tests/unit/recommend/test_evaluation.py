"""A shop judged on what it did not see."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from typer.testing import CliRunner

import graft
from graft.bundle.shop import write_shop
from graft.cli.app import app
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.entities.posterior import Observed
from graft.facts.recommend import RecommendEvaluation, WarmUpPoint
from graft.recommend import evaluation
from graft.recommend.evaluation import evaluate
from graft.recommend.examples import _titles
from graft.recommend.fitting import Goods, Trial


@pytest.fixture(scope="module")
def shop():
    """Sixty people like one of three kinds of goods, sixteen of each kind."""
    rng = np.random.default_rng(0)
    kinds = ("tea", "coffee", "wine")
    goods = [f"{kind}-{number}" for kind in kinds for number in range(16)]
    rows = [
        (user, item, int(rng.integers(0, 300)))
        for user in range(60)
        for item in goods
        if rng.random() < (0.5 if item.startswith(kinds[user % 3]) else 0.03)
    ]
    events = {
        "user": [row[0] for row in rows], "item": [row[1] for row in rows],
        "datetime": [f"2026-{1 + row[2] // 28:02}-{1 + row[2] % 28:02}" for row in rows],
    }  # fmt: skip
    items = {"item": goods, "kind": [one.partition("-")[0] for one in goods]}
    return graft.Recommender(item_category="kind", dimension=6, tries=1).fit(events, items=items).shop


@pytest.fixture(scope="module")
def found(shop):
    return evaluate(shop, tries=1)


def test_new_items_are_told_apart_by_their_content_and_by_nothing_else(found):
    by_items = next(split for split in found.splits if split.name == "items")
    new = next(part for part in by_items.parts if part.name == "new")
    scores = {one.recommender: one for one in new.scores}
    assert new.candidates == 10
    assert scores["model"].ndcg.mean > 1.3 * scores["random"].ndcg.mean
    assert scores["random"].less.low > 0
    assert scores["content neighbours"].ndcg.mean > scores["popularity"].ndcg.mean
    # Without content, hidden items are all alike.
    assert abs(scores["factorisation"].ndcg.mean - scores["popularity"].ndcg.mean) < 0.05


def test_new_items_are_told_with_what_they_are_like(shop, found):
    by_items = next(split for split in found.splits if split.name == "items")
    held = evaluation._items(shop, shop.model.pairs, 0)
    took = np.asarray(held.wanted.sum(axis=0)).ravel()
    took[np.isin(np.arange(len(took)), held.known.pairs.indices)] = 0
    assert [one.took for one in by_items.placed] == sorted(took.tolist(), reverse=True)[:6]
    for one in by_items.placed:
        assert took[shop.items.places[one.item]] == one.took
        assert 0 <= one.listed <= one.took
        # Nothing but their kind is known.
        assert {name.partition("-")[0] for name in one.alike} == {one.item.partition("-")[0]}
        assert not any(name == other.item for name in one.alike for other in by_items.placed)
    # Ten candidates fit into lists of twenty: everybody has them all.
    assert all(one.listed == one.took for one in by_items.placed)


def test_items_are_called_by_what_names_them(shop):
    count = len(shop.items.names)
    kept = {"brand": ("a", "b") * (count // 2), "name": tuple(f"{one} of ours" for one in shop.items.names)}
    assert _titles(replace(shop, columns=kept))[0] == f"{shop.items.names[0]} of ours"
    assert set(_titles(replace(shop, columns={"brand": kept["brand"]}))) == {""}
    assert set(_titles(replace(shop, columns={"brand": (None,) * count}))) == {""}


def test_views_are_judged_alone_too(found):
    for split in found.splits:
        for part in split.parts:
            alone = {one.recommender: one for one in part.components}
            together = {"taken together"} if part.name != "new" else set()
            assert set(alone) == {"factorisation with content", *together}
            assert {one.users for one in part.components} == {part.scores[0].users}
            assert not set(alone) & {one.recommender for one in part.scores}
    by_items = next(split for split in found.splits if split.name == "items")
    known, new = (next(part for part in by_items.parts if part.name == name) for name in ("known", "new"))
    # Content places new items in the vectors; what is taken together knows nothing of them.
    reached = {part.name: {one.recommender: one.ndcg.mean for one in part.components} for part in (known, new)}
    random = {part.name: part.scores[1].ndcg.mean for part in (known, new)}
    assert reached["new"]["factorisation with content"] > 1.3 * random["new"]
    assert reached["known"]["taken together"] > random["known"]


def test_known_items_are_told_apart_by_behaviour(found):
    for split in found.splits:
        known = next(part for part in split.parts if part.name == "known")
        scores = {one.recommender: one.ndcg.mean for one in known.scores}
        assert scores["model"] > scores["random"]
        assert scores["item neighbours"] > scores["random"]
    assert {split.name for split in found.splits} == {"items", "users", "time"}


@pytest.mark.parametrize("hold", [evaluation._items, evaluation._users, evaluation._time])
def test_nothing_that_is_wanted_is_known(shop, hold):
    held = hold(shop, shop.model.pairs, 3)
    known, wanted = held.known.pairs[held.people].toarray() > 0, held.wanted.toarray() > 0
    assert not (known & wanted).any()
    assert wanted.any(axis=1).all()
    whole = shop.model.pairs.pairs[held.people].toarray() > 0
    assert (wanted <= whole).all()
    if held.shown is not None:
        shown = held.shown.pairs.toarray() > 0
        assert not (shown & wanted).any()
        assert not known.any()


def test_what_is_wanted_by_time_comes_later(shop):
    held = evaluation._time(shop, shop.model.pairs, 0)
    when = sparse.csr_array(
        (
            shop.events.day,
            (
                [shop.people.places[shop.events.users[one]] for one in shop.events.user],
                [shop.items.places[shop.events.items[one]] for one in shop.events.item],
            ),
        ),
        shape=shop.model.pairs.pairs.shape,
    ).toarray()
    first = when[held.people][held.wanted.toarray() > 0].min()
    assert when[held.known.pairs.toarray() > 0].max() <= first


def test_the_warm_up_curve_begins_with_content(found):
    points = {point.interactions: point for point in found.curve}
    assert points[0].model.mean == pytest.approx(points[0].content.mean)
    assert points[0].model.mean > points[0].behaviour.mean


def test_warming_up_shows_the_same_events_to_every_model(shop):
    from graft.recommend.fitting import FitChoice, Goods, learn

    goods = Goods(shop.model.pairs, shop.items, shop.people)
    trial = Trial.of(goods, 0)
    model = learn(trial.goods, FitChoice(shop.settings)).model
    moved, stayed = trial.warmed(model, 2), trial.warmed(model, 2, moves=False)
    assert moved.scored.tolist() == stayed.scored.tolist()
    assert trial.warmed(model, 0).values["ndcg"].tolist() == trial.warmed(model, 0, moves=False).values["ndcg"].tolist()


def test_the_record_says_it_in_lines_and_can_be_read_again(found):
    lines = found.lines()
    assert lines[0].startswith("held out by items: ")
    assert any(line.strip().startswith("model") and "NDCG@20" in line for line in lines)
    assert RecommendEvaluation.model_validate_json(found.to_json()) == found


def test_too_little_to_hold_out_is_said():
    tiny = graft.Recommender(dimension=2).fit({"user": ["a", "b"], "item": ["x", "y"]}).shop
    with pytest.raises(InputError, match="nothing can be held out: items: "):
        evaluate(tiny)


def point(after: int, content: tuple[float, float, float], behaviour: tuple[float, float, float]) -> WarmUpPoint:
    some = Interval(0.5, 0.4, 0.6)
    return WarmUpPoint(
        interactions=after, users=50, model=some, content=some, behaviour=some,
        over_content=Interval(*content), over_behaviour=Interval(*behaviour),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        ((0.02, -0.009, 0.04), "holds"),
        ((0.02, -0.011, 0.04), "undecided"),
        ((-0.03, -0.05, -0.011), "broken"),
        ((-0.02, -0.04, -0.009), "undecided"),
    ],
)
def test_the_gate_is_broken_only_by_what_is_sure(second, outcome):
    fine = (0.1, 0.05, 0.2)
    gate = evaluation._gate((point(0, fine, fine), point(1, fine, second)), 0.01)
    assert gate.outcome == outcome
    assert gate.worst == f"the least difference is {second[0]:+.3f}, to behaviour alone after 1 interaction"


def test_an_evaluation_has_a_gate(found):
    first = found.curve[0]
    assert first.interactions == 0
    # Without interactions the model is what content says.
    assert first.over_content is None
    assert first.model == first.content
    assert first.over_behaviour.low <= first.over_behaviour.mean


@pytest.mark.slow
def test_the_gate_is_an_exit_code(shop, tmp_path):
    write_shop(tmp_path / "shop", shop)
    told = {"holds": 0, "broken": 3, "undecided": 4}
    for margin in (0.9, 0.0):
        words = ["recommend", "evaluate", str(tmp_path / "shop"), "--gate", "--margin", str(margin), "--tries", "1"]
        said = CliRunner().invoke(app, words)
        assert said.exit_code == told[evaluate(shop, margin=margin, tries=1).gate.outcome], said.output
    assert evaluate(shop, margin=0.9, tries=1).gate.outcome == "holds"
    assert evaluate(shop, margin=0.0, tries=1).gate.outcome != "holds"
    with pytest.raises(InputError, match="a margin of nan"):
        evaluate(shop, margin=float("nan"))


def test_novelty_is_over_those_who_did_something(shop):
    """Users of whom a table alone knows took nothing, so they cannot make what others took rare."""
    held = evaluation._users(shop, shop.model.pairs, 0)
    lists = shop.model.scores(shop.model.known(held.people)).argsort(axis=1)[:, :-6:-1]
    told = evaluation._reach(lists, held, 0)
    taken = held.known.pairs
    active = np.unique(evaluation._rows(taken))
    share = np.bincount(taken.indices, minlength=taken.shape[1])[lists] / len(active)
    assert len(active) == 48
    assert told.novelty.mean == pytest.approx(-np.log2(share).mean())
    idle = sparse.csr_array((taken.data, taken.indices, np.append(taken.indptr, [taken.nnz] * 600)),
                            shape=(taken.shape[0] + 600, taken.shape[1]))  # fmt: skip
    more = replace(held, known=replace(held.known, pairs=idle))
    assert evaluation._reach(lists, more, 0).novelty.mean == pytest.approx(told.novelty.mean)


def test_what_is_disliked_is_not_popular():
    pairs = Observed(sparse.csr_array(np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0]])), np.array([0, 1, 0, 0, 1], bool))
    assert evaluation._likes(pairs).tolist() == [0, 2]


def test_the_names_of_items_tell_nothing_about_them():
    """What knows nothing of new items is as good as chance on them, though the best have the first names."""
    rng = np.random.default_rng(0)
    liked = rng.random((80, 200)) < np.linspace(0.6, 0.02, 200)
    events = {"user": np.nonzero(liked)[0], "item": [f"i{item:03}" for item in np.nonzero(liked)[1]]}
    shop = graft.Recommender(dimension=4, tries=1).fit(events).shop
    trial = Trial.of(Goods(shop.model.pairs, shop.items, shop.people), 3)

    def quality(scores):
        return trial._lists(scores, trial.new, trial.later).values["ndcg"].mean()

    shape = trial.later.shape
    drawn = np.array([quality(rng.random(shape)) for _ in range(20)])
    by_name = quality(np.tile(np.arange(shape[1], 0.0, -1.0), (shape[0], 1)))
    assert by_name > drawn.max() + 0.1
    assert abs(quality(np.zeros(shape)) - drawn.mean()) < 4 * drawn.std() + 0.01


def test_how_many_people_are_listed_at_once_changes_nothing(shop, found, monkeypatch):
    monkeypatch.setattr(evaluation, "_CELLS", 7 * len(shop.items.names))
    pieces = evaluate(shop, tries=1)
    for one, other in zip(found.splits, pieces.splits, strict=True):
        for whole, part in zip(one.parts, other.parts, strict=True):
            scores, again = ({way.recommender: way for way in of.scores} for of in (whole, part))
            for way in ("random", "popularity", "content neighbours", "item neighbours"):
                assert (scores[way].ndcg, scores[way].recall) == (again[way].ndcg, again[way].recall)
            # A product of another shape may round otherwise, which orders what is all but alike in another way.
            assert again["model"].ndcg.mean == pytest.approx(scores["model"].ndcg.mean, abs=0.05)
