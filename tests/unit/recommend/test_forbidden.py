"""Signals out of bounds: columns that stand for them, vectors that tell them, content that was made too late."""

import numpy as np
import pytest

import graft
from graft.core.errors import InputError
from graft.recommend.evaluation import evaluate

KINDS = ("tea", "coffee", "wine")
GOODS = [f"{kind}-{number}" for kind in KINDS for number in range(16)]


def rows() -> dict[str, list[str]]:
    rng = np.random.default_rng(0)
    taken = [
        (user, item, int(rng.integers(0, 300)))
        for user in range(120)
        for item in GOODS
        if rng.random() < (0.5 if item.startswith(KINDS[user % 3]) else 0.03)
    ]
    return {
        "user": [f"u{one[0]}" for one in taken], "item": [one[1] for one in taken],
        "datetime": [f"2026-{1 + one[2] // 28:02}-{1 + one[2] % 28:02}" for one in taken],
    }  # fmt: skip


EVENTS = rows()
USERS = {
    "user": [f"u{user}" for user in range(120)],
    "origin": [("a", "b", "c")[user % 3] for user in range(120)],
    "post": [f"p{user % 30}" for user in range(120)],
    "age": [20 + user // 3 for user in range(120)],
}
ITEMS = {
    "item": GOODS, "kind": [one.partition("-")[0] for one in GOODS],
    "sold": [EVENTS["item"].count(one) for one in GOODS],
    "at": ["2026-01-01"] * 36 + ["2027-01-01"] * 8 + [None] * 4, "who": ["u0, u1"] * 24 + ["x"] * 24,
}  # fmt: skip


def fitted(**more: object) -> graft.Recommender:
    given = {"item_category": "kind", "user_category": "post", "user_number": "age", "dimension": 6, "tries": 1, **more}
    return graft.Recommender(**given).fit(EVENTS, items=ITEMS, users=USERS)


@pytest.mark.slow
def test_a_column_that_stands_for_it_is_left_out():
    made = fitted(forbid="origin")
    probes = {one.of: one for one in made.proxies}
    assert probes["the column 'post'"].left_out
    assert probes["the column 'post'"].area.mean == 1
    assert not probes["the column 'age'"].left_out
    assert not probes["the column 'age'"].leaks
    assert made.shop.person_features.settings.columns == ("age",)
    assert made.shop.forbidden == ("origin",)
    assert fitted(forbid="origin", proxy_limit=1).shop.person_features.settings.columns == ("post", "age")
    assert "the column 'post' tells it; left out: area 1.00" in probes["the column 'post'"].line()


def test_nothing_but_proxies():
    with pytest.raises(InputError, match="every column that is used stands for 'origin': post"):
        fitted(forbid="origin", user_number=())
    with pytest.raises(InputError, match="'origin' is named and forbidden"):
        fitted(forbid="origin", user_category=("origin", "post"))
    with pytest.raises(InputError, match="the forbidden column 'orign' is in no table"):
        fitted(forbid="orign")
    with pytest.raises(InputError, match=r"a limit of 0\.5 for proxies"):
        fitted(forbid="origin", proxy_limit=0.5)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    fitted(forbid=("origin", "at"), made_by="who", item_number="sold").save(folder / "shop")
    return graft.Recommender.load(folder / "shop")


@pytest.mark.slow
def test_what_people_took_tells_it_all_the_same(made):
    found = evaluate(made.shop, users=USERS, tries=1)
    origin, at = found.leakage
    assert (origin.of, origin.leaks) == ("user vectors", True)
    assert origin.area.mean > 0.95
    assert at.why == "not probed: give a table that has the column 'at' again"
    assert found.from_json(found.to_json(), "it") == found
    numbers = [one.why for one in found.content_leakage if one.split == "items"]
    assert len(numbers) == 1
    assert numbers[0].startswith("the numbers of 'sold' follow how often items were taken")
    by = next(one for one in found.content_leakage if one.split == "users")
    assert by.blanked
    assert by.items in (0, 24)


@pytest.mark.slow
def test_content_of_later_than_the_split_is_not_known_before_it():
    shop = fitted(made="at").shop
    held = next(one for one in evaluate(shop, tries=1).content_leakage if one.split == "time")
    assert (held.items, held.of, held.blanked) == (12, 48, True)
    assert held.why == "the content of 12 of 48 items was made after the split (of 4 nobody knows when)"
    untold = [one for one in evaluate(fitted().shop, tries=1).content_leakage if one.split == "time"]
    assert [one.blanked for one in untold] == [False]


@pytest.mark.slow
def test_a_probe_needs_rows():
    shop = fitted(forbid="origin").shop
    few = {name: column[:10] for name, column in USERS.items()}
    (probe,) = evaluate(shop, users=few, tries=1).leakage
    assert probe.why == "not probed: 0 rows of 0 classes with 5 rows or more"
