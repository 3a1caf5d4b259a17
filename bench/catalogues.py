"""Events and descriptions of items, as the measurements of recommendations read them.

``titles``: MovieLens small, ratings of 4 and more, titles and genres: thin content. ``tags``: the same with everything
that anybody tagged, users whose likes are hidden too, so its figures flatter whoever reads content, all alike. Only
films that somebody liked. ``requests``: short texts of Clinc150 as items and simulated people who each like some of
its 150 subjects, which nothing but the text tells: rich content. ``planted``: simulated people and items on eight
directions, of which three categories of an item tell a half.
"""

from pathlib import Path

import numpy as np
import polars as pl

from graft.entities.factorisation import Factorisation
from graft.entities.item_features import ItemFeatures
from graft.entities.shop import observed
from graft.recommend.fitting import Goods, known_rows
from graft.rows.events import read_interactions

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_FILMS = ItemFeatures(id="item", text=("title",), category=("genres",))


def titles() -> Goods:
    """Films by title and genres."""
    return _goods(*_films(), _FILMS)


def tags() -> Goods:
    """Films by title, genres and tags."""
    likes, films = _films()
    said = pl.read_csv(_DATA / "movielens_small" / "tags.csv").select(
        pl.col("movieId").alias("item"), pl.col("tag").cast(pl.String)
    )
    joined = said.group_by("item").agg(pl.col("tag").sort().str.join(" "))
    described = films.join(joined, on="item", how="left")
    return _goods(likes, described, ItemFeatures(id="item", text=("title", "tag"), category=("genres",)))


def requests(people: int = 600, each: int = 20) -> Goods:
    """Simulated readers of real texts: ``each`` texts of every intent."""
    rng = np.random.default_rng(0)
    rows = pl.read_csv(_DATA / "clinc150" / "train.csv").sample(fraction=1.0, shuffle=True, seed=0)
    rows = rows.group_by("label", maintain_order=True).head(each).with_row_index("item")
    subject = rows["label"].rank("dense").to_numpy() - 1
    subjects = int(subject.max()) + 1
    drawn = rng.permutation(1 / np.arange(5, len(subject) + 5) ** 0.7)
    events: list[tuple[int, int]] = []
    for one in range(people):
        liked = np.full(subjects, 0.1 / subjects)
        liked[rng.choice(subjects, 4, replace=False)] += rng.dirichlet(np.ones(4))
        chance = drawn * liked[subject]
        taken = rng.choice(len(subject), int(rng.integers(10, 50)), replace=False, p=chance / chance.sum())
        events += [(one, int(item)) for item in taken]
    likes = pl.DataFrame(events, schema=["user", "item"], orient="row")
    return _goods(likes, rows, ItemFeatures(id="item", text=("text",)))


def planted(people: int = 600, items: int = 2_000, dimension: int = 8) -> Goods:
    """Simulated likes on a few directions, of which categories tell a part."""
    rng = np.random.default_rng(1)
    kinds = rng.integers(0, 30, (items, 3)) + 30 * np.arange(3)
    places = rng.normal(size=(90, dimension))
    things = places[kinds].sum(axis=1) / np.sqrt(6) + rng.normal(size=(items, dimension)) / np.sqrt(2)
    wanted = 2.0 * rng.normal(size=(people, dimension)) @ things.T / np.sqrt(dimension) + rng.normal(size=items)
    events = [
        (one, int(item))
        for one in range(people)
        for item in np.argsort(-(wanted[one] + rng.gumbel(size=items)))[: int(rng.integers(10, 60))]
    ]
    said = pl.DataFrame({"item": np.arange(items), "kinds": [[f"k{kind}" for kind in row] for row in kinds]})
    likes = pl.DataFrame(events, schema=["user", "item"], orient="row")
    return _goods(likes, said, ItemFeatures(id="item", category=("kinds",)))


CATALOGUES = {"titles": titles, "tags": tags, "requests": requests, "planted": planted}


def _films() -> tuple[pl.DataFrame, pl.DataFrame]:
    folder = _DATA / "movielens_small"
    likes = pl.read_csv(folder / "ratings.csv").filter(pl.col("rating") >= 4)
    films = pl.read_csv(folder / "movies.csv").rename({"movieId": "item"})
    return likes.select(pl.col("userId").alias("user"), pl.col("movieId").alias("item")), films


def _goods(likes: pl.DataFrame, items: pl.DataFrame, features: ItemFeatures) -> Goods:
    events = read_interactions(likes)
    described = items.filter(pl.col("item").is_in(likes["item"].unique().to_list()))
    things = known_rows(sorted(events.items), features.fit(described).transform(described))
    people = known_rows(sorted(events.users), None)
    return Goods(observed(events, people.places, things.places, Factorisation()), things, people)
