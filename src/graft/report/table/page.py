"""The page of an embedding table: one HTML file, whole in itself.

Decisions: it looks like the report of a study and shares its style; nothing is loaded from anywhere; the one script is
ours, and the content security policy names its digest, so nothing that came with the data can run; the data of the map
stands in the page as JSON of ASCII alone, with the signs that could end the element or start another escaped, and the
script puts texts into the page as text, never as markup; the map is a picture of the lists below it, so without
scripts, on paper and to a screen reader the page says the same.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from graft.core.files import write_text
from graft.core.version import __version__
from graft.facts.table import Row, TableFacts, TableOverview
from graft.report.shared.environment import file_as_it_is, templates
from graft.report.shared.formats import clean, excerpt
from graft.report.table import words

TITLES = {
    "map": "Map of the rows",
    "clusters": "Groups",
    "outliers": "Rows far from all others",
    "duplicates": "Near-duplicates",
    "facts": "The table",
    "words": "How to read this",
}
METHODS = {"pca": "Principal components", "umap": "UMAP"}
_LONGEST_NAME = 60
FIRST = 10  # rows of a long list that are always shown


def render_table_page(facts: TableFacts) -> str:
    """The page of a table as HTML."""
    overview = facts.overview
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


def write_table_page(facts: TableFacts, path: Path) -> None:
    """Write the page of a table to ``path``, whole or not at all. Raises OutputError where it cannot."""
    write_text(path, render_table_page(facts))


def row_words(row: Row) -> str:
    """What a row is called in a list: its text, or its id where it has none."""
    return row.text or row.id


def map_data(overview: TableOverview) -> Markup:
    """JSON for a ``script`` element of type ``application/json``."""
    points = overview.points
    clusters = overview.clustering.clusters
    data = {
        "ids": _clean(row.id for row in points.rows),
        "texts": _clean(row.text for row in points.rows),
        "outliers": [place for place, flagged in enumerate(points.outlier) if flagged],
        "near": points.near,
        "distances": points.distances,
        "maps": [{"name": METHODS[one.method], "x": one.across, "y": one.up} for one in overview.maps],
        "colours": [
            {
                "name": "group",
                "values": [_short(f"{place + 1} · {one.name}") for place, one in enumerate(clusters)],
                "marks": [_short(_mark(one.words, one.name), 28) for one in clusters],
                "codes": points.cluster,
            },
            *(
                {
                    "name": _short(one.column),
                    "values": [_short(value) for value in one.values],
                    "marks": [_short(value, 28) for value in one.values],
                    "codes": one.codes,
                }
                for one in points.columns
            ),
        ],
    }
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _mark(words: Sequence[str], name: str) -> str:
    return ", ".join(words[:2]) if words else name


def _clean(texts: Iterable[str]) -> list[str]:
    return [clean(text) for text in texts]


def _short(text: str, length: int = _LONGEST_NAME) -> str:
    return excerpt(text, length)


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
