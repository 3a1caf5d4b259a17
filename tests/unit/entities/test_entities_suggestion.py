"""The chooser: every combination of entity and signals has an answer that can be read and run."""

from functools import partial
from itertools import combinations

import polars as pl
import pytest

import tiny
from graft import entities
from graft.core.errors import InputError
from graft.entities.suggestion import ADVICE, render, suggest

NAMES = [signal.name for signal in ADVICE.signals]
SUBSETS = [frozenset(each) for size in range(len(NAMES) + 1) for each in combinations(NAMES, size)]


@pytest.mark.parametrize("kind", [kind.name for kind in ADVICE.kinds])
def test_every_combination_has_an_answer(kind):
    for has in SUBSETS:
        found = suggest(kind, has)
        assert found.has == tuple(name for name in NAMES if name in has)
        assert [answer.task for answer in found.answers] == [task for task in ADVICE.tasks if task.entity == kind]
        names = [choice.recipe.name for choice in found.choices]
        assert len(set(names)) == len(names)
        for choice in found.choices:
            assert choice.recipe.works_with(has)
            assert set(choice.using) <= has
            assert choice.best_for or choice.also_for
            assert not any("{" in line for line in choice.call)
            assert len(choice.traps) == len(choice.recipe.traps)
        for answer in found.answers:
            assert not answer.recipe or answer.recipe in names
            for lacking in answer.more:
                assert lacking.signals or lacking.either
                # What is lacking is enough.
                more = has | set(lacking.signals) | set(lacking.either[:1])
                then = next(each.recipe for each in suggest(kind, more).answers if each.task == answer.task)
                ranked = answer.task.recipes
                assert ranked.index(then) <= ranked.index(lacking.recipe)
        if not found.choices:
            assert all(answer.more for answer in found.answers)
        lines = render(found)
        text = " ".join(" ".join(lines).split())
        assert all(task.question in text for task in ADVICE.tasks if task.entity == kind)
        assert all(len(line) <= 100 for line in lines if "=" not in line)
        assert all(line in text for choice in found.choices for line in choice.call)


def test_more_signals_never_take_an_answer_away():
    for kind in ADVICE.kinds:
        for has in SUBSETS:
            before = {answer.task.name for answer in suggest(kind.name, has).answers if answer.recipe}
            for name in set(NAMES) - has:
                after = {answer.task.name for answer in suggest(kind.name, has | {name}).answers if answer.recipe}
                assert before <= after


@pytest.mark.parametrize(
    ("entity", "has", "task", "recipe"),
    [
        ("product", "text,baskets", "substitutes", "text"),
        ("product", "text,baskets", "complements", "baskets"),
        ("product", "text,baskets", "cold items", "both"),
        ("product", "text,categories", "substitutes", "content"),
        ("product", "baskets", "cold items", ""),
        ("product", "baskets", "search", ""),
        ("film", "ratings", "next", "shared-taste"),
        ("Customers", "purchases", "recommend", "histories"),
        ("customer", "purchases,cohorts", "new users", "segments"),
        ("category", "orders,taxonomy", "rows in a tree", "branch"),
        ("genre", "sessions", "related", "company"),
        ("ticket", "message", "search", "text"),
    ],
)
def test_which_signal_for_which_task(entity, has, task, recipe):
    answers = {answer.task.name: answer.recipe for answer in suggest(entity, has.split(",")).answers}
    assert answers[task] == recipe


def test_words_nobody_knows_are_refused_with_those_there_are():
    with pytest.raises(InputError, match="'spaceship' is not an entity") as caught:
        suggest("spaceship", ["text"])
    assert all(kind.name in str(caught.value) for kind in ADVICE.kinds)
    with pytest.raises(InputError, match="'vibes' is not a signal") as caught:
        suggest("product", ["text", "vibes"])
    assert all(name in str(caught.value) for name in NAMES)


def test_the_tables_fit_together():
    for recipe in ADVICE.recipes:
        assert {*recipe.every, *recipe.some, *recipe.better} <= set(NAMES)
        assert set(recipe.traps) <= {trap.name for trap in ADVICE.traps}
        assert recipe.embedder in entities.__all__
        assert recipe.embedder in " ".join(recipe.call)
        assert any(recipe.name in task.recipes for task in ADVICE.tasks if task.entity == recipe.entity)
    for task in ADVICE.tasks:
        assert set(task.recipes) <= {recipe.name for recipe in ADVICE.recipes if recipe.entity == task.entity}
    assert {name for recipe in ADVICE.recipes for name in recipe.traps} == {trap.name for trap in ADVICE.traps}
    for table in (ADVICE.kinds, ADVICE.signals):
        words = [word for row in table for word in (row.name, *row.also)]
        assert len(words) == len(set(words)), "a word means one thing"
    assert len({(recipe.name, recipe.entity) for recipe in ADVICE.recipes}) == len(ADVICE.recipes)


def tables() -> dict[str, pl.DataFrame]:
    """Tables as the calls name them, three items a basket and large enough for 64 dimensions."""
    numbers = pl.DataFrame({"row": range(1200)})
    company = numbers.select(
        item="i" + ((pl.col("row") * 7 + pl.col("row") // 3) % 90).cast(pl.String),
        group=(pl.col("row") // 3).cast(pl.String),
        time=pl.col("row") * 3600,
        category="Home > Kitchen > c" + (pl.col("row") * 11 % 30).cast(pl.String),
    )
    catalogue = pl.DataFrame({"id": [f"i{n}" for n in range(90)], "title": tiny.texts(*[3] * 90)})
    users = company.with_columns(user=(pl.col("group").cast(pl.Int64) % 40).cast(pl.String))
    return {
        "baskets": company.rename({"group": "basket"}),
        "sessions": company.rename({"group": "session"}),
        "histories": users,
        "text": catalogue.with_columns(description=pl.col("title"), category=pl.lit("Home > Kitchen")),
        "segments": users.select("user").unique().with_columns(segment=pl.lit("north")),
        "tree": pl.DataFrame({"child": ["Home > Kitchen"], "parent": ["Home"]}),
    }


@pytest.mark.parametrize("recipe", ADVICE.recipes, ids=lambda recipe: f"{recipe.entity}-{recipe.name}")
def test_the_calls_run_as_they_stand(recipe):
    source = f"path:{tiny.encoder().weights.directory}"
    names = {name: getattr(entities, name) for name in entities.__all__}
    names |= {name: partial(names[name], source=source) for name in ("TextEntities", "ItemsFromContent")}
    for company in ADVICE.company if recipe.some else ADVICE.company[:1]:
        found = suggest(recipe.entity, {*recipe.every, *([company.name] if recipe.some else [])})
        choice = next(choice for choice in found.choices if choice.recipe is recipe)
        scope = names | tables()
        exec("\n".join(choice.call), scope)
        assert scope["placed"].known.any()
