"""How the bodies of each kind of source are trained: loaded, cut, fed and pooled. One record for each way to read one.

Decisions: the loop, the strategies and what is judged know no kind. A text's body reads token numbers of the vocabulary
its fold uses, a picture's pixels, a recording's frames, a row's cells; above a freeze boundary all read activations
that are cached. How many steps a row is worth is part of the record too: a step of a network over cells, frames or
small pictures costs a hundredth of one over texts, and what begins at random weights learns next to nothing in forty.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from graft.core.errors import SourceError
from graft.representations.backbone import check_split, load_encoder, pool_layers, upper_half
from graft.representations.image_reading import ImageReading, squares
from graft.representations.reading import TextReading
from graft.representations.row_source import RowReading
from graft.representations.source import Source
from graft.representations.spectrogram_source import SpectrogramReading
from graft.representations.tokens import TokenRows, special_tokens, unpooled_tokens
from graft.representations.towers.row_resnet import load_row_resnet
from graft.representations.towers.spectrogram_cnn import load_spectrogram_cnn
from graft.representations.towers.tower import load_tower
from graft.rows.content import Content
from graft.scores.feed import Feed, TokenFeed
from graft.scores.image_bodies import (
    PixelFeed,
    handed,
    looked_at,
    pooled_pixels,
    share_when_smaller,
    smaller,
    tower_names,
    upper_tower,
)
from graft.scores.network import Vocabulary, layer_names, restore_vocabulary, shrink_vocabulary
from graft.scores.row_bodies import RowFeed, block_names, pooled_rows, read_from, upper_rows
from graft.scores.sound_bodies import SpectrogramFeed, pooled_frames, stage_names, upper_frames

NOT_TRAINED = "no weights of such a source can be tuned or trained"
NOT_TRAINED_TOGETHER = (
    "of rows of several kinds only heads are learnt, on the vectors of frozen sources; study one kind alone "
    "to tune its source"
)
_KEPT_BYTES = 1 << 29
_SMALL_SIDE = 64

Made = TypeVar("Made")


class RowsForTraining(Protocol):
    """What a workbench hands to a feed."""

    def tokens(self, source: Source) -> TokenRows:
        """Token numbers of all rows."""
        ...

    @property
    def contents(self) -> Sequence[Content]:
        """What all rows say."""
        ...

    def remembered(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` gave for ``key`` before."""
        ...


@dataclass(frozen=True)
class Steps:
    """How many optimiser steps rows are worth, as multiples of what an effort allows for texts.

    passes: over the rows. least, most: of the bounds. batch: rows of a step at most, a fortieth of all, 16 at least.
    rate: of tuning, as a multiple of what suits a large network: a small one that is told other things apart has
    further to go.
    """

    passes: int = 1
    least: int = 1
    most: int = 1
    batch: int = 16
    rate: float = 1.0


@dataclass(frozen=True)
class TrainableKind:
    """How the sources that are read in one way are trained.

    reading: the type of their readings. load: a fresh body in float32. upper: it from a layer on, in place. names: the
    starts of the names of the parameters of its last so many layers, from the lowest. split: raises SourceError for a
    body that cannot be cut there. fed: what the whole body reads of the rows, for the body, the rows that are learnt
    from and a seed; the vocabulary it was cut to where it has one. pooled: vectors, float32 (rows, dimension), of what
    a feed gives. restored: puts into a trained body what was cut out of it, given a fresh one. state: what is saved of
    it. freed: lets a body do what only one may whose every weight changes. middle: whether the mean of its middle layer
    may stand beside its vectors. drawn: the source as it is read where nothing is pretrained, given the rows that are
    learnt from; share: what its step costs then, as a share of the source's own. steps: how many it gets.
    """

    reading: type
    load: Callable[[Source], Any]
    upper: Callable[[Any, Source, int], Any]
    names: Callable[[Any, Source, int], tuple[str, ...]]
    fed: Callable[[RowsForTraining, Source, Any, np.ndarray, int], tuple[Feed, Vocabulary | None]]
    pooled: Callable[[Any, Source, dict[str, torch.Tensor]], torch.Tensor]
    split: Callable[[Source, int], None] = lambda source, boundary: None
    restored: Callable[[Any, Any, Vocabulary | None], None] = lambda body, whole, vocabulary: None
    state: Callable[[Any], dict[str, torch.Tensor]] = lambda body: dict(body.state_dict())
    freed: Callable[[Any], None] = lambda body: None
    middle: bool = False
    drawn: Callable[[RowsForTraining, Source, np.ndarray], Source] = lambda bench, source, rows: source
    share: Callable[[Source], float] = lambda source: 1.0
    steps: Callable[[Source], Steps] = lambda source: Steps()


def is_trained(source: Source) -> bool:
    """Whether weights of a source like this can be tuned, or drawn and trained."""
    return source.weights.learnable and any(isinstance(source.reading, one.reading) for one in TRAINABLE)


def untrained_words(source: Source) -> str:
    """Why nothing of a source is tuned, or trained from random weights."""
    return NOT_TRAINED_TOGETHER if source.parts else NOT_TRAINED


def trainable(source: Source) -> TrainableKind:
    """The record of how a source is read. Raises SourceError where its like is only ever run as it is."""
    for one in TRAINABLE if source.weights.learnable else ():
        if isinstance(source.reading, one.reading):
            return one
    raise SourceError(
        f"{source.weights.reference} is run as it is: {untrained_words(source)}",
        needed="the strategy frozen",
        fix="leave --strategy out, or ask for frozen",
    )


def steps_of(sources: Sequence[Source]) -> Steps:
    """The steps all candidates of a study get: those of the source that is dearest to train."""
    found = [trainable(one).steps(one) for one in sources if is_trained(one)]
    return min(found, key=lambda one: (one.passes, one.least, one.most), default=Steps())


def _token_feed(
    bench: RowsForTraining, source: Source, body: Any, rows: np.ndarray, seed: int
) -> tuple[Feed, Vocabulary | None]:
    tokens, pad = bench.tokens(source), special_tokens(source).pad
    vocabulary = shrink_vocabulary(body, tokens.ids, pad)
    return TokenFeed(tokens, pad, vocabulary), vocabulary


def _pooled_tokens(body: Any, source: Source, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    hidden = body(**inputs).last_hidden_state
    return pool_layers([hidden], inputs["attention_mask"], source, skip=unpooled_tokens(source))


def _restored_tokens(body: Any, whole: Any, vocabulary: Vocabulary | None) -> None:
    if vocabulary is not None:
        restore_vocabulary(body, vocabulary, whole.get_input_embeddings().weight)


def _pixel_feed(
    bench: RowsForTraining, source: Source, body: Any, rows: np.ndarray, seed: int
) -> tuple[Feed, Vocabulary | None]:
    reading = source.reading
    assert isinstance(reading, ImageReading)
    kept = None
    if len(bench.contents) * reading.side**2 * 3 <= _KEPT_BYTES:
        kept = bench.remembered(("squares", reading.digest), lambda: squares(bench.contents, reading))
    some = looked_at(rows)
    told = bench.remembered(
        ("handed", reading.digest, some.tobytes()),
        lambda: handed(squares([bench.contents[row] for row in some], reading) if kept is None else kept[some]),
    )
    return PixelFeed(bench.contents, reading, seed, kept, mirrored=not told), None


def _frame_feed(
    bench: RowsForTraining, source: Source, body: Any, rows: np.ndarray, seed: int
) -> tuple[Feed, Vocabulary | None]:
    reading, contents = source.reading, bench.contents
    assert isinstance(reading, SpectrogramReading)
    seconds = np.array([min(reading.limit, one.found.seconds) if one.found else 0.0 for one in contents])
    lengths, kept = np.maximum(1, np.round(100 * seconds)).astype(np.int64), None
    if int(lengths.sum()) * 160 <= _KEPT_BYTES:
        kept = bench.remembered(("frames", reading.digest), lambda: [reading.frames(one) for one in contents])
        lengths = np.array([len(one) for one in kept], np.int64)
    return SpectrogramFeed(contents, reading, seed, lengths, kept), None


def _of_pictures(source: Source) -> Steps:
    reading = source.reading
    small = isinstance(reading, ImageReading) and reading.side <= _SMALL_SIDE
    return Steps(4, 5, 10, 64, rate=10) if small else Steps()


TRAINABLE: tuple[TrainableKind, ...] = (
    TrainableKind(
        reading=TextReading,
        load=load_encoder,
        upper=upper_half,
        names=layer_names,
        split=check_split,
        fed=_token_feed,
        pooled=_pooled_tokens,
        restored=_restored_tokens,
        middle=True,
    ),
    TrainableKind(
        reading=ImageReading,
        load=load_tower,
        upper=upper_tower,
        names=tower_names,
        fed=_pixel_feed,
        pooled=pooled_pixels,
        state=lambda body: dict(body.model.state_dict()),
        freed=lambda body: body.free(),
        drawn=lambda bench, source, rows: smaller(source),
        share=share_when_smaller,
        steps=_of_pictures,
    ),
    TrainableKind(
        reading=SpectrogramReading,
        load=load_spectrogram_cnn,
        upper=upper_frames,
        names=stage_names,
        fed=_frame_feed,
        pooled=pooled_frames,
        steps=lambda source: Steps(4, 5, 10, 32, rate=10),
    ),
    TrainableKind(
        reading=RowReading,
        load=load_row_resnet,
        upper=upper_rows,
        names=block_names,
        fed=lambda bench, source, body, rows, seed: (RowFeed(bench.contents, source), None),
        pooled=pooled_rows,
        drawn=lambda bench, source, rows: read_from(source, [bench.contents[row] for row in rows.tolist()]),
        steps=lambda source: Steps(4, 5, 10, 256),
    ),
)
