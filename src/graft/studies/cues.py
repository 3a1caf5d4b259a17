"""Signs, before anything is trained, that a source suits the rows or does not.

Decision: cues warn and order, they never decide: no transferability score wins everywhere (Agostinelli et al. 2022), so
they may keep a source from the expensive strategies when there are many, and nothing else. Whether contents are of the
kind of thing a source was trained on is read from how it takes them apart, which is the business of their kind: one
record each, found in one tuple.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graft.core.errors import InputError
from graft.core.tasks import CLASSES, Task
from graft.evidence.transferability import chance_agreement, logme, mean_likeness, neighbour_agreement
from graft.facts.pretraining import FILE, OwnSign, PretrainingRecord
from graft.facts.study import CueFact
from graft.governance.reading.small_files import read_text
from graft.representations.audio_directory import AudioReading
from graft.representations.encoding.encoder import Encoder
from graft.representations.encoding.general_sounds import general_sounds
from graft.representations.encoding.sentences import CALIBRATING, CHECKING
from graft.representations.image_reading import image_reading
from graft.representations.row_columns import cell_table
from graft.representations.row_source import row_reading
from graft.representations.source import Source
from graft.representations.source_head import SourceHead, answers_of, head_of
from graft.representations.spectrogram_source import SpectrogramReading
from graft.rows.content import Content
from graft.rows.content.sounds import samples
from graft.scores.workbench import Workbench
from graft.studies.ranked_rows import sample_of

PIECES, UNKNOWN, TRUNCATED, SMALL = "pieces per word", "unknown tokens", "truncated rows", "small pictures"
UNREAD = "rows unread"
NARROW, SHORT, LONG, SILENT = "narrow recordings", "short recordings", "long recordings", "silent recordings"
SPREAD, SOUNDS_SPREAD = "spread of rows", "spread of recordings"
OWN_LABELS, AGREEMENT = "own labels", "neighbour agreement"
KNOWN_COLUMNS, UNKNOWN_NAMES, MOVED = "columns known", "unknown categories", "numbers moved"
_FERTILITY, _UNKNOWN, _TRUNCATED, _SMALL = 2.2, 0.02, 0.05, 0.5
_COLUMNS, _STRANGE = 0.5, 0.1
_NARROW, _SHORT, _LONG, _QUIET = 0.5, 0.5, 0.05, 0.1
_ALIKE, _TELLS, _ASKED, _HEARD = 0.4, 0.1, 1000, 200
# Of the power of a recording that is heard above half of the highest pitch a source reads: what a filter leaks.
_NOTHING = 2e-4


@dataclass(frozen=True)
class KindCues:
    """What is looked at in contents of one kind. kind: its name. cues: of a source on some rows of a workbench.
    general: contents of our own, of many subjects; None where there are none of this kind. spread: what the cue is
    called that holds the rows against these, and what they are."""

    kind: str
    cues: Callable[[Workbench, Source, np.ndarray], tuple[CueFact, ...]]
    general: Callable[[], tuple[Content, ...]] | None = None
    spread: tuple[str, str] = ("", "")


def cues_of(bench: Workbench, source: Source, rows: np.ndarray, *, seed: int = 0) -> tuple[CueFact, ...]:
    """The cues of one source on development rows: at most 4,000, drawn by the seed, the same for all sources.

    A source of one kind among several is asked about the rows that have it; of sources side by side only the labels
    are looked at, since what is strange to each is told of it alone.
    """
    if len(source.parts) == 1:
        have, part = bench.part(source.parts[0].reading.kind)
        return cues_of(part, source.parts[0], np.flatnonzero(np.isin(have, rows)), seed=seed)
    rows = sample_of(rows, seed)
    vectors = bench.vectors(source)[rows]
    targets = bench.targets[rows]
    found = [
        *mismatch_cues(bench, source, rows),
        _cue(source, "LogME", logme(vectors, targets, str(bench.task)), "higher suits the labels better", False),
    ]
    if bench.task is not Task.REGRESSION:
        agreement = neighbour_agreement(vectors, targets)
        chance = chance_agreement(targets)
        found.append(
            _cue(
                source,
                AGREEMENT,
                agreement,
                f"share of nearest rows with the same label ({chance:.2f} by chance)",
                agreement < 1.5 * chance and agreement - chance < 0.1,
            )
        )
    if bench.task in CLASSES and (head := head_of(source)) is not None:
        found.append(_own_labels(bench, head, rows))
    return tuple(found)


def _own_labels(bench: Workbench, head: SourceHead, rows: np.ndarray) -> CueFact:
    """How much of the labels is told by the label the source itself would give, chance taken out."""
    from sklearn.metrics import adjusted_mutual_info_score

    some = rows[:: -(-len(rows) // _ASKED)]
    answers = answers_of(head, [bench.rows.contents[row] for row in some], progress=bench.progress)
    told = float(adjusted_mutual_info_score(bench.targets[some], answers.argmax(axis=1)))
    named = "" if head.unnamed else f" ({', '.join(head.labels[:3])}{', …' if len(head.labels) > 3 else ''})"
    meaning = f"share of these labels that the source's own {len(head.labels):,} tell, chance taken out{named}"
    return _cue(head.source, OWN_LABELS, told, meaning, told < _TELLS)


def mismatch_cues(bench: Workbench, source: Source, rows: np.ndarray) -> tuple[CueFact, ...]:
    """Of the cues, those that need no labels: how strange the rows are to a source."""
    looked = next((one for one in KIND_CUES if one.kind == source.reading.kind), None)
    if looked is None:
        return ()
    general = (_spread(bench, source, rows, looked),) if looked.general and source.weights.pretrained else ()
    own = {one.name for one in _own(source) if one.warning}
    return (*(_usual(one) if one.name in own else one for one in looked.cues(bench, source, rows)), *general)


def _usual(cue: CueFact) -> CueFact:
    """A sign that the rows a source was made from show as well is no strangeness."""
    return cue.model_copy(update={"warning": False, "meaning": f"{cue.meaning}; so did those it learnt from"})


def _own(source: Source) -> tuple[OwnSign, ...]:
    """What the rows look like that a source was pretrained on here; () where that is not known."""
    file = source.weights.directory / FILE
    if not source.weights.pretrained or not file.is_file():
        return ()
    try:
        return PretrainingRecord.from_json(read_text(file) or "", FILE).signs
    except InputError:
        # Without the report beside it a source is judged as any other.
        return ()


def own_signs(bench: Workbench, source: Source, rows: np.ndarray, *, seed: int = 0) -> tuple[OwnSign, ...]:
    """The signs of strangeness of the rows that a source was just pretrained on, which ``rows`` of the bench are."""
    looked = next((one for one in KIND_CUES if one.kind == source.reading.kind), None)
    found = looked.cues(bench, source, sample_of(rows, seed)) if looked else ()
    return tuple(OwnSign(name=one.name, value=one.value, warning=one.warning) for one in found)


def _spread(bench: Workbench, source: Source, rows: np.ndarray, looked: KindCues) -> CueFact:
    """How far apart the rows lie, of how far apart contents of many subjects do."""
    assert looked.general is not None
    usual, _ = Encoder(source, cache=bench.cache).vectors(looked.general())
    apart = 1 - mean_likeness(bench.vectors(source)[rows])
    spread = apart / max(1e-9, 1 - mean_likeness(usual))
    name, what = looked.spread
    return _cue(
        source,
        name,
        spread,
        f"how far apart the rows lie, against {what} (1); near 0 they all look alike to the source",
        spread < _ALIKE,
    )


def _text_cues(bench: Workbench, source: Source, rows: np.ndarray) -> tuple[CueFact, ...]:
    tokens = bench.tokens(source).take(rows)
    unread = float((tokens.lengths == 0).mean())
    fertility = float(tokens.lengths.sum() / max(1, tokens.words.sum()))
    unknown, truncated = float(tokens.unknown.mean()), float(tokens.truncated.mean())
    return (
        _cue(source, PIECES, fertility, "how finely the tokenizer cuts the words", fertility > _FERTILITY),
        _cue(source, UNKNOWN, unknown, "share of tokens the source has never seen", unknown > _UNKNOWN),
        _cue(source, TRUNCATED, truncated, "share of rows longer than the source reads", truncated > _TRUNCATED),
        *([_cue(source, UNREAD, unread, "share of rows without a word the source knows", True)] if unread else []),
    )


def _image_cues(bench: Workbench, source: Source, rows: np.ndarray) -> tuple[CueFact, ...]:
    side = image_reading(source).side
    sides = [min(bench.contents[row].found.width, bench.contents[row].found.height) for row in rows]
    small = float(np.mean(np.array(sides) < side / 2))
    meaning = f"share of pictures less than half as large as the {side} pixels the source reads"
    return (_cue(source, SMALL, small, meaning, small > _SMALL),)


def _audio_cues(bench: Workbench, source: Source, rows: np.ndarray) -> tuple[CueFact, ...]:
    reading = source.reading
    assert isinstance(reading, AudioReading | SpectrogramReading)
    found = [bench.contents[row].found for row in rows.tolist()]
    some = rows[:: -(-len(rows) // _HEARD)]
    narrow = float(np.mean([_is_narrow(bench.contents[row], reading.rate) for row in some.tolist()]))
    short = float(np.mean([one.seconds * reading.rate < reading.shortest for one in found]))
    long = float(np.mean([one.seconds > reading.limit for one in found]))
    silent = float(np.mean([not one.alike for one in found]))
    highest, window = reading.rate // 2, reading.shortest / reading.rate
    return (
        _cue(
            source,
            NARROW,
            narrow,
            f"share of recordings with nothing above {highest // 2:,} Hz, of the {highest:,} the source reads",
            narrow > _NARROW,
        ),
        _cue(
            source,
            SHORT,
            short,
            f"share of recordings shorter than the {window:.2f} seconds the source reads at once",
            short > _SHORT,
        ),
        _cue(
            source,
            LONG,
            long,
            f"share of recordings longer than the first {reading.limit} seconds that are read",
            long > _LONG,
        ),
        _cue(source, SILENT, silent, "share of recordings with nothing to be heard", silent > _QUIET),
    )


def _is_narrow(recording: Content, rate: int) -> bool:
    """Whether nothing is heard in the upper half of the pitches that fit in ``rate`` samples a second."""
    if recording.found.rate <= rate // 2:
        return True
    heard = samples(recording, rate)
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) ** 2
    pitches = np.fft.rfftfreq(len(heard), 1 / rate)
    whole = float(power.sum())
    return whole > 0 and float(power[pitches > 1.05 * rate / 4].sum()) < _NOTHING * whole


def _row_cues(bench: Workbench, source: Source, rows: np.ndarray) -> tuple[CueFact, ...]:
    roles, reading = bench.rows.contract.roles, row_reading(source)
    shared, own = reading.shared(roles.numeric, roles.categorical), reading.columns
    table = cell_table([bench.contents[row] for row in rows.tolist()], own.numeric, own.categorical)
    named = [place for place, name in enumerate(own.categorical) if name in shared]
    unknown = np.isnan(own.parted(table)[:, named]) & (table.codes[:, named] >= 0)
    lost = float(unknown.mean()) if unknown.size else 0.0
    numbers = [place for place, name in enumerate(own.numeric) if name in shared]
    moved = [_moved(table.numbers[:, place], own.means[place], own.scales[place]) for place in numbers]
    part, most = len(shared) / len(roles.inputs), max(moved, default=0.0)
    far = f"; of {own.numeric[numbers[int(np.argmax(moved))]]}" if moved else ""
    return (
        _cue(source, KNOWN_COLUMNS, part, "share of the columns the source reads", part < _COLUMNS),
        _cue(source, UNKNOWN_NAMES, lost, "share of names the source has never seen", lost > _STRANGE),
        _cue(source, MOVED, most, f"deviations between the means of both tables, at most{far}", most > 1),
    )


def _moved(numbers: np.ndarray, mean: float, scale: float) -> float:
    present = numbers[np.isfinite(numbers)]
    return float(abs(present.mean() - mean) / scale) if len(present) else 0.0


def _cue(source: Source, name: str, value: float, meaning: str, warning: bool) -> CueFact:
    return CueFact(source=source.weights.reference, name=name, value=value, meaning=meaning, warning=bool(warning))


def _general_sentences() -> tuple[Content, ...]:
    return (*CALIBRATING, *CHECKING)


KIND_CUES: tuple[KindCues, ...] = (
    KindCues("text", _text_cues, _general_sentences, (SPREAD, "sentences of many subjects")),
    KindCues("image", _image_cues),
    KindCues("audio", _audio_cues, general_sounds, (SOUNDS_SPREAD, "noises, voices, tones and strokes")),
    KindCues("row", _row_cues),
)
