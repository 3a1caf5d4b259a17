"""The model card: what a saved model is, how well it does, what it is made from and what that asks for.

Decisions: the card is written for the person who has to answer for the model; what is not settled is said to be
unsettled. Words of others are made safe to stand in Markdown: text from a card, a column or a file is escaped, so it
can be neither a heading, a link, a table border nor HTML; one-line places get one line; control characters are dropped.
What a person reads stays the same words.
"""

import re
from collections.abc import Iterator, Sequence

from graft.governance.emit.ancestry import Ancestor, ancestors, parents
from graft.governance.emit.facts import Measure, ModelFacts
from graft.governance.emit.front_matter import front_matter
from graft.governance.emit.kind_words import words_of
from graft.governance.emit.licence_words import expression, listed
from graft.governance.records import Edge, Obligation, Relation

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<!\w)_|_(?!\w)")
_LEADING = re.compile(r"^(?:(#{1,6}(?=\s|$)|[-+=])|(\d{1,9})([.)]))")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")


def line(text: str) -> str:
    """A text on one line, escaped.

    >>> print(line("a|b\\n# <b>*x*</b>"))
    a\\|b # \\<b\\>\\*x\\*\\</b\\>
    """
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", " ".join(_CONTROL.sub(" ", text).split()))


def paragraphs(text: str) -> str:
    """A text with its paragraphs, escaped.

    >>> print(paragraphs("One.\\n\\n# Two\\n- three"))
    One.
    <BLANKLINE>
    \\# Two
    \\- three
    """
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_at_start(line(one)) for one in text.splitlines())).strip()


def code(text: str) -> str:
    """A fenced block of Python, with a fence longer than any in it."""
    text = _CONTROL.sub(" ", text.replace("\r\n", "\n")).strip("\n")
    runs = (len(run) for run in re.findall(r"`{3,}", text))
    fence = "`" * max(3, 1 + max(runs, default=0))
    return f"{fence}python\n{text}\n{fence}"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of cells that are escaped already."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def items(texts: list[str]) -> str:
    """A list of texts that are escaped already."""
    return "\n".join(f"- {_at_start(text)}" for text in texts)


def _at_start(text: str) -> str:
    """A line that begins a paragraph or an item, and neither a heading nor another list."""
    return _LEADING.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}", text)


_SHOWN = 20
_WORDS = {
    Relation.TRAINED_ON_DATA: "trained on",
    Relation.TRAINED_ON_OUTPUTS: "trained on outputs of",
    Relation.STORED_VECTORS: "vectors of",
}


def model_card(facts: ModelFacts) -> str:
    """The card as Markdown with YAML front matter: README.md."""
    parts = [f"---\n{front_matter(facts)}---", "# " + line(facts.name).replace("#", "\\#"), paragraphs(facts.verdict)]
    parts.append(paragraphs(facts.description))
    for title, text in _sections(facts):
        if text:
            parts += [f"## {title}", text]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sections(facts: ModelFacts) -> Iterator[tuple[str, str]]:
    yield "What it is", items(list(_facts(facts)))
    yield "How well it does", _scores(facts.metrics)
    yield "Before you use it", items(list(_considerations(facts)))
    yield "Where it comes from", items(list(_lineage(facts)))
    yield "Rows inside", _rows_inside(facts)
    yield "Licence", _licence(facts)
    yield "Use", code(facts.use) if facts.use else ""
    yield "Software", items([f"{line(one.name)} {line(one.version)}".strip() for one in facts.packages])


def _facts(facts: ModelFacts) -> Iterator[str]:
    labels = f" ({_enumerated(facts.labels)})" if facts.labels else ""
    yield f"Task: {line(facts.task)}{labels}"
    told = {
        "Version": facts.version,
        "Made by": facts.maker,
        "Made": facts.created,
        "Strategy": facts.strategy,
        "What was done": facts.done,
        "Training rows": f"{facts.training_rows:,}" if facts.training_rows else "",
        "Fingerprint of the training rows": facts.fingerprint,
        "Study": facts.study,
    }
    yield from (f"{name}: {line(value)}" for name, value in told.items() if value)
    files = "the files and their digests"
    files = f"the evidence is in {line(facts.evidence)}, {files}" if facts.evidence else f"{files} are"
    yield f"Graft {line(facts.graft)}; {files} in manifest.json"


def _scores(metrics: tuple[Measure, ...]) -> str:
    rows: list[tuple[str, ...]] = [
        (
            line(metric.name),
            line(metric.slice) or "all",
            f"{metric.value.mean:.4g}",
            interval(metric) or "not known",
            f"{metric.rows:,}" if metric.rows else "not known",
            line(metric.data) or "training table",
        )
        for metric in metrics
    ]
    return table(("Metric", "Slice", "Value", "Interval", "Rows", "Data"), rows) if rows else ""


def interval(metric: Measure) -> str:
    """The interval of a metric in words; empty when none is known.

    >>> from graft.core.intervals import Interval
    >>> interval(Measure(name="accuracy", value=Interval(0.9, 0.88, 0.92)))
    '0.88 to 0.92 (95 %)'
    """
    if metric.value.ends is None:
        return ""
    low, high = metric.value.ends
    return f"{low:.4g} to {high:.4g} ({metric.level * 100:.4g} %)"


def _considerations(facts: ModelFacts) -> Iterator[str]:
    known = facts.considerations
    for what, texts in (
        ("Users", known.users),
        ("Made for", known.use_cases),
        ("Limitation", known.limitations),
        ("Trade-off", known.tradeoffs),
    ):
        yield from (f"{what}: {line(text)}" for text in texts)
    for one in known.fairness:
        told = {"benefits": one.benefits, "harms": one.harms, "what is done": one.mitigation}
        said = "; ".join(f"{name}: {line(text)}" for name, text in told.items() if text)
        yield f"Group {line(one.group)}: {said or 'at risk, nothing further is known'}"


def _lineage(facts: ModelFacts) -> Iterator[str]:
    known = ancestors(facts)
    for edge, parent in parents(facts.edges, known):
        yield _step("This model", edge, parent)
    for ancestor in known.values():
        if ancestor.asset is None:
            continue
        for edge, parent in parents(ancestor.asset.edges, known):
            yield _step(line(ancestor.name), edge, parent)
        trained = list(dict.fromkeys(one.name for one in ancestor.asset.training_data))
        if trained:
            yield f"{line(ancestor.name)} was trained on {_enumerated(trained)}, as it states"


def _enumerated(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(line, names[:_SHOWN])) + more


def _step(child: str, edge: Edge, parent: Ancestor) -> str:
    version = f" {line(parent.version)}" if parent.version else ""
    digest = f", SHA-256 of its files {line(parent.asset.digest)}" if parent.asset else ", of which no copy was read"
    stated = f", as {line(edge.where)} states" if edge.where else ""
    how = _WORDS.get(edge.relation, f"{edge.relation} from")
    return f"{child}: {how} {line(parent.name)}{version}{digest}{stated}"


def _rows_inside(facts: ModelFacts) -> str:
    if facts.inside:
        return paragraphs(facts.inside)
    if facts.kept_rows:
        return (
            f"The bundle holds {facts.kept_rows:,} training {'row' if facts.kept_rows == 1 else 'rows'}, with "
            f"{', '.join(one.inside for one in words_of(facts.kinds))} and vectors: share it as you would share them."
        )
    told = "The bundle holds no training row: neither texts nor vectors of single rows."
    terms = " The vocabulary of the model consists of words and letter sequences from the training texts."
    return told + (terms if facts.vocabulary else "")


def _licence(facts: ModelFacts) -> str:
    if facts.licence:
        text = f"The licence is {line(expression(facts.licence) or facts.licence)}."
    else:
        text = (
            "The licence is unsettled: nobody has decided it, and whether a use meets the terms below was not checked."
        )
    stated = [_stated(parent) for _, parent in parents(facts.edges, ancestors(facts))]
    asked = [_obligation(one) for one in facts.obligations]
    if not stated:
        text += " No pretrained source was used. The terms of the training rows were not checked."
    parts = [text, items(list(dict.fromkeys(stated)))]
    parts += ["What the licences ask for:", items(asked)] if asked else []
    return "\n\n".join(part for part in parts if part)


def _stated(parent: Ancestor) -> str:
    """What a parent states about its licence."""
    said = listed(parent.asset.licences) if parent.asset else ()
    if not said:
        return f"{line(parent.name)} states no licence"
    return f"{line(parent.name)} states the licence " + "; and ".join(
        f"{line(licence)}, in {line(where)}" for licence, where in said
    )


def _obligation(one: Obligation) -> str:
    return f"{line(one.text)} ({line(one.basis)})"
