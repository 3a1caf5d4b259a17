"""The encoder of sources side by side: each part reads what is of its kind, and rows are put together again."""

from collections.abc import Sequence

import numpy as np
import torch

from graft.core.progress import SILENT, Progress
from graft.representations.cache import ActivationCache
from graft.representations.encoding.backbones import backbone_of
from graft.representations.encoding.encoder import Encoder, EncodeReport
from graft.representations.joined_source import side_by_side
from graft.representations.source import Source
from graft.rows.content import Content, Joined
from graft.rows.content.joined import having


class JoinedEncoder:
    """A joined source ready to encode. precision, cache: as for ``Encoder``; every part has its own shards there."""

    def __init__(
        self, source: Source, *, cache: ActivationCache | None = None, precision: torch.dtype | str | None = None
    ) -> None:
        self.source = source
        self._encoders = tuple(Encoder(part, cache=cache, precision=precision) for part in source.parts)

    def vectors(
        self, contents: Sequence[Joined], *, progress: Progress = SILENT
    ) -> tuple[np.ndarray, tuple[EncodeReport, ...]]:
        """Vectors side by side, float32, shape (rows, dimension), and what the parts of each kind cost."""
        found, reports = [], []
        for encoder in self._encoders:
            have, some = having(contents, encoder.source.reading.kind)
            vectors, report = encoder.vectors(some, progress=progress)
            found.append((have, vectors))
            reports.append(report)
        return side_by_side(self.source, found, len(contents)), tuple(reports)


def encoder_of(
    source: Source, *, cache: ActivationCache | None = None, precision: torch.dtype | str | None = None
) -> Encoder | JoinedEncoder:
    """The encoder of a source, or of sources side by side."""
    return (JoinedEncoder if source.parts else Encoder)(source, cache=cache, precision=precision)


def cut_parts(source: Source, contents: Sequence[Content]) -> list[tuple[Source, np.ndarray]]:
    """For each source that reads, which contents are larger than it reads, bool (contents,)."""
    if not source.parts:
        return [(source, backbone_of(source).cut(source, contents))]
    found = []
    for part in source.parts:
        have, some = having(contents, part.reading.kind)
        cut = np.zeros(len(contents), bool)
        cut[have] = backbone_of(part).cut(part, some)
        found.append((part, cut))
    return found
