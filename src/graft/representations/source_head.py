"""The head a source came with: what it was trained to say, and what it says of other contents.

Decision: a source's body is what is reused, and its head is asked only before anything is trained: whether the labels
it knows tell the labels of the rows apart. A source that was saved without one has none, and nothing is made up for it.
One record for each kind of content whose sources keep heads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from graft.core.errors import SourceError
from graft.core.files import read_json
from graft.core.progress import SILENT, Progress
from graft.representations.backbone import device, quiet_transformers
from graft.representations.encoding.batching import batches
from graft.representations.source import Source
from graft.representations.tokens import special_tokens, tokenise
from graft.representations.torch_process import torch_stream
from graft.rows.content import Content

_NAMED = 200


@dataclass(frozen=True)
class SourceHead:
    """The classes a source was trained to tell apart, by name, in the order of its answers."""

    source: Source
    labels: tuple[str, ...]


@dataclass(frozen=True)
class HeadReader:
    """How the heads of one kind's sources are asked.

    kind: its name. suffix: how the architecture of a source with a head is called in its ``config.json``. answers:
    probabilities of the source's classes, (contents, labels).
    """

    kind: str
    suffix: str
    answers: Callable[[SourceHead, Sequence[Content], Progress], np.ndarray]


def head_of(source: Source) -> SourceHead | None:
    """The head of a source; None when it has none, when its weights are drawn, or when it answers several at once."""
    reader = next((one for one in HEADS if one.kind == source.reading.kind), None)
    config = read_json(source.weights.directory / "config.json")
    if reader is None or not source.weights.pretrained or not isinstance(config, dict):
        return None
    architectures, names = config.get("architectures"), config.get("id2label")
    called = isinstance(architectures, list) and any(str(one).endswith(reader.suffix) for one in architectures)
    if not called or config.get("problem_type") in ("multi_label_classification", "regression"):
        return None
    count = config.get("num_labels") or 2
    labels = (
        tuple(str(names[place])[:_NAMED] for place in sorted(names, key=lambda one: int(one)))
        if isinstance(names, dict) and names and all(str(one).isdecimal() for one in names)
        else tuple(f"LABEL_{place}" for place in range(count if type(count) is int and 1 < count < 1 << 20 else 2))
    )
    return SourceHead(source, labels) if len(labels) > 1 else None


def answers_of(head: SourceHead, contents: Sequence[Content], *, progress: Progress = SILENT) -> np.ndarray:
    """What a source's own head says of contents: probabilities of its classes, float64, shape (contents, labels).

    Raises SourceError when the weights hold no such head.
    """
    reader = next(one for one in HEADS if one.kind == head.source.reading.kind)
    return reader.answers(head, contents, progress)


def _text_answers(head: SourceHead, texts: Sequence[str], progress: Progress) -> np.ndarray:
    model = _with_head(head)
    tokens = tokenise(head.source, texts)
    found = np.zeros((len(texts), len(head.labels)))
    where = device()
    model.to(where)
    with progress.stage("the source's own head", len(texts), "texts") as stage, torch.inference_mode():
        for rows, ids, mask in batches(tokens, special_tokens(head.source).pad):
            given = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
            logits = model(**{name: value.to(where) for name, value in given.items()}).logits
            found[rows] = torch.softmax(logits.double(), dim=-1).cpu().numpy()[: len(rows)]
            stage.advance(len(rows))
    return found


def _with_head(head: SourceHead) -> Any:
    """The model of a text source with its head. Raises SourceError when the weights do not hold it whole."""
    from transformers import AutoModelForSequenceClassification

    weights = head.source.weights
    weights.require_unchanged()
    with quiet_transformers(), torch_stream():
        model, report = AutoModelForSequenceClassification.from_pretrained(
            weights.directory,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation="eager",
            dtype=torch.float32,
            output_loading_info=True,
        )
    wrong = [*report["missing_keys"], *map(str, report["mismatched_keys"])]
    if wrong or model.config.num_labels != len(head.labels):
        raise SourceError(
            f"{weights.reference} says that it has a head, and its weights do not hold it"
            + (f" ({wrong[0]} is missing or misshapen)" if wrong else ""),
            needed="the weights of the head its config.json describes",
            fix="download the source again; or name an architecture without a head in its config.json",
        )
    return model.eval()


HEADS: tuple[HeadReader, ...] = (HeadReader("text", "ForSequenceClassification", _text_answers),)
