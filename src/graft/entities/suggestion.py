"""Which signal to embed an entity from, for what, and how.

Decisions: an answer is drawn from the tables of ``advice.yaml`` alone; every task of the entity appears in it, with
what it lacks when nothing given can do it; a word nobody knows is refused with the words that are known.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from graft.core.errors import InputError
from graft.core.several import several


@dataclass(frozen=True)
class Signal:
    """A kind of data. name: as given to ``--has``. meaning: one row of it. also: other words for it."""

    name: str
    meaning: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class EntityKind:
    """A kind of entity. also: other words for it."""

    name: str
    meaning: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trap:
    """How an embedding misleads, and what to do about it."""

    name: str
    text: str


@dataclass(frozen=True)
class EmbedderRecipe:
    """One embedder on one kind of data.

    every: signals that must be there. some: of these, at least one must (none named: none needed). better: signals it
    also uses. needs: how much data. traps: their names. call: lines of Python; tables are named as signals are;
    ``{rows}`` is the best of ``some`` that is there, and ``{how}`` its settings.
    """

    name: str
    entity: str
    embedder: str
    every: tuple[str, ...]
    because: str
    needs: str
    traps: tuple[str, ...]
    call: tuple[str, ...]
    some: tuple[str, ...] = ()
    better: tuple[str, ...] = ()

    def works_with(self, has: frozenset[str]) -> bool:
        """Whether these signals are enough."""
        return has.issuperset(self.every) and (not self.some or bool(has.intersection(self.some)))


@dataclass(frozen=True)
class Company:
    """What things keep company in. how: the settings that read it."""

    name: str
    how: str


@dataclass(frozen=True)
class EntityTask:
    """What vectors of an entity are for. recipes: names, the best first."""

    name: str
    entity: str
    question: str
    recipes: tuple[str, ...]


@dataclass(frozen=True)
class Advice:
    """The tables of ``advice.yaml``. company: the nearest first."""

    signals: tuple[Signal, ...]
    kinds: tuple[EntityKind, ...]
    company: tuple[Company, ...]
    traps: tuple[Trap, ...]
    recipes: tuple[EmbedderRecipe, ...]
    tasks: tuple[EntityTask, ...]


ADVICE = TypeAdapter(Advice).validate_python(
    yaml.safe_load(Path(__file__).with_name("advice.yaml").read_text(encoding="utf-8"))
)


@dataclass(frozen=True)
class PossibleRecipe:
    """A recipe the data allows.

    best_for: tasks it comes first in. also_for: tasks it can do as well. using: of the signals that are no must, those
    it uses. call: lines of Python.
    """

    recipe: EmbedderRecipe
    best_for: tuple[str, ...]
    also_for: tuple[str, ...]
    using: tuple[str, ...]
    traps: tuple[Trap, ...]
    call: tuple[str, ...]


@dataclass(frozen=True)
class Lacking:
    """Signals that would have to be added for a recipe; ``either``: one of these as well."""

    recipe: str
    signals: tuple[str, ...]
    either: tuple[str, ...]

    def __str__(self) -> str:
        either = " or ".join(self.either)
        return " and ".join([*self.signals, *([either] if either else [])])


@dataclass(frozen=True)
class TaskAdvice:
    """What to do about one task. recipe: its name, or "" when nothing given can. more: what would do it better."""

    task: EntityTask
    recipe: str
    more: tuple[Lacking, ...]


@dataclass(frozen=True)
class Suggestion:
    """What to embed an entity from. choices: the most useful first. answers: one for each task of the entity."""

    entity: str
    has: tuple[str, ...]
    choices: tuple[PossibleRecipe, ...]
    answers: tuple[TaskAdvice, ...]
    unused: tuple[str, ...]


def suggest(entity: str, has: str | Iterable[str]) -> Suggestion:
    """Which embedders suit an entity, given the signals there are.

    entity: product, user, category or text, or another word for one. has: names of signals (text, categories, tree,
    baskets, sessions, histories, segments), or other words for them. Raises InputError for a word that is not known.

    >>> [choice.recipe.name for choice in suggest("product", ["baskets"]).choices]
    ['baskets']
    """
    kind = _known(entity, ADVICE.kinds, "an entity")
    given = dict.fromkeys(_known(word, ADVICE.signals, "a signal") for word in several(has))
    signals = tuple(signal.name for signal in ADVICE.signals if signal.name in given)
    there = frozenset(signals)
    answers = tuple(_answer(task, there) for task in ADVICE.tasks if task.entity == kind)
    possible = [recipe for recipe in ADVICE.recipes if recipe.entity == kind and recipe.works_with(there)]
    choices = [_choice(recipe, answers, there) for recipe in possible]
    choices = [choice for choice in choices if not _outdone(choice, choices)]
    choices.sort(key=lambda choice: (-len(choice.best_for), -len(choice.also_for)))
    used = {name for choice in choices for name in (*choice.recipe.every, *choice.using)}
    return Suggestion(kind, signals, tuple(choices), answers, tuple(name for name in signals if name not in used))


def _known(word: str, table: Sequence[EntityKind | Signal], what: str) -> str:
    sought = word.strip().lower()
    for row in table:
        if sought == row.name or sought in row.also:
            return row.name
    for row in table:
        # People write one or many.
        if sought.rstrip("s") in {name.rstrip("s") for name in (row.name, *row.also)}:
            return row.name
    names = "; ".join(f"{row.name} ({row.meaning}; also {', '.join(row.also)})" for row in table)
    raise InputError(f"{word!r} is not {what} Graft knows", needed=f"one of {names}", fix="choose the nearest of them")


def _recipe(name: str, entity: str) -> EmbedderRecipe:
    return next(recipe for recipe in ADVICE.recipes if recipe.name == name and recipe.entity == entity)


def _answer(task: EntityTask, there: frozenset[str]) -> TaskAdvice:
    ranked = [_recipe(name, task.entity) for name in task.recipes]
    place = next((place for place, recipe in enumerate(ranked) if recipe.works_with(there)), len(ranked))
    # Of recipes that lack the same, the best is enough.
    lacking = [_lacking(recipe, there) for recipe in ranked[:place]]
    more = tuple({(each.signals, each.either): each for each in reversed(lacking)}.values())[::-1]
    return TaskAdvice(task, ranked[place].name if place < len(ranked) else "", more)


def _lacking(recipe: EmbedderRecipe, there: frozenset[str]) -> Lacking:
    either = () if there.intersection(recipe.some) else recipe.some
    return Lacking(recipe.name, tuple(name for name in recipe.every if name not in there), either)


def _outdone(choice: PossibleRecipe, choices: Sequence[PossibleRecipe]) -> bool:
    """Whether the same embedder, on more, is the best for everything this one can do."""
    return not choice.best_for and any(
        other.recipe.embedder == choice.recipe.embedder and set(other.best_for) >= set(choice.also_for)
        for other in choices
    )


def _choice(recipe: EmbedderRecipe, answers: Sequence[TaskAdvice], there: frozenset[str]) -> PossibleRecipe:
    best = tuple(answer.task.name for answer in answers if answer.recipe == recipe.name)
    able = tuple(answer.task.name for answer in answers if recipe.name in answer.task.recipes)
    traps = tuple(trap for name in recipe.traps for trap in ADVICE.traps if trap.name == name)
    company = next(
        (company for company in ADVICE.company if company.name in recipe.some and company.name in there), None
    )
    using = tuple(name for name in (*recipe.better, *([company.name] if company else [])) if name in there)
    call = tuple(
        line.replace("{rows}", company.name).replace("{how}", company.how) if company else line for line in recipe.call
    )
    return PossibleRecipe(recipe, best, tuple(name for name in able if name not in best), using, traps, call)


def render(suggestion: Suggestion, *, width: int = 100) -> tuple[str, ...]:
    """The suggestion as lines of plain text, at most ``width`` characters wide except for code."""
    has = ", ".join(suggestion.has) or "nothing"
    lines = [f"{suggestion.entity}: from {has}", ""]
    lines += _tasks(suggestion.answers, width)
    explained: set[str] = set()
    for number, choice in enumerate(suggestion.choices, 1):
        lines += ["", f"{number}. {choice.recipe.name}: {choice.recipe.embedder}"]
        if choice.best_for:
            lines += _paragraph("best for", ", ".join(choice.best_for), width)
        if choice.also_for:
            lines += _paragraph("also for", ", ".join(choice.also_for), width)
        lines += _paragraph("because", choice.recipe.because, width)
        lines += _paragraph("needs", choice.recipe.needs, width)
        if choice.using:
            lines += _paragraph("also uses", ", ".join(choice.using), width)
        for trap in choice.traps:
            # Said once, named afterwards.
            text = f"{trap.name} (see above)" if trap.name in explained else f"{trap.name}: {trap.text}"
            lines += _paragraph("trap", text, width)
            explained.add(trap.name)
        lines += [f"   {'call' if not row else '':10} {code}" for row, code in enumerate(choice.call)]
    if suggestion.unused:
        text = f"{', '.join(suggestion.unused)}: nothing suggested here reads it"
        lines += ["", *_paragraph("not used", text, width)]
    return tuple(line.rstrip() for line in lines)


def _tasks(answers: Sequence[TaskAdvice], width: int) -> list[str]:
    lines = ["Which signal for which task"]
    for answer in answers:
        use = f"use {answer.recipe}" if answer.recipe else "nothing given can say"
        better = "; ".join(f"{lacking.recipe} needs {lacking}" for lacking in answer.more)
        text = f"{answer.task.question} {use}" + (f" ({'better: ' if answer.recipe else ''}{better})" if better else "")
        lines += _paragraph(answer.task.name, text, width, label=16)
    return lines


def _paragraph(name: str, text: str, width: int, *, label: int = 10) -> list[str]:
    """``name`` in a column of its own, the text beside it."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=f"   {name:{label}} ",
        subsequent_indent=" " * (label + 4),
        break_on_hyphens=False,
        break_long_words=False,
    )
