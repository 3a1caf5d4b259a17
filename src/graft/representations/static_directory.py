"""Sources without layers: a vector for each token or word, averaged. Their directories, verified and described.

Decisions: three forms are read. A *model2vec* directory holds ``config.json``, ``tokenizer.json`` and, in
``model.safetensors``, ``embeddings``, perhaps ``weights`` (one a token) and ``mapping`` (the row of each token), as
model2vec writes them, and its texts are cut as model2vec does. A *table of words* holds the same weights with
``vocabulary.txt``, a word a line, instead of a tokenizer: a tokenizer of 400,000 words takes a second to load, a list a
tenth of one; ``word_tables`` makes such directories. A ``StaticEmbedding`` of sentence-transformers has tokenizer and
weights in the folder that ``modules.json`` names, and averages unknown tokens with the others, as that library does.
Elsewhere tokens nobody knows are left out of the mean. A text without tokens is all zeros. There is nothing in such a
source to tune, and a prompt would move every text alike, so neither is offered.

Tulkens & van Dongen (2024), model2vec: https://github.com/MinishLab/model2vec
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from graft.core.digests import file_sha256, key
from graft.core.errors import InputError, SourceError
from graft.core.files import read_json
from graft.representations.directories import read_bounded_json
from graft.representations.pooling import Pooling
from graft.representations.reading import Prompts, Role
from graft.representations.sentence_settings import SIMILARITIES
from graft.representations.source import Source, Weights
from graft.representations.text_directory import architecture_of
from graft.representations.weights.safetensors_file import TensorEntry
from graft.representations.weights.unchanged import weights_digest
from graft.representations.weights.weight_files import read_tensors, weight_files_of
from graft.representations.word_tables import VOCABULARY, WORD_TABLE

MODEL2VEC = "model2vec"
_TOKENIZER = "tokenizer.json"
_BESIDE_MODULE = ("modules.json", "1_Normalize/config.json")
_SENTENCES = "config_sentence_transformers.json"
_USUAL_LIMIT = 512  # tokens, where model2vec's configuration names none
_LONGEST = 1_000_000
_WIDEST = 1 << 16
_NUMBERS = ("F64", "F32", "F16", "I8")
_PLACES = ("I64", "I32", "U32", "U16", "U8")
# Counts the ways in which a text is taken apart into the words of a table.
_METHOD = 1


@dataclass(frozen=True)
class StaticReading:
    """How texts become tokens that have a vector each.

    files: names and SHA-256 of the files that say what a token is. max_tokens: longer texts are cut there; 0 where none
    is. lowercase: whether texts are put in lower case first, by the table of words. words: whether tokens are the words
    of a table, and not what a tokenizer cuts. averages_unknown: whether what nobody knows has a vector too.
    """

    kind: ClassVar[str] = "text"
    unit: ClassVar[str] = "tokens"
    prompts: ClassVar[Prompts] = Prompts()
    prompt: ClassVar[str] = ""
    files: tuple[tuple[str, str], ...]
    max_tokens: int
    lowercase: bool
    words: bool
    averages_unknown: bool = False

    @property
    def limit(self) -> int:
        """Tokens that are read of a text; 0 where all are."""
        return self.max_tokens

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: of readings whose vectors may be compared."""
        method = _METHOD if self.words else 0
        tokens = "all tokens" if self.averages_unknown else "known tokens"
        return key([dict(self.files), self.max_tokens, self.lowercase, tokens, method])

    def told(self) -> Mapping[str, str]:
        """Its limit and its words."""
        return {
            "max tokens": f"{self.max_tokens:,}" if self.max_tokens else "all",
            "tokens": "words of its table" if self.words else "by its tokenizer",
            "lowercase": str(self.lowercase) if self.words else "",
            "unknown": "averaged too" if self.averages_unknown else "left out of the mean",
        }

    def read_as(self, role: Role) -> "StaticReading":
        """The same: no role reads differently."""
        return self

    def with_prompts(self, given: Mapping[Role, str | None]) -> "StaticReading":
        """The same. Raises InputError for a prompt, which would move every mean alike."""
        if any(given.values()):
            raise InputError(
                "a prompt for a source that averages the vectors of words",
                needed="no prompt: it would move every text alike",
                fix="leave it out, or choose an encoder, for example minilm",
            )
        return self


def is_static_directory(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is of a source without layers; model2vec's own may name no model type."""
    named = config.get("model_type")
    return named in (MODEL2VEC, WORD_TABLE) or (named is None and "embedding_dtype" in config)


def static_reading(source: Source) -> StaticReading:
    """The reading of a source without layers. Raises SourceError for another source."""
    if not isinstance(source.reading, StaticReading):
        raise SourceError(
            f"{source.weights.reference} is no table of vectors",
            needed="a model2vec directory, or a table of words",
            fix="choose one, for example glove",
        )
    return source.reading


def read_static_directory(directory: Path, reference: str, revision: str) -> Source:
    """Describe the directory of a source without layers, which was checked. Raises SourceError with what is wrong."""
    config: dict[str, Any] = read_json(directory / "config.json")
    table = config.get("model_type") == WORD_TABLE
    said = VOCABULARY if table else _TOKENIZER
    if not (directory / said).is_file():
        raise SourceError(
            f"{directory} holds no {said}", needed="what says which token has which vector", fix="copy it again"
        )
    files = weight_files_of(directory, reference)
    tensors = {entry.name: entry for entry in read_tensors(files, reference)}
    width, tokens = _shape(tensors, reference)
    for name in ("normalize", "lowercase"):
        if not isinstance(config.get(name, False), bool):
            raise _misstated(reference, name, config[name], "true or false")
    weights = Weights(
        reference=reference,
        directory=directory,
        revision=revision,
        digest=weights_digest(files),
        files=tuple(file.name for file in files),
        architecture=key(architecture_of(directory)),
        model_type=WORD_TABLE if table else MODEL2VEC,
        hidden=width,
        layers=0,
        parameters=sum(math.prod(entry.shape) for name, entry in tensors.items() if name != "mapping"),
        vocabulary=tokens,
        side_files=(said,),
    )
    reading = StaticReading(
        files=((said, file_sha256(directory / said)),),
        max_tokens=0 if table else _longest(config, reference),
        lowercase=table and config.get("lowercase", False),
        words=table,
    )
    return Source(weights, reading, Pooling.MEAN, normalise=config.get("normalize", False))


def is_static_module(directory: Path, config: Mapping[str, Any]) -> bool:
    """Whether a directory, which has no configuration of its own, lists a ``StaticEmbedding`` first."""
    return not config and str(_first_module(directory).get("type", "")).endswith(".StaticEmbedding")


def _first_module(directory: Path) -> Mapping[str, Any]:
    modules = read_bounded_json(directory / "modules.json")
    found: Mapping[str, Any] = modules[0] if isinstance(modules, list) and modules else {}
    return found


def read_static_module(directory: Path, reference: str, revision: str) -> Source:
    """Describe a ``StaticEmbedding`` of sentence-transformers, which was checked. Raises SourceError."""
    folder = PurePosixPath(_first_module(directory).get("path") or "")
    others = [str(module.get("type", "")).rpartition(".")[2] for module in read_json(directory / "modules.json")[1:]]
    settings = read_json(directory / _SENTENCES)
    asked = [name for name in ("truncate_dim", "default_prompt_name") if settings.get(name) is not None]
    asked += ["prompts"] if any((settings.get("prompts") or {}).values()) else []
    if others not in ([], ["Normalize"]) or asked:
        raise SourceError(
            f"{reference} applies {', '.join([*others, *asked])} to the mean of its tokens",
            needed="a StaticEmbedding, perhaps with Normalize, that states no prompt and cuts no vector",
            fix="choose another source, or export this one without it",
        )
    said, held = (folder / name for name in (_TOKENIZER, "model.safetensors"))
    for file in (said, held):
        if not (directory / file).is_file():
            raise SourceError(f"{directory} holds no {file}", needed="the files of the module", fix="copy it again")
    files = [directory / held]
    entries = read_tensors(files, reference)
    if [entry.name for entry in entries] != ["embedding.weight"]:
        raise _misfit(reference, f"the tensors {', '.join(ascii(entry.name)[:60] for entry in entries[:5])}")
    width, tokens = _shape({"embeddings": entries[0]}, reference)
    cut = read_bounded_json(directory / said)
    cut = cut.get("truncation") if isinstance(cut, dict) else None
    weights = Weights(
        reference=reference,
        directory=directory,
        revision=revision,
        digest=weights_digest(files),
        files=(str(held),),
        architecture=key(["StaticEmbedding", *others]),
        model_type="static-embedding",
        hidden=width,
        layers=0,
        parameters=width * tokens,
        vocabulary=tokens,
        side_files=(*(name for name in _BESIDE_MODULE if (directory / name).is_file()), str(said)),
    )
    reading = StaticReading(
        files=((str(said), file_sha256(directory / said)),),
        max_tokens=0 if cut is None else _longest(cut if isinstance(cut, dict) else {"max_length": cut}, reference),
        lowercase=False,
        words=False,
        averages_unknown=True,
    )
    similarity = settings.get("similarity_fn_name") or "cosine"
    if similarity not in SIMILARITIES:
        raise _misstated(reference, "similarity_fn_name", similarity, f"one of {', '.join(SIMILARITIES)}")
    return Source(weights, reading, Pooling.MEAN, normalise=bool(others), similarity=similarity)


def _shape(tensors: Mapping[str, TensorEntry], reference: str) -> tuple[int, int]:
    """Numbers in a vector, and tokens. Raises SourceError where the tensors are not those of such a source."""
    wanted = {"embeddings": (2, _NUMBERS), "weights": (1, _NUMBERS[:3]), "mapping": (1, _PLACES)}
    odd = sorted(set(tensors) - set(wanted))
    if odd or "embeddings" not in tensors:
        raise _misfit(reference, f"the tensors {', '.join(ascii(name)[:60] for name in sorted(tensors)[:5])}")
    for name, entry in tensors.items():
        sides, kinds = wanted[name]
        if len(entry.shape) != sides or entry.dtype not in kinds or 0 in entry.shape:
            raise _misfit(reference, f"{name} of type {entry.dtype} and shape {entry.shape}")
    rows, width = tensors["embeddings"].shape
    if width > _WIDEST:
        raise _misfit(reference, f"vectors of {width:,} numbers")
    counts = {name: tensors[name].shape[0] for name in ("weights", "mapping") if name in tensors}
    tokens = counts.get("mapping", rows)
    if any(count != tokens for count in counts.values()):
        raise _misfit(reference, ", ".join(f"{count:,} {name}" for name, count in counts.items()) + f", {rows:,} rows")
    return width, tokens


def _longest(config: Mapping[str, Any], reference: str) -> int:
    """Tokens of the longest text, 0 for any; as model2vec reads its configuration."""
    stated = config.get("max_length", _USUAL_LIMIT)
    if stated is None:
        return 0
    if type(stated) is not int or stated < 1:
        raise _misstated(reference, "max_length", stated, "a number of tokens, or null")
    return 0 if stated >= _LONGEST else stated


def _misstated(reference: str, name: str, value: Any, needed: str) -> SourceError:
    return SourceError(
        f"{reference}: its config.json gives {ascii(value)[:100]} as {name}",
        needed=needed,
        fix="copy the directory again",
    )


def _misfit(reference: str, what: str) -> SourceError:
    return SourceError(
        f"{reference}: its model.safetensors holds {what}",
        needed="embeddings (rows, numbers), perhaps weights (tokens,) and mapping (tokens,), and nothing else",
        fix="save it again with model2vec's save_pretrained(), or make it with graft convert",
    )
