"""How the bodies of each kind of source are trained: loaded, cut, fed and pooled. One record a kind.

Decisions: the loop, the strategies and what is judged know no kind. A text's body reads token numbers of the vocabulary
its fold uses; a picture's reads pixels, turned and cut a little differently at every step of training and never
otherwise. Above a freeze boundary both read activations that are cached. Starting from random weights a network of maps
reads smaller pictures, because it is compared at equal steps and not at equal patience: what it learns in a few hundred
steps at a fifth of the cost, it does not learn at the whole.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from graft.core.errors import SourceError
from graft.core.seeds import generator
from graft.representations.backbone import check_split, load_encoder, pool_layers, upper_half
from graft.representations.image_reading import ImageReading, squares
from graft.representations.source import Source
from graft.representations.tokens import TokenRows, special_tokens, unpooled_tokens
from graft.representations.towers.row_resnet import load_row_resnet
from graft.representations.towers.tower import Tower, load_tower
from graft.rows.content import IMAGE, ROW, TEXT, Content
from graft.scores.feed import Feed, TokenFeed
from graft.scores.network import Vocabulary, layer_names, restore_vocabulary, shrink_vocabulary
from graft.scores.row_bodies import RowFeed, block_names, pooled_rows, upper_rows

NOT_TRAINED = "no weights of such a source can be tuned or trained"
NOT_TRAINED_TOGETHER = (
    "of rows of several kinds only heads are learnt, on the vectors of frozen sources; study one kind alone "
    "to tune its source"
)
_KEPT_BYTES = 1 << 29
_SCRATCH_SIDE = 96
_CUT = 0.08


class RowsForTraining(Protocol):
    """What a workbench hands to a feed."""

    def tokens(self, source: Source) -> TokenRows:
        """Token numbers of all rows."""
        ...

    @property
    def contents(self) -> Sequence[Content]:
        """What all rows say."""
        ...

    def remembered(self, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        """What ``make`` gave for ``key`` before."""
        ...


@dataclass(frozen=True)
class TrainableKind:
    """How the sources of one kind of content are trained.

    kind: its name. load: a fresh body in float32. upper: it from a layer on, in place. names: the starts of the names
    of the parameters of its last so many layers, from the lowest. split: raises SourceError for a body that cannot be
    cut there. fed: what the whole body reads of the rows, for the body and a seed; the vocabulary it was cut to where
    it has one. pooled: vectors, float32 (rows, dimension), of what a feed gives. restored: puts into a trained body
    what was cut out of it, given a fresh one. state: what is saved of it. middle: whether the mean of its middle layer
    may stand beside its vectors. drawn: the source as it is read where nothing is pretrained.
    """

    kind: str
    load: Callable[[Source], Any]
    upper: Callable[[Any, Source, int], Any]
    names: Callable[[Any, Source, int], tuple[str, ...]]
    split: Callable[[Source, int], None]
    fed: Callable[[RowsForTraining, Source, Any, int], tuple[Feed, Vocabulary | None]]
    pooled: Callable[[Any, Source, dict[str, torch.Tensor]], torch.Tensor]
    restored: Callable[[Any, Any, Vocabulary | None], None]
    state: Callable[[Any], dict[str, torch.Tensor]]
    middle: bool
    drawn: Callable[[Source], Source]


def is_trained(source: Source) -> bool:
    """Whether weights of a source like this can be tuned, or drawn and trained."""
    return source.weights.learnable and any(one.kind == source.reading.kind for one in TRAINABLE)


def untrained_words(source: Source) -> str:
    """Why nothing of a source is tuned, or trained from random weights."""
    return NOT_TRAINED_TOGETHER if source.parts else NOT_TRAINED


def trainable(source: Source) -> TrainableKind:
    """The record of the kind a source reads. Raises SourceError where its sources are only ever read."""
    for one in TRAINABLE if source.weights.learnable else ():
        if one.kind == source.reading.kind:
            return one
    raise SourceError(
        f"{source.weights.reference} is run as it is: {untrained_words(source)}",
        needed="the strategy frozen",
        fix="leave --strategy out, or ask for frozen",
    )


def drawn_share(source: Source) -> float:
    """What a step costs where nothing is pretrained, as a share of one that reads what the source reads."""
    reading, drawn = source.reading, trainable(source).drawn(source).reading
    if isinstance(reading, ImageReading) and isinstance(drawn, ImageReading):
        return (drawn.side / reading.side) ** 2
    return 1.0


def _token_feed(bench: RowsForTraining, source: Source, body: Any, seed: int) -> tuple[Feed, Vocabulary | None]:
    tokens, pad = bench.tokens(source), special_tokens(source).pad
    vocabulary = shrink_vocabulary(body, tokens.ids, pad)
    return TokenFeed(tokens, pad, vocabulary), vocabulary


def _pooled_tokens(body: Any, source: Source, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    hidden = body(**inputs).last_hidden_state
    return pool_layers([hidden], inputs["attention_mask"], source, skip=unpooled_tokens(source))


def _restored_tokens(body: Any, whole: Any, vocabulary: Vocabulary | None) -> None:
    if vocabulary is not None:
        restore_vocabulary(body, vocabulary, whole.get_input_embeddings().weight)


class PixelFeed:
    """Pictures as pixels. kept: all of them as the source reads them, where they were decoded once for every fold."""

    def __init__(
        self, contents: Sequence[Content], reading: ImageReading, seed: int, kept: np.ndarray | None = None
    ) -> None:
        self._contents, self._reading, self._kept = contents, reading, kept
        self._rng = generator(seed, "pixels")

    @property
    def lengths(self) -> np.ndarray:
        """All are of one size."""
        return np.ones(len(self._contents), np.int64)

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """What a source reads of these pictures, float32 (rows, 3, side, side)."""
        return {"pixels": torch.from_numpy(self._reading.numbers(self._arrays(rows)))}

    def lesson(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """The same, each mirrored or not and moved by up to a twelfth of its side."""
        arrays = self._arrays(rows)
        side = self._reading.side
        most = max(1, round(side * _CUT))
        changed = np.empty_like(arrays)
        for place, one in enumerate(arrays):
            down, across = self._rng.integers(0, 2 * most + 1, 2)
            wide = np.pad(one, ((most, most), (most, most), (0, 0)), mode="edge")
            moved = wide[down : down + side, across : across + side]
            changed[place] = moved[:, ::-1] if self._rng.random() < 0.5 else moved
        return {"pixels": torch.from_numpy(self._reading.numbers(changed))}

    def _arrays(self, rows: np.ndarray) -> np.ndarray:
        if self._kept is None:
            return squares([self._contents[row] for row in rows], self._reading)
        chosen: np.ndarray = self._kept[rows]
        return chosen


def _pixel_feed(bench: RowsForTraining, source: Source, body: Any, seed: int) -> tuple[Feed, None]:
    reading = source.reading
    assert isinstance(reading, ImageReading)
    kept = None
    if len(bench.contents) * reading.side**2 * 3 <= _KEPT_BYTES:
        kept = bench.remembered(("squares", reading.digest), lambda: squares(bench.contents, reading))
    return PixelFeed(bench.contents, reading, seed, kept), None


def _pooled_pixels(body: Any, source: Source, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    if "pixels" in inputs:
        given = inputs["pixels"]
    else:
        # All pictures have as many places; a feed fills rows up to a width that suits texts.
        given = inputs["inputs_embeds"][:, : int(inputs["attention_mask"][0].sum())]
    return torch.nn.functional.normalize(body(given).float(), dim=-1)


def _tower_of(body: Any) -> tuple[str, Tower]:
    """The tower in a body that adapters may stand around, and the start of its parameters' names."""
    name, found = next((name, part) for name, part in body.named_modules() if isinstance(part, Tower))
    return (f"{name}." if name else ""), found


def _tower_names(body: Any, source: Source, count: int) -> tuple[str, ...]:
    prefix, tower = _tower_of(body)
    return tuple(prefix + name for name in tower.names[len(tower.names) - count :])


def _upper_tower(body: Tower, source: Source, boundary: int) -> Tower:
    body.start = boundary
    return body


def _smaller(source: Source) -> Source:
    reading = source.reading
    if not isinstance(reading, ImageReading) or reading.side <= _SCRATCH_SIDE or source.weights.model_type not in _MAPS:
        return source
    shorter = round(reading.shorter * _SCRATCH_SIDE / reading.side)
    return replace(source, reading=replace(reading, side=_SCRATCH_SIDE, shorter=shorter))


_MAPS = ("efficientnet-lite0", "cifar-resnet", "mobilenet_v2", "resnet", "convnext")
TRAINABLE: tuple[TrainableKind, ...] = (
    TrainableKind(
        kind=TEXT.name,
        load=load_encoder,
        upper=upper_half,
        names=layer_names,
        split=check_split,
        fed=_token_feed,
        pooled=_pooled_tokens,
        restored=_restored_tokens,
        state=lambda body: dict(body.state_dict()),
        middle=True,
        drawn=lambda source: source,
    ),
    TrainableKind(
        kind=IMAGE.name,
        load=load_tower,
        upper=_upper_tower,
        names=_tower_names,
        split=lambda source, boundary: None,
        fed=_pixel_feed,
        pooled=_pooled_pixels,
        restored=lambda body, whole, vocabulary: None,
        state=lambda body: dict(body.model.state_dict()),
        middle=False,
        drawn=_smaller,
    ),
    TrainableKind(
        kind=ROW.name,
        load=load_row_resnet,
        upper=upper_rows,
        names=block_names,
        split=lambda source, boundary: None,
        fed=lambda bench, source, body, seed: (RowFeed(bench.contents, source), None),
        pooled=pooled_rows,
        restored=lambda body, whole, vocabulary: None,
        state=lambda body: dict(body.state_dict()),
        middle=False,
        drawn=lambda source: source,
    ),
)
