"""What a sentence-transformers directory says beside the backbone's own configuration.

Decisions: an instruction of a source is followed or the source is refused, never dropped: vectors made without it would
look right and be worse. So every module, every file and every key is one that is known here; a module that is not
applied (a dense projection, a router) and a setting that is not followed are refused with their names. Names that
sentence-transformers only writes as a place to fill (an empty prompt for documents) count as not stated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.core.errors import SourceError
from graft.core.files import read_json, write_json
from graft.representations.directories import SENTENCE_FILES
from graft.representations.pooling import Pooling
from graft.representations.reading import Prompts, Role

_CONFIG_FILE = "config_sentence_transformers.json"
_FLAGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_POOLINGS = {
    "mean": Pooling.MEAN,
    "cls": Pooling.CLS,
    "max": Pooling.MAX,
    "mean_sqrt_len_tokens": Pooling.MEAN_SQRT,
    "mean_sqrt_len": Pooling.MEAN_SQRT,
    "lasttoken": Pooling.LAST,
}
SIMILARITIES = ("cosine", "dot", "euclidean", "manhattan")
# Which names of prompts a role takes, the first that is there; these are the names sentence-transformers documents.
_DOCUMENT_NAMES = ("document", "passage", "corpus")
_FORWARD = {"method": "forward", "method_output_name": "last_hidden_state"}
# Settings with one value that is followed; any other is refused.
_ONLY = {
    "transformer_task": ("feature-extraction",),
    "module_output_name": ("token_embeddings",),
    "modality_config": ({"text": _FORWARD}, {"text": {**_FORWARD, "format": "text"}}),
    "processing_kwargs": ({},),
    "query_length": (),
    "document_length": (),
    "query_expansion": (),
}
# Arguments for loading that change no number, or only the type of the numbers.
_LOADING = ("trust_remote_code", "torch_dtype", "dtype", "use_safetensors", "attn_implementation")
_LOADED_WITH = ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs")
_SENTENCE_KEYS = {"max_seq_length", "do_lower_case", "unpad_inputs", *_ONLY, *_LOADED_WITH}
_CONFIG_KEYS = {
    *("__version__", "model_type", "prompts", "default_prompt_name", "similarity_fn_name", "truncate_dim"),
    "requirements",
}
_POOLING_KEYS = {*_FLAGS, "pooling_mode", "include_prompt", "word_embedding_dimension", "embedding_dimension"}
_MODULE_KEYS = {"idx", "name", "path", "type", "kwargs"}


@dataclass(frozen=True)
class SentenceSettings:
    """What a source says of its vectors and of its texts.

    includes_prompt: whether the tokens of a prompt are pooled with the others. truncated: numbers a vector is cut to,
    None for all. similarity: what its vectors were trained to be compared by. max_tokens: None when it states none.
    files: of the modules, relative to the directory; they go wherever the source goes.
    """

    pooling: Pooling
    normalise: bool
    includes_prompt: bool
    truncated: int | None
    similarity: str
    max_tokens: float | None
    lowercase: bool
    prompts: Prompts
    files: tuple[str, ...]


def read_sentence_settings(directory: Path, *, width: int) -> SentenceSettings:
    """Everything the files of sentence-transformers say; mean pooling and no prompt when there are none.

    width: numbers in a token vector. Raises SourceError for what is not followed, with its name.
    """
    modules = _modules(directory)
    files = ["modules.json"] if modules else []
    pooling, includes_prompt = Pooling.MEAN, True
    if "Pooling" in modules:
        file = modules["Pooling"] / "config.json"
        pooling, includes_prompt = _pooling(directory / file, width)
        files.append(file.as_posix())
    if "Normalize" in modules and (directory / modules["Normalize"] / "config.json").is_file():
        file = modules["Normalize"] / "config.json"
        _only_known(directory / file, read_json(directory / file), {"module_input_name", "module_output_name"})
        for name, value in read_json(directory / file).items():
            _require(directory / file, name, value, ("sentence_embedding",))
        files.append(file.as_posix())
    sentence_file = next((name for name in SENTENCE_FILES if (directory / name).is_file()), SENTENCE_FILES[0])
    sentence = _sentence(directory / sentence_file)
    config = read_json(directory / _CONFIG_FILE)
    _only_known(directory / _CONFIG_FILE, config, _CONFIG_KEYS)
    _require(directory / _CONFIG_FILE, "model_type", config.get("model_type"), ("SentenceTransformer",))
    _require(directory / _CONFIG_FILE, "similarity_fn_name", config.get("similarity_fn_name"), SIMILARITIES)
    return SentenceSettings(
        pooling=pooling,
        normalise="Normalize" in modules,
        includes_prompt=includes_prompt,
        truncated=_truncated(directory / _CONFIG_FILE, config.get("truncate_dim"), width),
        similarity=config.get("similarity_fn_name") or "cosine",
        max_tokens=sentence.get("max_seq_length"),
        lowercase=bool(sentence.get("do_lower_case")),
        prompts=_prompts(directory / _CONFIG_FILE, config),
        files=(*files, *(name for name in (sentence_file, _CONFIG_FILE) if (directory / name).is_file())),
    )


def _modules(directory: Path) -> dict[str, Path]:
    """The folder of each module. Raises SourceError for modules that are not applied, or not in this order."""
    path = directory / "modules.json"
    found: dict[str, Path] = {}
    for module in read_json(path):
        kind = str(module.get("type", "")).rpartition(".")[2]
        if kind not in ("Transformer", "Pooling", "Normalize") or kind in found:
            raise SourceError(
                f"{directory} applies a module of type {kind!r} to its vectors"
                + (" a second time" if kind in found else ""),
                needed="a source made of Transformer, Pooling and Normalize modules",
                fix="choose another source, or export this one without the extra module",
            )
        _only_known(path, module, _MODULE_KEYS)
        _require(path, f"kwargs of {kind}", module.get("kwargs") or None, ())
        found[kind] = Path(module.get("path") or "")
    usual = ["Transformer", "Pooling", "Normalize"]
    if found and (list(found) != [kind for kind in usual if kind in found] or "Transformer" not in found):
        raise SourceError(
            f"{path} applies {', '.join(found)}, in this order", needed=f"the order {', '.join(usual)}", fix=_OTHER
        )
    if found and found["Transformer"] != Path():
        raise SourceError(
            f"{path} says that the weights lie in the folder {found['Transformer'].as_posix()!a}",
            needed="weights and tokenizer in the directory itself",
            fix="load it with sentence-transformers and save it again with save_pretrained()",
        )
    return found


def _pooling(path: Path, width: int) -> tuple[Pooling, bool]:
    """How token vectors become one, and whether the tokens of a prompt are among them."""
    config = read_json(path)
    if not path.is_file():
        raise SourceError(f"{path} is not there", needed="the settings of the pooling", fix="copy it with the model")
    _only_known(path, config, _POOLING_KEYS)
    for name in ("word_embedding_dimension", "embedding_dimension"):
        _require(path, name, config.get(name), (width,))
    _require(path, "include_prompt", config.get("include_prompt"), (True, False))
    stated = config.get("pooling_mode")
    if stated is None:
        # None of the flags is what sentence-transformers reads as the mean.
        named = [mode for flag, mode in _FLAGS.items() if config.get(flag)] or ["mean"]
    else:
        named = stated if isinstance(stated, list) else [stated]
    if len(named) != 1 or named[0] not in _POOLINGS:
        raise SourceError(
            f"{path} asks for the poolings {ascii(named)[:100]}",
            needed=f"exactly one of {', '.join(Pooling)}",
            fix="choose another source",
        )
    return _POOLINGS[named[0]], config.get("include_prompt") is not False


def _sentence(path: Path) -> Mapping[str, Any]:
    config: Mapping[str, Any] = read_json(path)
    _only_known(path, config, _SENTENCE_KEYS)
    _require(path, "do_lower_case", config.get("do_lower_case"), (True, False))
    for name, followed in _ONLY.items():
        _require(path, name, config.get(name), followed)
    for name in _LOADED_WITH:
        given = config.get(name) or {}
        if not isinstance(given, dict) or set(given) - set(_LOADING):
            raise _not_followed(path, name, given)
    return config


def _prompts(path: Path, config: Mapping[str, Any]) -> Prompts:
    """The prompt of each role, as ``encode_query``, ``encode_document`` and ``encode`` of sentence-transformers.

    A query takes the prompt of that name and a document the first one stated of three, and otherwise none, whatever
    the default is; classification and clustering take the prompt of their name, or the default one.
    """
    stated = config.get("prompts") or {}
    default = config.get("default_prompt_name")
    if not all(isinstance(words, str | None) for words in stated.values()):
        raise _not_followed(path, "prompts", stated)
    if default is not None and default not in {*stated, "query", "document"}:
        raise SourceError(
            f"{path} names the default prompt {ascii(default)[:100]}, and states {ascii(list(stated))[:200]}",
            needed="a default among its prompts",
            fix="correct default_prompt_name, or remove it",
        )
    usual = stated.get(default) or "" if default is not None else ""
    folded = {str(name).casefold(): words for name, words in reversed(stated.items())}
    return Prompts(
        query=stated.get("query") or "",
        document=next((stated[name] for name in _DOCUMENT_NAMES if stated.get(name)), ""),
        classification=usual if folded.get("classification") is None else folded["classification"],
        clustering=usual if folded.get("clustering") is None else folded["clustering"],
    )


def state_prompts(directory: Path, prompts: Prompts) -> None:
    """Say in a copy of a source with which prompts its texts are read, where its own files say otherwise.

    Written as sentence-transformers writes them, so that whoever reads the copy puts the same before a text.
    """
    path = directory / _CONFIG_FILE
    config = read_json(path)
    before = _prompts(path, config)
    changed = {role.value: prompts.of(role) for role in Role if prompts.of(role) != before.of(role)}
    if "document" in changed:
        changed |= dict.fromkeys(_DOCUMENT_NAMES, changed["document"])
    if changed:
        # First, since the first spelling of a name is the one that is followed.
        others = {name: words for name, words in (config.get("prompts") or {}).items() if name not in changed}
        write_json(path, config | {"prompts": changed | others})


def _truncated(path: Path, stated: Any, width: int) -> int | None:
    if stated is None:
        return None
    if type(stated) is not int or stated < 1:
        raise _not_followed(path, "truncate_dim", stated)
    return stated if stated < width else None


_OTHER = "choose another source, or ask its publisher for one without this setting"


def _only_known(path: Path, config: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(str(name) for name, value in config.items() if name not in known and value is not None)
    if unknown:
        raise SourceError(
            f"{path} states {', '.join(ascii(name)[:60] for name in unknown[:5])}, which is not followed here",
            needed=f"a source that states only {', '.join(sorted(known))}",
            fix=_OTHER,
        )


def _require(path: Path, name: str, value: Any, followed: tuple[Any, ...]) -> None:
    """Raise SourceError unless a setting is left out or has a value that is followed."""
    if value is not None and not any(type(value) is type(one) and value == one for one in followed):
        raise _not_followed(path, name, value, followed)


def _not_followed(path: Path, name: str, value: Any, followed: tuple[Any, ...] = ()) -> SourceError:
    return SourceError(
        f"{path} gives {ascii(value)[:100]} as {name}, which is not followed here",
        needed=f"{' or '.join(str(one) for one in followed)}" if followed else f"a source without {name}",
        fix=_OTHER,
    )
