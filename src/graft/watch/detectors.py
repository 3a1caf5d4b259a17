"""What may have moved between two batches: every detector, as one record.

Decisions: a detector says what it looks at, whether a batch has that, and answers with a ``Shift`` over the draws that
all detectors of a check share, so their p-values can be corrected together. ``matters`` is the effect from which a
shift is large: significant and large enough are two answers. A check of few rows sees little, and says so by the
smallest p-value that was possible. What a baseline tries a detector on is rows that crowd together, unless that is no
change to what it looks at: then it brings what is planted in its rows, such as another alphabet. What moved is said in
words where the number alone would tell little.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graft.evidence.column_shift import MATTERS, columns_shift
from graft.evidence.score_shift import average_shift, label_shift, number_shift
from graft.evidence.shuffles import Shuffles
from graft.evidence.two_samples import VECTOR_TESTS, Shift, TwoSamples
from graft.watch.batch import Batch
from graft.watch.columns import comparable
from graft.watch.copies import near_copies

EMBEDDINGS, SCORES, INPUTS = "embeddings", "scores", "inputs"
COLUMNS = "columns"


Said = Callable[[Batch, Batch], str]
Tested = Callable[[Batch, Batch, Shuffles, np.random.Generator], Shift]


@dataclass(frozen=True)
class Plant:
    """A change that is tried. what: it is, in words. field: of the batch, that it changes. made: that field of a batch
    where the rows at some places, (k,), are changed."""

    what: str
    field: str
    made: Callable[[Batch, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Detector:
    """One thing that is looked at.

    name: its word. of: ``embeddings``, ``scores`` or ``inputs``. means: what it sees, in words. matters: the effect
    from which it is large, in the unit of the effect. there: whether a reference has what it looks at. shift: the test.
    said: how the batch differs from the reference, in words. plant: what it is tried on, rows that crowd together when
    None.
    """

    name: str
    of: str
    means: str
    matters: float
    there: Callable[[Batch], bool]
    shift: Tested
    said: Said | None = None
    plant: Plant | None = None


def _vectors(batch: Batch) -> bool:
    return batch.vectors.shape[1] > 0 and bool(np.ptp(batch.vectors, axis=0).any())


def _of_vectors(place: int) -> Tested:
    test = VECTOR_TESTS[place]

    def shift(reference: Batch, current: Batch, draws: Shuffles, rng: np.random.Generator) -> Shift:
        return test(TwoSamples(reference.vectors, current.vectors, draws), rng=rng)

    return shift


def _numbers(of: Callable[[Batch], np.ndarray]) -> Tested:
    def shift(reference: Batch, current: Batch, draws: Shuffles, rng: np.random.Generator) -> Shift:
        return number_shift(of(reference), of(current), draws)

    return shift


def _averages(of: Callable[[Batch], np.ndarray], unit: str) -> Tested:
    def shift(reference: Batch, current: Batch, draws: Shuffles, rng: np.random.Generator) -> Shift:
        return average_shift(of(reference), of(current), draws, unit=unit)

    return shift


def _labels(of: Callable[[Batch], np.ndarray]) -> Tested:
    def shift(reference: Batch, current: Batch, draws: Shuffles, rng: np.random.Generator) -> Shift:
        return label_shift(of(reference), of(current), draws)

    return shift


def _copies(reference: Batch, current: Batch, draws: Shuffles, rng: np.random.Generator) -> Shift:
    before, now = near_copies(reference.sketch, current.sketch)
    return label_shift(before, now, draws)


def _columns(reference: Batch, current: Batch, draws: Shuffles, rng: np.random.Generator) -> Shift:
    return columns_shift(*comparable(reference.columns, current.columns), draws)


def _shares_said(of: Callable[[Batch], np.ndarray], names: dict[str, str] | None = None) -> Said:
    """The labels whose shares changed most."""

    def said(reference: Batch, current: Batch) -> str:
        before, now = (_shares(of(one)) for one in (reference, current))
        known = sorted({*before, *now}, key=lambda name: (-abs(now.get(name, 0) - before.get(name, 0)), name))
        told = [
            f"{(names or {}).get(name, name) or 'none'} {before.get(name, 0):.0%} before, {now.get(name, 0):.0%} now"
            for name in known[:_LABELS_SAID]
        ]
        return "; ".join(told)

    return said


def _shares(labels: np.ndarray) -> dict[str, float]:
    names, counts = np.unique(labels, return_counts=True)
    return dict(zip(names.tolist(), (counts / max(1, len(labels))).tolist(), strict=True))


def _average_said(
    of: Callable[[Batch], np.ndarray], form: str, what: str, much: float = np.inf, then: str = ""
) -> Said:
    """Both means. form: of a number. what: is averaged. much: the mean from which ``then`` is added, if it grew."""

    def said(reference: Batch, current: Batch) -> str:
        before, now = (float(np.nanmean(of(one))) for one in (reference, current))
        return f"{before:{form}} {what} before, {now:{form}} now" + (
            f": {then}" if now >= max(much, 1.5 * before) else ""
        )

    return said


def _changed(field: str, value: Callable[[np.ndarray], np.ndarray | str | bool]) -> Callable[..., np.ndarray]:
    """The field of a batch with another value in some rows, made of the one they have."""

    def made(batch: Batch, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        held = getattr(batch, field)
        changed = held.astype(object) if held.dtype.kind == "U" else held.copy()
        changed[rows] = value(held[rows])
        return np.asarray(changed, dtype=str) if held.dtype.kind == "U" else np.asarray(changed)

    return made


def _repeated(batch: Batch, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    made = batch.sketch.copy()
    made[rows] = made[rng.integers(len(made))]
    return made


def _copies_said(reference: Batch, current: Batch) -> str:
    before, now = near_copies(reference.sketch, current.sketch)
    return f"{before.mean():.0%} of the rows nearly repeat another one before, {now.mean():.0%} now"


def _unread(batch: Batch) -> np.ndarray:
    return np.where(batch.cut, "cut", np.where(batch.far, "far", "read"))


def _segments(batch: Batch) -> np.ndarray:
    """The cells of all columns that are looked at apart, as one word, (n,) str."""
    told = ["\0".join(cells) for cells in zip(*(held.tolist() for held in batch.segments.values()), strict=True)]
    return np.array(told, dtype=str) if told else np.full(len(batch), "", "<U1")


# In the order of VECTOR_TESTS: the effect from which each is large, in its own unit.
_LABELS_SAID = 3
_LARGE = {"mmd": 0.1, "mean": 0.1, "covariance": 0.2, "neighbours": 0.1, "classifier": 0.6}

DETECTORS = (
    *(
        Detector(test.name, EMBEDDINGS, test.means, _LARGE[test.name], _vectors, _of_vectors(place))
        for place, test in enumerate(VECTOR_TESTS)
    ),
    Detector(
        "certainty", SCORES, "how sure the model is, or the values it predicts", 0.1,
        lambda batch: bool(np.isfinite(batch.certainty).all()) and bool(np.ptp(batch.certainty)),
        _numbers(lambda batch: batch.certainty),
    ),
    Detector(
        "decisions", SCORES, "what is decided, and how often nothing is", 0.1,
        lambda batch: len(np.unique(batch.decided)) > 1,
        _labels(lambda batch: batch.decided),
        _shares_said(lambda batch: batch.decided),
    ),
    Detector(
        "length", INPUTS, "how long what is read is", 0.1,
        lambda batch: bool(np.isfinite(batch.length).all()) and bool(np.ptp(batch.length)),
        _numbers(lambda batch: batch.length),
        _average_said(lambda batch: batch.length, ".3g", "long on average"),
        Plant("rows twice as long", "length", _changed("length", lambda held: 2 * held)),
    ),
    Detector(
        "unread", INPUTS, "rows whose end was not read, or that lie far from everything learnt", 0.05,
        lambda batch: True,
        _labels(_unread),
        _shares_said(_unread, {"cut": "end not read", "far": "far from everything learnt", "read": "neither"}),
        Plant("rows whose end is not read", "cut", _changed("cut", lambda held: True)),
    ),
    Detector(
        "alphabets", INPUTS, "writing systems", 0.05,
        lambda batch: bool((batch.alphabet != "").any()),
        _labels(lambda batch: batch.alphabet),
        _shares_said(lambda batch: batch.alphabet),
        Plant("rows in another alphabet", "alphabet", _changed("alphabet", lambda held: "another")),
    ),
    Detector(
        "unknown", INPUTS, "words, or parts of words, that the model has no entry for", 0.05,
        lambda batch: bool(np.isfinite(batch.unknown).any()),
        _averages(lambda batch: batch.unknown, "share of a row more that is unknown to the model, or less"),
        _average_said(lambda batch: batch.unknown, ".1%", "of a row unknown to the model"),
        Plant("rows half unknown", "unknown", _changed("unknown", lambda held: np.minimum(1.0, held + 0.5))),
    ),
    Detector(
        "pieces", INPUTS, "into how many pieces the model cuts a word: more for typing errors, codes, other languages",
        0.25,
        lambda batch: bool(np.isfinite(batch.pieces).any()),
        _averages(lambda batch: batch.pieces, "pieces of a word more, or less"),
        _average_said(
            lambda batch: batch.pieces, ".2f", "pieces a word", 2.2, "the model hardly knows the words of these rows"
        ),
        Plant("rows with words in twice as many pieces", "pieces", _changed("pieces", lambda held: 2 * held)),
    ),
    Detector(
        "rare words", INPUTS, "words that few rows of the reference have", 0.05,
        lambda batch: bool(np.isfinite(batch.rare).any()),
        _averages(lambda batch: batch.rare, "share of a row's words more that were rarely seen, or less"),
        _average_said(
            lambda batch: batch.rare, ".0%", "of a row's words rarely seen", 0.3,
            "much of what is written was hardly seen before, as in another language or of another subject",
        ),
        Plant("rows with half of their words rare", "rare", _changed("rare", lambda held: np.minimum(1.0, held + 0.5))),
    ),
    Detector(
        "disguise", INPUTS, "lookalike letters within a word, characters nobody sees, unusual forms of letters", 0.02,
        lambda batch: batch.sketch.shape[1] > 0,
        _labels(lambda batch: batch.disguise),
        _shares_said(lambda batch: batch.disguise, {"": "plain"}),
        Plant("disguised rows", "disguise", _changed("disguise", lambda held: "lookalike letters")),
    ),
    Detector(
        "near copies", INPUTS, "rows that nearly repeat another one, of the batch or of the reference", 0.05,
        lambda batch: batch.sketch.shape[1] > 0,
        _copies,
        _copies_said,
        Plant("rows that repeat one text", "sketch", _repeated),
    ),
    Detector(
        COLUMNS, INPUTS, "single input columns: their values, missing cells, new categories", MATTERS["values"],
        lambda batch: bool(batch.columns),
        _columns,
    ),
    Detector(
        "segments", INPUTS, "the mix of the parts that are looked at apart", 0.1,
        lambda batch: len(np.unique(_segments(batch))) > 1,
        _labels(_segments),
        _shares_said(lambda batch: np.char.replace(_segments(batch), "\0", ", ")),
    ),
)  # fmt: skip


def detector(name: str) -> Detector:
    """The detector of a name. Raises KeyError for another."""
    return next(one for one in DETECTORS if one.name == name)


def detectors_for(reference: Batch) -> tuple[Detector, ...]:
    """Those that have something to look at in a reference."""
    return tuple(one for one in DETECTORS if len(reference) and one.there(reference))
