"""The templates of every page, and what an expression in one prints."""

from collections.abc import Callable, Mapping
from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from graft.report.shared import formats

_FILTERS = {
    "number": formats.number,
    "count": formats.count,
    "percent": formats.percent,
    "sentence": formats.sentence,
    "excerpt": formats.excerpt,
    "plural": formats.plural,
}


def templates(
    page: str,
    filters: Mapping[str, Callable[..., object]],
    functions: Mapping[str, Callable[..., object]] | None = None,
) -> Environment:
    """The templates of a page (its folder), with these filters and functions beside those that every page has."""
    environment = Environment(
        loader=ChoiceLoader([_loader(page), _loader("shared")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {**_FILTERS, **filters}
    environment.globals |= functions or {}
    return environment


@cache
def file_as_it_is(page: str, name: str) -> str:
    """A file beside the templates of a page, nothing filled in."""
    return _loader(page).get_source(Environment(), name)[0]


def _loader(page: str) -> PackageLoader:
    return PackageLoader(f"graft.report.{page}", "templates")


def _printed(value: object) -> object:
    """What an expression in a template prints: text without control characters, a dash for nothing."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return formats.NOTHING
    return formats.clean(value) if isinstance(value, str) else value
