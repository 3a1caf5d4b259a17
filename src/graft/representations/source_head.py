"""The head a source came with: what it was trained to say, and what it says of other contents.

Decision: a source's body is what is reused, and its head is asked only before anything is trained: whether the labels
it knows tell the labels of the rows apart. A source that was saved without one has none, and nothing is made up for it.
One record for each kind of content whose sources keep heads. A body that was tuned since has lost its head: what it
says no longer goes with those labels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from graft.core.errors import SourceError
from graft.core.files import read_json, write_json
from graft.core.progress import SILENT, Progress
from graft.representations.backbone import device, quiet_transformers
from graft.representations.cache import ActivationCache
from graft.representations.encoding.batching import batches
from graft.representations.encoding.encoder import Encoder
from graft.representations.image_directory import FORMS
from graft.representations.row_source import MODEL_TYPE as ROWS
from graft.representations.source import Source
from graft.representations.spectrogram_source import MODEL_TYPE
from graft.representations.tokens import special_tokens, tokenise
from graft.representations.torch_process import torch_stream
from graft.representations.weights.weight_files import read_tensors, weight_files_of
from graft.rows.content import Content

_NAMED, _CLASSES_AT_MOST = 200, 1 << 20
_TEXT_HEAD, _LOST = "ForSequenceClassification", "head_lost"


@dataclass(frozen=True)
class SourceHead:
    """The classes a source was trained to tell apart, by name, in the order of its answers.

    unnamed: whether nobody says what they are, and they are numbered.
    """

    source: Source
    labels: tuple[str, ...]
    unnamed: bool = False


@dataclass(frozen=True)
class HeadReader:
    """How the heads of one kind's sources are asked.

    kind: its name. classes: how many classes the head of a source tells apart, by its ``config.json``; 0 without one.
    answers: probabilities of the source's classes, (contents, labels).
    """

    kind: str
    classes: Callable[[Source, Mapping[str, Any]], int]
    answers: Callable[[SourceHead, Sequence[Content], Progress], np.ndarray]


def head_of(source: Source) -> SourceHead | None:
    """The head of a source; None when it has none, when its weights are drawn, or when it answers several at once."""
    reader = next((one for one in HEADS if one.kind == source.reading.kind), None)
    config = read_json(source.weights.directory / "config.json")
    kept = source.weights.pretrained and source.weights.learnable  # what was exported as ONNX has no layer to ask
    if reader is None or not kept or not isinstance(config, dict):
        return None
    if config.get("problem_type") in ("multi_label_classification", "regression"):
        return None
    count, names = reader.classes(source, config), config.get("id2label")
    if count < 2:
        return None
    if not (isinstance(names, dict) and len(names) == count and all(str(one).isdecimal() for one in names)):
        return SourceHead(source, tuple(f"LABEL_{place}" for place in range(count)), unnamed=True)
    return SourceHead(source, tuple(str(names[place])[:_NAMED] for place in sorted(names, key=lambda one: int(one))))


def answers_of(head: SourceHead, contents: Sequence[Content], *, progress: Progress = SILENT) -> np.ndarray:
    """What a source's own head says of contents: probabilities of its classes, float64, shape (contents, labels).

    Raises SourceError when the weights hold no such head.
    """
    reader = next(one for one in HEADS if one.kind == head.source.reading.kind)
    return reader.answers(head, contents, progress)


def _text_classes(source: Source, config: Mapping[str, Any]) -> int:
    """As its configuration says: named, counted, or two."""
    architectures, names, count = config.get("architectures"), config.get("id2label"), config.get("num_labels") or 2
    if not (isinstance(architectures, list) and any(str(one).endswith(_TEXT_HEAD) for one in architectures)):
        return 0
    if isinstance(names, dict) and names and all(str(one).isdecimal() for one in names):
        return len(names)
    return count if type(count) is int and 1 < count < _CLASSES_AT_MOST else 2


def state_head(folder: Path, labels: Sequence[str]) -> None:
    """Say in the configuration of a network what the head in its weights tells apart; nothing where that is nothing."""
    config = read_json(folder / "config.json")
    named = {str(place): label for place, label in enumerate(labels)}
    write_json(folder / "config.json", {**config, **({"id2label": named} if named else {_LOST: True})})


def forget_head(folder: Path) -> None:
    """Say that the weights were tuned since their head was learnt, where the head is a layer over the vectors."""
    config = read_json(folder / "config.json")
    if isinstance(config, dict) and _head_name(config):
        kept = {name: value for name, value in config.items() if name != "id2label"}
        write_json(folder / "config.json", {**kept, _LOST: True, **({"outputs": 0} if "outputs" in kept else {})})


def _linear_classes(source: Source, config: Mapping[str, Any]) -> int:
    """As many as the linear layer over its vectors has outputs."""
    if not _head_name(config) or config.get(_LOST):
        return 0
    weight = _head_name(config) + ".weight"
    found = read_tensors(weight_files_of(source.weights.directory, source.weights.reference), source.weights.reference)
    shape = next((entry.shape for entry in found if entry.name == weight), ())
    return shape[0] if len(shape) == 2 and shape[1] == source.weights.hidden and shape[0] < _CLASSES_AT_MOST else 0


def _head_name(config: Mapping[str, Any]) -> str:
    own = {MODEL_TYPE: "head", ROWS: "head"}
    return {**own, **{form.name: form.head for form in FORMS}}.get(str(config.get("model_type")), "")


def _linear_answers(head: SourceHead, contents: Sequence[Content], progress: Progress) -> np.ndarray:
    """The vectors as they leave the body, through the layer that told its labels."""
    source = head.source
    source.weights.require_unchanged()
    name = _head_name(read_json(source.weights.directory / "config.json"))
    weight, bias = (_tensor(source, f"{name}.{part}") for part in ("weight", "bias"))
    plain = Encoder(replace(source, normalise=False), cache=ActivationCache())
    vectors, _ = plain.vectors(contents, progress=progress)
    logits = vectors.astype(np.float64) @ weight.T + bias
    return np.asarray(softmax(logits, axis=1))


def _tensor(source: Source, name: str) -> np.ndarray:
    """A tensor of a source's weights, float64. Raises SourceError where there is none."""
    from safetensors import safe_open

    for file in weight_files_of(source.weights.directory, source.weights.reference):
        with safe_open(file, "pt") as tensors:
            if name in tensors.keys():  # noqa: SIM118 - it is no mapping
                return np.asarray(tensors.get_tensor(name).double().numpy())
    raise SourceError(
        f"the weights of {source.weights.reference} hold no {name}, which its head needs",
        needed="the weights of the head beside those of the body",
        fix="download or convert the source again",
    )


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


HEADS: tuple[HeadReader, ...] = (
    HeadReader("text", _text_classes, _text_answers),
    *(HeadReader(kind, _linear_classes, _linear_answers) for kind in ("image", "audio", "row")),
)
