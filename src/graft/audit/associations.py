"""Association tests of a source or of a table of vectors: what lies nearer to what, for whom, and how surely.

Decisions: a word that the source does not know has no place of its own and is left out of the test; where half of a
list or more is missing the test is *not applicable*. All tests of an audit are paid for together (Holm), so the chance
that any of them finds what is not there is the level. Significant and large enough are two answers: what is surely half
a standard deviation or more is severe where it is about people. An association lies in the vectors; whether a head uses
it is another question, and severity stops at *medium* here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.audit.word_tests import WordTest
from graft.core.errors import InputError
from graft.core.intervals import Interval
from graft.core.progress import SILENT, Progress
from graft.core.seeds import generator
from graft.evidence.associations import Association, association
from graft.evidence.discoveries import holm
from graft.facts.audit import AssociationAudit, AssociationFact, AuditFinding, WordListFact
from graft.representations.cache import ActivationCache
from graft.representations.encoding.backbones import token_rows
from graft.representations.encoding.encoder import Encoder
from graft.representations.reading import as_role
from graft.representations.source import Source
from graft.rows.content import TEXT
from graft.tables.table import EmbeddingTable

CODE = "A101"
LEAST_KNOWN, MATTERS = 0.5, 0.5
_SHOWN = 6


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Where words lie. of: what knows them, for a reader; digest: of its weights. vectors: by word, shape (dimension,);
    a word that is not known is not among them."""

    of: str
    digest: str
    vectors: dict[str, np.ndarray]


def words_of_source(
    tests: Sequence[WordTest], source: Source, *, progress: Progress = SILENT
) -> dict[str, WordVectors]:
    """The words of each test, by the test's name. Raises InputError for a source that reads no texts."""
    if source.reading.kind != TEXT.name:
        raise InputError(
            f"{source.weights.reference} reads {source.reading.kind}",
            needed="a source of texts",
            fix="embed what you have into a table, name its ids in a --spec, and give --table",
        )
    read = source.read_as(as_role("document"))
    encoder = Encoder(read, cache=ActivationCache())
    found = {}
    for test in tests:
        words = list(dict.fromkeys(word for one in test.lists for word in one.words))
        unknown = np.asarray(token_rows(read, words).unknown, dtype=np.float64)
        known = [word for word, share in zip(words, unknown, strict=True) if share == 0]
        frames = test.sentences or ("{word}",)
        texts = [frame.replace("{word}", word) for word in known for frame in frames]
        vectors = np.zeros((0, 1), np.float32)
        if texts:
            vectors, _ = encoder.vectors(texts, progress=progress)
        # Each sentence counts as much, however long its vector is.
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        means = unit.reshape(len(known), len(frames), -1).mean(axis=1)
        lying = {word: one for word, one in zip(known, means, strict=True) if np.linalg.norm(one) > 0}
        found[test.name] = WordVectors(source.weights.reference, source.weights.digest, lying)
    return found


def words_of_table(
    tests: Sequence[WordTest], table: EmbeddingTable, *, version: int | None = None
) -> dict[str, WordVectors]:
    """The same of a table whose ids are the words. Raises InputError for sentences, which have no place there."""
    if told := [test.name for test in tests if test.sentences]:
        raise InputError(
            f"the test {told[0]!r} has sentences", needed="words that are ids of the table", fix="leave sentences out"
        )
    version = table.snapshot(version).version
    ids, vectors = table.vectors(version=version)
    wanted = {word for test in tests for one in test.lists for word in one.words}
    lengths = np.linalg.norm(vectors, axis=1)
    lying = {str(name): vectors[row] for row, name in enumerate(ids) if str(name) in wanted and lengths[row] > 0}
    return {test.name: WordVectors(f"table {table.path.name}, version {version}", "", lying) for test in tests}


def audit_associations(
    tests: Sequence[WordTest], words: dict[str, WordVectors], *, level: float = 0.95, seed: int = 0
) -> AssociationAudit:
    """The tests on these words. Raises InputError without a test, or for two of one name."""
    names = [one.name for one in tests]
    if not tests or len(set(names)) < len(names):
        raise InputError(
            f"tests called {', '.join(names) or 'nothing'}", needed="one or more, with a name each", fix="rename one"
        )
    found = [_tested(one, words[one.name], level, generator(seed, "associations", one.name)) for one in tests]
    asked = [place for place, one in enumerate(found) if one.p_either is not None]
    adjusted = holm(np.array([found[place].p_either for place in asked], dtype=np.float64))
    for place, p_value in zip(asked, adjusted.tolist(), strict=True):
        found[place] = found[place].model_copy(update={"p_adjusted": p_value})
    first = words[names[0]]
    return AssociationAudit(
        of=first.of,
        digest=first.digest,
        level=level,
        seed=seed,
        tests=tuple(found),
        findings=tuple(_finding(one, 1 - level) for one in found),
    )


def _tested(test: WordTest, words: WordVectors, level: float, rng: np.random.Generator) -> AssociationFact:
    lists, vectors = [], []
    for one in test.lists:
        known = [word for word in one.words if word in words.vectors]
        missing = tuple(word for word in one.words if word not in words.vectors)
        lists.append(WordListFact(name=one.name, words=len(one.words), known=len(known), missing=missing))
        vectors.append(np.array([words.vectors[word] for word in known]))
    fact = AssociationFact(
        name=test.name, about=test.about, people=test.people, lists=tuple(lists), sentences=test.sentences
    )
    if _why_not(fact):
        return fact
    told: Association = association((vectors[0], vectors[1]), (vectors[2], vectors[3]), rng=rng, level=level)
    return fact.model_copy(
        update={
            "effect": told.effect,
            "p_expected": told.p_expected,
            "p_either": told.p_either,
            "exact": told.exact,
            "arrangements": told.arrangements,
        }
    )


def _why_not(fact: AssociationFact) -> str:
    """Why a test is not applicable; empty when it is."""
    for one in fact.lists:
        if one.known < LEAST_KNOWN * one.words:
            shown = ", ".join(one.missing[:_SHOWN]) + (" …" if len(one.missing) > _SHOWN else "")
            return f"{one.known} of {one.words} words of {one.name!r} are known (missing: {shown})"
    for one in fact.lists[:2]:
        if one.known < 2:
            return f"{one.name!r} has {one.known} word, and two are needed"
    return ""


def _finding(fact: AssociationFact, alpha: float) -> AuditFinding:
    if why := _why_not(fact):
        return AuditFinding(code=CODE, outcome="not applicable", severity="none", said=f"{fact.about}: {why}")
    assert fact.effect is not None
    assert fact.p_adjusted is not None
    first, second, one, other = (each.name for each in fact.lists)
    effect = fact.effect
    if fact.p_adjusted > alpha:
        asked = f"{first} and {second} towards {one} and {other}"
        alike = effect.ends is not None and max(map(abs, effect.ends)) < MATTERS
        said = f"{asked}: {'alike' if alike else 'not settled'} ({_amount(effect)})"
        return AuditFinding(code=CODE, outcome="not found", severity="none", said=said)
    near, far = (first, second) if effect.mean > 0 else (second, first)
    said = f"{near} nearer to {one}, {far} nearer to {other} ({_amount(effect)})"
    surely = effect.ends is not None and min(map(abs, effect.ends)) >= MATTERS and effect.ends[0] * effect.ends[1] > 0
    if not fact.people:
        return AuditFinding(code=CODE, outcome="found", severity="none", said=said)
    todo = (
        "see whether a model on these vectors uses it: compare its decisions between the groups, and swap the words in"
        " its inputs; where items or people are ranked by these vectors, look at who is shown"
    )
    return AuditFinding(code=CODE, outcome="found", severity="medium" if surely else "low", said=said, todo=todo)


def _amount(effect: Interval) -> str:
    if effect.ends is None:
        return f"by {effect.mean:+.2f} deviations; too few words for an interval"
    return f"by {effect.mean:+.2f} deviations, {effect.ends[0]:+.2f} to {effect.ends[1]:+.2f}"
