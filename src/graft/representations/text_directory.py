"""The directory of a text encoder, verified and described as a source.

Decision: what other kinds of model look like is known too, so that a user who names one is told what it is.
"""

import math
import re
from pathlib import Path
from typing import Any

from graft.core.digests import file_sha256, key
from graft.core.errors import SourceError
from graft.core.files import read_json, write_json
from graft.core.places import SOURCE, next_step
from graft.representations.implied import check_implied
from graft.representations.reading import TextReading
from graft.representations.sentence_settings import read_sentence_settings
from graft.representations.source import Source, Weights
from graft.representations.weights.unchanged import weights_digest
from graft.representations.weights.weight_files import read_tensors, weight_files_of

_BESIDE_FILE = "graft_beside.json"
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)
_MODEL_TYPE = re.compile(r"[\w.-]{1,100}", re.ASCII)
# Audio comes first: some of its models also cut patches, and some also count a vocabulary.
_OTHER_MODALITY = {
    "audio": ("num_mel_bins", "conv_stride", "feat_extract_norm", "sampling_rate"),
    "image": ("image_size", "num_channels", "patch_size"),
}


def write_beside(source: Source, folder: Path) -> None:
    """Say in a copy of a source's directory what stands beside its vectors."""
    if source.beside:
        write_json(folder / _BESIDE_FILE, {"layers": list(source.beside)})


def _beside(directory: Path, reference: str, layers: int) -> tuple[int, ...]:
    stated = read_json(directory / _BESIDE_FILE)
    found = stated.get("layers", []) if isinstance(stated, dict) else None
    if not isinstance(found, list) or not all(type(one) is int and 0 < one < layers for one in found) or len(found) > 8:
        raise SourceError(
            f"{reference}: its {_BESIDE_FILE} gives {ascii(stated)[:100]}",
            needed=f"a list of layers, each from 1 to {layers - 1}",
            fix="copy the directory again",
        )
    return tuple(found)


def architecture_of(directory: Path) -> dict[str, Any]:
    """What a directory's configuration says of the model's form, whoever saved it."""
    config: dict[str, Any] = read_json(directory / "config.json")
    return {name: value for name, value in config.items() if name not in ("_name_or_path", "transformers_version")}


def read_text_encoder(directory: Path, reference: str, revision: str) -> Source:
    """Describe the directory of a text encoder, which was checked. Raises SourceError with what is wrong."""
    config = _text_encoder_config(directory, reference)
    hidden = _count(config, reference, "hidden_size", "dim")
    layers = _count(config, reference, "num_hidden_layers", "n_layers")
    vocabulary = _count(config, reference, "vocab_size")
    positions = _count(config, reference, "max_position_embeddings", usual=512)
    files = weight_files_of(directory, reference)
    tensors = read_tensors(files, reference)
    parameters = sum(math.prod(entry.shape) for entry in tensors)
    check_implied(directory, config, reference, held=parameters, tensors=len(tensors))
    settings = read_sentence_settings(directory, width=hidden)
    tokenizer = [directory / name for name in _TOKENIZER_FILES if (directory / name).is_file()]
    if not any(file.name in ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model") for file in tokenizer):
        raise SourceError(
            f"{directory} holds no tokenizer", needed="tokenizer.json", fix="save the tokenizer beside the model"
        )
    # RoBERTa-like models keep the first positions for padding.
    reserved = 2 if str(config.get("model_type")) in ("roberta", "xlm-roberta", "camembert", "mpnet") else 0
    longest = _longest(directory, reference, settings.max_tokens, positions - reserved)
    beside = _beside(directory, reference, layers)
    weights = Weights(
        reference=reference,
        directory=directory,
        revision=revision,
        digest=weights_digest(files),
        files=tuple(file.name for file in files),
        architecture=key(architecture_of(directory)),
        model_type=str(config["model_type"]),
        hidden=hidden,
        layers=layers,
        parameters=parameters,
        vocabulary=vocabulary,
        side_files=settings.files,
    )
    reading = TextReading(
        files=tuple((file.name, file_sha256(file)) for file in tokenizer),
        max_tokens=longest,
        lowercase=settings.lowercase,
        prompts=settings.prompts,
    )
    return Source(
        weights,
        reading,
        settings.pooling,
        settings.normalise,
        includes_prompt=settings.includes_prompt,
        truncated=settings.truncated,
        similarity=settings.similarity,
        beside=beside,
    )


def _count(config: dict[str, Any], reference: str, *names: str, usual: int = 0) -> int:
    stated = next((config[name] for name in names if config.get(name) is not None), usual)
    if type(stated) is not int or stated <= 0:
        raise SourceError(
            f"{reference}: its config.json gives {ascii(stated)[:100]} as {names[0]}",
            needed="a positive number",
            fix="choose a text encoder such as BERT, RoBERTa, MPNet, DistilBERT, ELECTRA or ModernBERT",
        )
    return stated


def _text_encoder_config(directory: Path, reference: str) -> dict[str, Any]:
    config = read_json(directory / "config.json")
    if not isinstance(config, dict) or "model_type" not in config:
        raise SourceError(
            f"{reference}: {directory} has no config.json that names a model_type",
            needed="a Hugging Face model directory (config.json, tokenizer.json, model.safetensors)",
            fix=next_step(directory, SOURCE) or "save it with save_pretrained()",
        )
    if not isinstance(config["model_type"], str) or not _MODEL_TYPE.fullmatch(config["model_type"]):
        raise SourceError(
            f"{reference}: its config.json gives {ascii(config['model_type'])[:100]} as model_type",
            needed="the name of an architecture that transformers has",
            fix="choose another source, for example minilm",
        )
    if "transformers_weights" in config or (directory / "adapter_config.json").is_file():
        raise SourceError(
            f"{reference} would be loaded from other weights than model.safetensors (its config.json names a file, "
            "or it holds an adapter)",
            needed="one set of weights, so that its digest says what is used",
            fix="merge the adapter into the model, or save it again with save_pretrained()",
        )
    for modality, marks in _OTHER_MODALITY.items():
        sound = "conv_stride" in config
        if (sound or "vocab_size" not in config) and any(mark in config for mark in marks):
            raise SourceError(
                f"{reference} is an {modality} model ({config['model_type']}) that nothing here runs",
                needed="a text encoder, or an image model such as ResNet, MobileNetV2, ViT, ConvNeXt, DINOv2 or CLIP",
                fix="choose another source, for example minilm for texts or lite0 for images",
            )
    if config.get("is_encoder_decoder") or "vocab_size" not in config:
        raise SourceError(
            f"{reference} is a {config['model_type']} model, not a text encoder",
            needed="an encoder such as BERT, RoBERTa, MPNet, DistilBERT, ELECTRA or ModernBERT",
            fix="choose another source, for example minilm",
        )
    return config


def _longest(directory: Path, reference: str, stated: float | None, positions: int) -> int:
    """Tokens of the longest text: what sentence-transformers is told goes before what the tokenizer says."""
    tokenizer_limit = read_json(directory / "tokenizer_config.json").get("model_max_length") or positions
    for limit in (stated, tokenizer_limit):
        if limit is not None and (type(limit) not in (int, float) or not math.isfinite(limit)):
            raise SourceError(
                f"{reference}: its tokenizer gives {ascii(limit)[:100]} as its longest text",
                needed="a number of tokens",
                fix="copy tokenizer_config.json and sentence_bert_config.json again",
            )
    limits = [int(limit) for limit in (stated or tokenizer_limit, positions) if limit and 0 < int(limit) < 1_000_000]
    return min(limits, default=512)
