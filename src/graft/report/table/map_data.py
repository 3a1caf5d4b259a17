"""The rows on the map, as the script of the page reads them.

Decisions: the data stands in the page as JSON of ASCII alone, with the signs that could end the element or start
another escaped; the script puts texts into the page as text, never as markup.
"""

import json
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from graft.facts.table import TableOverview
from graft.report.shared.formats import clean, excerpt

METHODS = {"pca": "Principal components", "umap": "UMAP"}
_LONGEST_NAME = 60


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
