"""The card of a source that was adapted without labels: what it is, what it learnt, what it forgot, what it is made of.

Decision: the licence is what the original states, because a changed copy stays under it; what the rows ask for is in
the lineage, and both are answered by ``graft assets check``.
"""

import math

import yaml

from graft.facts.adaptation import AdaptationRecord, ForgettingFact
from graft.governance.emit.ancestry import Ancestor, hub_parent
from graft.governance.emit.facts import ModelFacts
from graft.governance.emit.front_matter import licence_entries
from graft.governance.emit.model_card import line, table
from graft.governance.records import Asset

_POINTS = 8


def adapted_card(record: AdaptationRecord, base: Asset) -> str:
    """README.md. base: the original, as it was read."""
    entries = licence_entries(ModelFacts(name=record.name, task="embedding", licence=record.source_licences))
    named = hub_parent(Ancestor(base.identity, base))
    if named:
        entries |= {"base_model": named, "base_model_relation": "finetune"}
    head: dict[str, object] = {**entries, "tags": ["graft", record.method]}
    parts = [
        f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=4096)}---",
        f"# {line(record.name)}",
        f"`{line(record.source)}`, adapted to {record.learnt:,} contents of {line(record.data)} without labels, by "
        f"{record.title}. Whether that helps on labelled rows is what `graft study` says: give it this source and the "
        "original together.",
        "## What it learnt",
        _learnt(record),
        "## What it forgot",
        table(("measured", "on", "original", "now"), [_forgotten(one) for one in record.forgetting]),
        "\n".join(f"- {one.name}: {one.meaning}." for one in _once(record.forgetting)),
        "## What it is made from",
        table(
            ("", "name", "digest", "licence"),
            [
                ("fine-tuned from", line(record.source), record.source_digest[:16], _licence(record.source_licences)),
                ("trained on", line(record.data), record.data_digest[:16], _licence(record.data_licences)),
            ],
        ),
        f"Seed {record.seed}, {record.batch} contents a step, rate {record.rate:g}, {record.steps:,} steps of at most "
        f"{record.planned:,}. The same rows, source and seed give the same weights on the same machine.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _learnt(record: AdaptationRecord) -> str:
    first, best = record.curve[0].held, min(one.held for one in record.curve if math.isfinite(one.held))
    every = max(1, len(record.curve) // _POINTS)
    shown = [one for place, one in enumerate(record.curve) if place % every == 0 or one.step == record.best_step]
    apart = f"Its loss a token on {record.held:,} contents that were kept apart fell from {first:.3f} to {best:.3f}"
    rows: list[tuple[str, ...]] = [
        (f"{one.step:,}", "" if math.isnan(one.train) else f"{one.train:.3f}", f"{one.held:.3f}") for one in shown
    ]
    cut = f" Of {record.cut:,} contents, only the first {record.limit:,} {record.unit} were read." if record.cut else ""
    return f"{apart}, best after {record.best_step:,} steps ({line(record.stopped)}).{cut}\n\n" + table(
        ("step", "loss of what is learnt", "loss of what is kept apart"), rows
    )


def _forgotten(one: ForgettingFact) -> tuple[str, ...]:
    before = "1" if one.before is None else f"{one.before:.3f}"
    return one.name, f"{line(one.where)} ({one.contents:,})", before, f"{one.after:.3f}"


def _once(found: tuple[ForgettingFact, ...]) -> list[ForgettingFact]:
    return list({one.name: one for one in found}.values())


def _licence(stated: str) -> str:
    return line(stated) or "none stated"
