"""What each kind of content needs between a row and its vectors: one record for each way to read it, in one tuple.

Decision: the encoder moves contents, digests, chunks and shards, and knows no kind; whatever it must know of one is a
field here, as whatever a table or a study must know of one is a field of its ``ContentKind``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from graft.core.errors import SourceError
from graft.representations.audio_directory import AudioReading
from graft.representations.encoding.audio_bodies import audio_rows, cut_recordings, load_audio_body
from graft.representations.encoding.bodies import Body, ModelInput, Precision, load_body
from graft.representations.encoding.image_bodies import image_rows, load_image_body, nothing_cut
from graft.representations.encoding.row_bodies import load_row_body, no_row_cut, prepared_rows
from graft.representations.encoding.sentences import CHECKING, longer
from graft.representations.encoding.spectrogram_bodies import load_spectrogram_body, spectrogram_rows
from graft.representations.encoding.static_bodies import load_static_body
from graft.representations.reading import TextReading
from graft.representations.source import Source
from graft.representations.spectrogram_source import SpectrogramReading
from graft.representations.static_directory import StaticReading
from graft.representations.static_tokens import cut_static, static_tokens
from graft.representations.tokens import TokenRows, text_reading, tokenise
from graft.rows.content import AUDIO, IMAGE, ROW, TEXT, Content, ContentKind


@dataclass(frozen=True)
class Backbone:
    """How the sources that read one kind of content in one way are run.

    prepare: contents as what the body takes, in their order; done in a thread beside the body. body: of a source, cut
    after so many layers unless that is None, in a precision. cut: which of some contents are larger than the source
    reads, bool, shape (contents,); asked of those a cache knew. checking: contents of our own that eight-bit vectors
    are compared on, the same for everybody. native: the number type it is run in, None for what the processor is
    fastest in. reading: the type of the readings it serves, where a kind is read in several ways.
    """

    kind: ContentKind
    prepare: Callable[[Source, Sequence[Content]], ModelInput]
    body: Callable[[Source, int | None, Precision], Body]
    cut: Callable[[Source, Sequence[Content]], np.ndarray]
    checking: tuple[Content, ...]
    native: torch.dtype | None = None
    reading: type | None = None

    def serves(self, source: Source) -> bool:
        """Whether it runs a source."""
        alike = self.reading is None or isinstance(source.reading, self.reading)
        return alike and self.kind.name == source.reading.kind


def _cut_texts(source: Source, texts: Sequence[str]) -> np.ndarray:
    reading = text_reading(source)
    # A token holds a byte or more, so what has far fewer bytes than the limit need not be looked at.
    few = reading.max_tokens // 2 - len(reading.prompt.encode("utf-8", "replace"))
    long = [place for place, text in enumerate(texts) if len(text.encode("utf-8", "replace")) > few]
    cut = np.zeros(len(texts), bool)
    if long:
        cut[long] = tokenise(source, [texts[place] for place in long]).truncated
    return cut


BACKBONES: tuple[Backbone, ...] = (
    Backbone(
        kind=TEXT,
        prepare=tokenise,
        body=load_body,
        cut=_cut_texts,
        checking=tuple(longer(CHECKING)),
        reading=TextReading,
    ),
    Backbone(
        kind=TEXT,
        prepare=static_tokens,
        body=load_static_body,
        cut=cut_static,
        checking=(),
        native=torch.float32,
        reading=StaticReading,
    ),
    Backbone(
        kind=IMAGE,
        prepare=image_rows,
        body=load_image_body,
        cut=nothing_cut,
        checking=(),
        native=torch.float32,
    ),
    Backbone(
        kind=AUDIO,
        prepare=audio_rows,
        body=load_audio_body,
        cut=cut_recordings,
        checking=(),
        native=torch.float32,
        reading=AudioReading,
    ),
    Backbone(
        kind=AUDIO,
        prepare=spectrogram_rows,
        body=load_spectrogram_body,
        cut=cut_recordings,
        checking=(),
        native=torch.float32,
        reading=SpectrogramReading,
    ),
    Backbone(
        kind=ROW,
        prepare=prepared_rows,
        body=load_row_body,
        cut=no_row_cut,
        checking=(),
        native=torch.float32,
    ),
)


def backbone_of(source: Source) -> Backbone:
    """The record of the kind of content a source reads. Raises SourceError where none runs it."""
    for backbone in BACKBONES:
        if backbone.serves(source):
            return backbone
    raise SourceError(
        f"{source.weights.reference} reads content of the kind {source.reading.kind!r}",
        needed=f"a source that reads one of {', '.join(dict.fromkeys(one.kind.name for one in BACKBONES))}",
        fix="choose another source, for example minilm",
    )


def token_rows(source: Source, texts: Sequence[str]) -> TokenRows:
    """The tokens of texts, as a source takes them apart. Raises SourceError for one that reads no tokens."""
    prepared = backbone_of(source).prepare(source, texts)
    if not isinstance(prepared, TokenRows):
        text_reading(source)  # says which source reads texts
    assert isinstance(prepared, TokenRows)
    return prepared
