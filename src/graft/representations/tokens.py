"""Texts as token numbers.

Decisions: rows are kept ragged (one flat array and offsets), so padding exists only inside a batch; the Rust tokenizer
is used directly, because loading it through transformers costs seconds at start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from graft.core.errors import SourceError
from graft.core.files import read_json
from graft.core.seeds import process_alone
from graft.representations.reading import TextReading
from graft.representations.source import Source
from graft.representations.tokenizer_trial import require_tried, unreadable

_CHUNK = 4096
_UNCUT = 1 << 20  # tokens that a tokenizer which cuts nowhere may make of a text it is tried on


def padded_width(length: int) -> int:
    """The number of tokens a row of ``length`` is padded to: at most one eighth more, or the next multiple of eight.

    Few widths mean few shapes of matrix products; a processor prepares a kernel for each new shape, which costs more
    than the padding does.

    >>> [padded_width(length) for length in (3, 17, 64, 65, 130, 256)]
    [8, 24, 64, 80, 160, 256]
    """
    step = 8 if length <= 64 else 16 if length <= 128 else 32
    return max(8, -(-length // step) * step)


@dataclass(frozen=True)
class TokenRows:
    """Tokenised rows.

    ids: int32, shape (tokens of all rows,). offsets: int64, shape (rows + 1,). truncated: bool, shape (rows,).
    unknown: share of unknown tokens per row, float32, shape (rows,). words: words per row, int32. skip: tokens at the
    start of every row that are not pooled.
    """

    ids: np.ndarray
    offsets: np.ndarray
    truncated: np.ndarray
    unknown: np.ndarray
    words: np.ndarray
    skip: int = 0

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens per row, int64, shape (rows,)."""
        return np.diff(self.offsets)

    def row(self, index: int) -> np.ndarray:
        """Token numbers of one row."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def take(self, rows: np.ndarray) -> "TokenRows":
        """The rows at ``rows``, in that order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return TokenRows(
            self.ids[starts + np.arange(offsets[-1])],
            offsets,
            self.truncated[rows],
            self.unknown[rows],
            self.words[rows],
            self.skip,
        )


@dataclass(frozen=True)
class SpecialTokens:
    """Token numbers with a meaning of their own."""

    pad: int
    unknown: int


def text_reading(source: Source) -> TextReading:
    """How a source reads texts. Raises SourceError for one that reads another kind of content."""
    if source.reading.kind == TextReading.kind and not isinstance(source.reading, TextReading):
        raise SourceError(
            f"{source.weights.reference} has a vector for each token, and no layers to run or to tune",
            needed="a text encoder",
            fix="choose one, for example minilm",
        )
    if not isinstance(source.reading, TextReading):
        raise SourceError(
            f"{source.weights.reference} reads content of the kind {source.reading.kind!r}, and the rows are text",
            needed="a text encoder",
            fix="choose a text source, for example minilm",
        )
    return source.reading


def tokenise(source: Source, texts: Sequence[str]) -> TokenRows:
    """Token rows of texts, each after the prompt of its role and cut at the source's length.

    Raises SourceError for a tokenizer that cannot be used, or that gives numbers the model has no vectors for.
    """
    tokenizer, special = _tokenizer_of(source)
    ids: list[np.ndarray] = []
    truncated, words = np.zeros(len(texts), bool), np.zeros(len(texts), np.int32)
    for start in range(0, len(texts), _CHUNK):
        batch = [_prepared(text, source) for text in texts[start : start + _CHUNK]]
        for position, encoding in enumerate(encoded(tokenizer, batch, source.weights.directory), start):
            ids.append(np.asarray(encoding.ids, np.uint32))
            truncated[position] = bool(encoding.overflowing)
            words[position] = len(set(encoding.word_ids) - {None})
    lengths = np.fromiter((len(row) for row in ids), np.int64, len(ids))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    numbers = np.concatenate(ids) if ids else np.zeros(0, np.uint32)
    require_known(numbers, source)
    flat = numbers.astype(np.int32)
    before = np.concatenate([[0], np.cumsum(flat == special.unknown)])
    missing = before[offsets[1:]] - before[offsets[:-1]]
    unknown = (missing / np.maximum(lengths, 1)).astype(np.float32)
    return TokenRows(flat, offsets, truncated, unknown, words, unpooled_tokens(source))


def unpooled_tokens(source: Source) -> int:
    """How many tokens at the start of each row are not pooled: the prompt's, where the source leaves it out.

    As sentence-transformers counts them: with the special tokens before the prompt, without the one after it.
    """
    if source.includes_prompt or not source.reading.prompt:
        return 0
    tokenizer, _ = _tokenizer_of(source)
    encoding = tokenizer.encode(_prepared("", source))
    return len(encoding.ids) - int(bool(encoding.special_tokens_mask[-1]))


def special_tokens(source: Source) -> SpecialTokens:
    """The padding and unknown tokens of a source."""
    special: SpecialTokens = _tokenizer_of(source)[1]
    require_known(np.array([special.pad]), source)
    return special


def special_ids(source: Source) -> frozenset[int]:
    """The tokens that stand around every text and are no part of it, such as its beginning and its end."""
    tokenizer, _ = _tokenizer_of(source)
    return frozenset(int(number) for number in tokenizer.encode("").ids)


def mask_token(source: Source) -> int | None:
    """The token that stands for a hidden one; None when the tokenizer has none or the model has no vector for it."""
    tokenizer, _ = _tokenizer_of(source)
    directory = source.weights.directory
    named = {**read_json(directory / "special_tokens_map.json"), **read_json(directory / "tokenizer_config.json")}
    stated = named.get("mask_token")
    stated = stated.get("content") if isinstance(stated, dict) else stated
    for token in (stated, "[MASK]", "<mask>"):
        found = tokenizer.token_to_id(token) if isinstance(token, str) and token else None
        if found is not None and int(found) < source.weights.vocabulary:
            return int(found)
    return None


def encoded(tokenizer, texts: Sequence[str], directory: Path, *, special: bool = True):  # type: ignore[no-untyped-def]
    """The encodings of texts. special: with the tokens that stand around every text.

    Raises SourceError when the tokenizer gives up on one of them.
    """
    try:
        return tokenizer.encode_batch(list(texts), add_special_tokens=special)
    except BaseException as error:  # a panic of the Rust library is no Exception
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise unreadable(directory, (str(error) or type(error).__name__).splitlines()[0]) from error
        raise


def require_known(numbers: np.ndarray, source: Source) -> None:
    """Raise SourceError for a token number that the model has no vector for."""
    largest = int(numbers.max(initial=0))
    if largest >= source.weights.vocabulary:
        raise SourceError(
            f"the tokenizer of {source.weights.reference} gives the token {largest:,}, and the model has vectors for "
            f"{source.weights.vocabulary:,} tokens",
            needed="the tokenizer the model was trained with",
            fix="copy tokenizer and weights again, both from one place",
        )


def _prepared(text: str, source: Source) -> str:
    text = source.reading.prompt + text
    return text.lower() if text_reading(source).lowercase else text


def _tokenizer_of(source: Source):  # type: ignore[no-untyped-def]
    reading = text_reading(source)
    return tokenizer_in(source.weights.directory, reading.max_tokens, reading.tokenizer)


@lru_cache(maxsize=8)
def tokenizer_in(directory: Path, max_tokens: int, preprocessing: str):  # type: ignore[no-untyped-def]
    """The tokenizer of a directory, and its tokens with a meaning of their own.

    max_tokens: where it cuts, 0 nowhere. preprocessing: the digest of its files; with another one they are read again.
    """
    from tokenizers import Tokenizer

    file = directory / "tokenizer.json"
    require_tried(directory, max_tokens=max_tokens or _UNCUT, preprocessing=preprocessing)
    try:
        if file.is_file():
            tokenizer = Tokenizer.from_file(str(file))
        else:
            with process_alone():
                from transformers import AutoTokenizer

                found = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
            tokenizer = found.backend_tokenizer
    except Exception as error:  # the Rust tokenizer raises nothing narrower
        raise unreadable(directory, (str(error) or type(error).__name__).splitlines()[0]) from error
    tokenizer.no_padding()
    side = read_json(directory / "tokenizer_config.json").get("truncation_side")
    if max_tokens:
        tokenizer.enable_truncation(max_tokens, direction="left" if side == "left" else "right")
    else:
        tokenizer.no_truncation()
    return tokenizer, _special(tokenizer, directory)


def _special(tokenizer, directory: Path) -> SpecialTokens:  # type: ignore[no-untyped-def]
    named = {**read_json(directory / "special_tokens_map.json"), **read_json(directory / "tokenizer_config.json")}

    def number(role: str, usual: Sequence[str], fallback: int) -> int:
        stated = named.get(role)
        stated = stated.get("content") if isinstance(stated, dict) else stated
        for token in (stated, *usual):
            found = tokenizer.token_to_id(token) if token else None
            if found is not None:
                return int(found)
        return fallback

    config_pad = read_json(directory / "config.json").get("pad_token_id")
    pad = config_pad if config_pad is not None else number("pad_token", ("[PAD]", "<pad>"), 0)
    if pad < 0:
        raise unreadable(directory, f"config.json gives {pad} as pad_token_id")
    return SpecialTokens(pad=int(pad), unknown=number("unk_token", ("[UNK]", "<unk>"), -1))
