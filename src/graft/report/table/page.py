"""The page of an embedding table: one HTML file, whole in itself.

Decisions: it looks like the report of a study and shares its style; nothing is loaded from anywhere; the one script is
ours, and the content security policy names its digest, so nothing that came with the data can run; the map is a picture
of the lists below it, so without scripts, on paper and to a screen reader the page says the same.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from graft.core.files import write_text
from graft.core.version import __version__
from graft.facts.table import Row, TableFacts, TableOverview
from graft.report.shared.environment import file_as_it_is, templates
from graft.report.table import words
from graft.report.table.map_data import METHODS, map_data

TITLES = {
    "map": "Map of the rows",
    "clusters": "Groups",
    "outliers": "Rows far from all others",
    "duplicates": "Near-duplicates",
    "facts": "The table",
    "words": "How to read this",
}
FIRST = 10  # rows of a long list that are always shown


def render_table_page(overview: TableOverview, facts: TableFacts) -> str:
    """The page of a table as HTML."""
    script = file_as_it_is("table", "map.js.j2")
    places = {row.id: place for place, row in enumerate(overview.points.rows)}
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            overview=overview,
            facts=facts,
            titles=TITLES,
            methods=METHODS,
            first=FIRST,
            version=__version__,
            style=Markup(file_as_it_is("shared", "style.css") + file_as_it_is("table", "page.css.j2")),
            script=Markup(script),
            digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            data=map_data(overview),
            place=lambda row: places.get(row.id, -1),
            summary=words.summary(overview),
            separation=words.separation_words(overview),
            cautions=words.table_cautions(overview),
        )
    )


def write_table_page(overview: TableOverview, facts: TableFacts, path: Path) -> None:
    """Write the page of a table to ``path``, whole or not at all. Raises OutputError where it cannot."""
    write_text(path, render_table_page(overview, facts))


def row_words(row: Row) -> str:
    """What a row is called in a list: its text, or its id where it has none."""
    return row.text or row.id


@cache
def _environment() -> Environment:
    return templates(
        "table",
        {
            "called": row_words,
            "map_words": words.map_words,
            "found_words": words.outliers_found,
            "found_meaning": words.outliers_meaning,
        },
    )
