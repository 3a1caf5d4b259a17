"""Tables whose page is looked at: a friendly one and a hostile one."""

from functools import cache

import numpy as np

from graft.facts.table import IndexFact, TableFacts, TableOverview, VersionFact
from graft.tables.neighbourhood.overview import overview
from unit.tables.clouds import apart

ATTACKS = (
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "<!--<script>",
    "\"'><img src=x onerror=\"document.title='owned'\">",
    "line\u2028and\u2029paragraph, \x00 nul, \x1b[31m red, \ud800 alone, \u202e turned",
    "&lt;b&gt; {{ 7 * 7 }} ${7*7} javascript:alert(1)",
    "x" * 400,
)
KINDS = ("my card is lost", "exchange fee too high", "train to town is late")


def look(texts: list[str], ids: list[str], columns: dict[str, list[object]]) -> TableOverview:
    rng = np.random.default_rng(1)
    vectors = apart((90, 70, 60), rng, noise=0.8)
    vectors[11] = vectors[10]
    return overview(ids, vectors, texts, columns, rng=np.random.default_rng(0), umap=False)


def _friendly() -> TableOverview:
    kinds = np.repeat(np.arange(3), (90, 70, 60)).tolist()
    texts = [f"{KINDS[kind]} {row % 7}" for row, kind in enumerate(kinds)]
    columns: dict[str, list[object]] = {"kind": [("card", "fee", "train")[kind] for kind in kinds]}
    return look(texts, [f"t{row}" for row in range(220)], columns)


def _hostile() -> TableOverview:
    texts = [f"{ATTACKS[row % len(ATTACKS)]} attack{row % 3}" for row in range(220)]
    ids = [f"{row}{ATTACKS[row % len(ATTACKS)]}" for row in range(220)]
    kinds: list[object] = [ATTACKS[(row * 7) // 220] for row in range(220)]
    return look(texts, ids, {ATTACKS[0]: kinds, ATTACKS[1]: [row % 90 for row in range(220)]})


@cache
def friendly() -> TableFacts:
    return TableFacts(
        name="vectors/tickets",
        space="0f" * 16,
        source="minilm",
        version=3,
        versions=(VersionFact(3, "2026-02-01 10:00", "upsert", 20), VersionFact(2, "2026-01-31 09:00", "optimize")),
        index=IndexFact("usearch", "of the current version", 0.995, 500),
        content=("message",),
        overview=_friendly(),
    )


@cache
def hostile() -> TableFacts:
    return TableFacts(
        name=ATTACKS[1],
        space=ATTACKS[0],
        source=ATTACKS[3],
        precision=ATTACKS[2],
        version=0,
        versions=(VersionFact(0, ATTACKS[4], ATTACKS[1]),),
        index=IndexFact(ATTACKS[0], ATTACKS[1]),
        id_column=ATTACKS[3],
        content=(ATTACKS[1], ATTACKS[4]),
        overview=_hostile(),
    )
