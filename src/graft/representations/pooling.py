"""From token vectors to one vector a row, as the source's own configuration says.

Decision: a module of a sentence-transformers directory that we do not apply (a dense projection, say) is refused, never
skipped: vectors without it would look right and be wrong.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from graft.core.errors import SourceError
from graft.core.files import read_json


class Pooling(StrEnum):
    """How token vectors become one."""

    MEAN = "mean"
    CLS = "cls"
    MAX = "max"
    MEAN_SQRT = "mean_sqrt_len"
    LAST = "lasttoken"


_FLAGS = {
    "pooling_mode_mean_tokens": Pooling.MEAN,
    "pooling_mode_cls_token": Pooling.CLS,
    "pooling_mode_max_tokens": Pooling.MAX,
    "pooling_mode_mean_sqrt_len_tokens": Pooling.MEAN_SQRT,
    "pooling_mode_lasttoken": Pooling.LAST,
}


@dataclass(frozen=True)
class SentenceSettings:
    """What a sentence-transformers directory says beside the backbone's own configuration."""

    pooling: Pooling
    normalise: bool
    max_tokens: int | None
    lowercase: bool
    prompt: str
    stated: bool


def read_sentence_settings(directory: Path) -> SentenceSettings:
    """Pooling, normalisation, length, case and prompt of a source; mean pooling when it states none."""
    modules = read_json(directory / "modules.json")
    pooling, normalise, prompt_left_out = Pooling.MEAN, False, False
    for module in modules:
        kind = str(module.get("type", "")).rpartition(".")[2]
        if kind == "Pooling":
            file = directory / module.get("path", "1_Pooling") / "config.json"
            pooling, prompt_left_out = _pooling(file), read_json(file).get("include_prompt") is False
        elif kind == "Normalize":
            normalise = True
        elif kind != "Transformer":
            raise SourceError(
                f"{directory} applies a module of type {kind!r} to its vectors",
                needed="a source made of Transformer, Pooling and Normalize modules",
                fix="choose another source, or export this one without the extra module",
            )
    if prompt_left_out and _prompt(directory):
        raise SourceError(
            f"{directory} puts a prompt before every text and leaves it out of the pooling",
            needed="a source whose pooling includes its prompt (include_prompt), or one without a default prompt",
            fix="choose another source, or remove default_prompt_name from config_sentence_transformers.json",
        )
    sentence = read_json(directory / "sentence_bert_config.json")
    return SentenceSettings(
        pooling=pooling,
        normalise=normalise,
        max_tokens=sentence.get("max_seq_length"),
        lowercase=bool(sentence.get("do_lower_case")),
        prompt=_prompt(directory),
        stated=bool(modules),
    )


def _prompt(directory: Path) -> str:
    prompts = read_json(directory / "config_sentence_transformers.json")
    return str((prompts.get("prompts") or {}).get(prompts.get("default_prompt_name") or "", ""))


def _pooling(path: Path) -> Pooling:
    config = read_json(path)
    if isinstance(config.get("pooling_mode"), str):
        named = [config["pooling_mode"]]
    else:
        named = [mode.value for flag, mode in _FLAGS.items() if config.get(flag)]
    if len(named) != 1 or named[0] not in set(Pooling):
        raise SourceError(
            f"{path} asks for the poolings {named or 'none'}",
            needed=f"exactly one of {', '.join(Pooling)}",
            fix="choose another source",
        )
    return Pooling(named[0])
