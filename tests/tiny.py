"""Tiny text encoders with random weights, saved as a Hugging Face directory, for every architecture we promise."""

import atexit
import json
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from graft.representations.source import Source
from graft.representations.sources import read_directory

ARCHITECTURES = ("bert", "distilbert", "roberta", "mpnet", "electra", "modernbert")
SPECIAL = {
    "bert": ("[PAD]", "[UNK]", "[CLS]", "[SEP]"),
    # The real ones number their padding 1, and RoBERTa counts positions from there.
    "roberta": ("<s>", "<pad>", "</s>", "<unk>"),
}
WORDS = tuple(
    first + second
    for first in "bdfgklmnprstvz"
    for second in ("a", "e", "i", "o", "u", "an", "en", "in", "on", "un", "ar", "er", "ir", "or")
)
_CONFIGS = {
    "bert": transformers.BertConfig,
    "distilbert": transformers.DistilBertConfig,
    "roberta": transformers.RobertaConfig,
    "mpnet": transformers.MPNetConfig,
    "electra": transformers.ElectraConfig,
    "modernbert": transformers.ModernBertConfig,
}


def in_float32(patch: pytest.MonkeyPatch) -> None:
    """float32 everywhere, so that a comparison is one of models and not of roundings."""
    for ability in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        patch.setattr(torch.cpu, ability, lambda: False)


def special_of(architecture: str) -> tuple[str, ...]:
    return SPECIAL["roberta" if architecture in ("roberta", "mpnet") else "bert"]


def config_of(architecture: str, *, vocabulary: int, layers: int, max_tokens: int) -> transformers.PreTrainedConfig:
    pad = special_of(architecture).index(next(name for name in special_of(architecture) if "pad" in name.lower()))
    common = {"vocab_size": vocabulary, "pad_token_id": pad}
    if architecture == "distilbert":
        return transformers.DistilBertConfig(
            dim=32, n_layers=layers, n_heads=2, hidden_dim=64, max_position_embeddings=max_tokens, **common
        )
    common |= {"hidden_size": 32, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 64}
    common["max_position_embeddings"] = max_tokens + (2 if architecture in ("roberta", "mpnet") else 0)
    if architecture == "electra":
        # As the small one: the embeddings are narrower than the layers.
        common["embedding_size"] = 16
    if architecture == "modernbert":
        # A window much shorter than the rows, so that local and global layers differ.
        common |= {"local_attention": 8, "global_attn_every_n_layers": 3, "cls_token_id": 2, "sep_token_id": 3}
        common |= {"bos_token_id": 2, "eos_token_id": 3}
    return _CONFIGS[architecture](**common)


def tokenizer_of(architecture: str, words: Sequence[str]) -> Tokenizer:
    names = special_of(architecture)
    vocabulary = {word: place for place, word in enumerate((*names, *words))}
    start, end = ("<s>", "</s>") if "<s>" in names else ("[CLS]", "[SEP]")
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=next(name for name in names if "unk" in name.lower())))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, vocabulary[start]), (end, vocabulary[end])]
    )
    return tokenizer


def write_encoder(
    folder: Path,
    architecture: str = "bert",
    *,
    words: Sequence[str] = WORDS,
    layers: int = 2,
    max_tokens: int = 48,
    seed: int = 0,
    licence: str = "apache-2.0",
) -> Path:
    """Save a random encoder, its tokenizer and a model card; the folder."""
    tokenizer = tokenizer_of(architecture, words)
    config = config_of(architecture, vocabulary=tokenizer.get_vocab_size(), layers=layers, max_tokens=max_tokens)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.AutoModel.from_config(config)
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    level, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    model.save_pretrained(folder)
    transformers.logging.set_verbosity(level)
    if bars:
        transformers.logging.enable_progress_bar()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n")
    return folder


@cache
def encoder(architecture: str = "bert", layers: int = 2) -> Source:
    """A saved encoder that tests share and do not change."""
    folder = Path(mkdtemp(prefix="graft-tiny-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return read_directory(
        write_encoder(folder, architecture, layers=layers, seed=100), reference=f"path:{architecture}"
    )


def texts(*lengths: int, seed: int = 0) -> list[str]:
    """Texts of so many words; some words are not in the vocabulary."""
    rng = np.random.default_rng(seed)
    words = [*WORDS, "unheard"]
    return [" ".join(rng.choice(words, length)) for length in lengths]


def edit_json(path: Path, **changes: object) -> None:
    """Change fields of a JSON file; None removes one. A missing file starts empty."""
    content = json.loads(path.read_text()) if path.is_file() else {}
    content = {name: value for name, value in {**content, **changes}.items() if value is not None}
    path.write_text(json.dumps(content))


def sentence_modules(folder: Path, *kinds: str, pooling: dict[str, object] | None = None) -> None:
    """Write the files of sentence-transformers: a Transformer, a Pooling and further modules."""
    names = ["Transformer", *(["Pooling"] if pooling is not None else []), *kinds]
    paths = {"Transformer": "", "Pooling": "1_Pooling"}
    modules = [
        {
            "idx": place,
            "name": str(place),
            "path": paths.get(name, f"{place}_{name}"),
            "type": f"sentence_transformers.models.{name}",
        }
        for place, name in enumerate(names)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    if pooling is not None:
        (folder / "1_Pooling").mkdir(exist_ok=True)
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
