"""A tokenizer, loaded and tried: the job of a process that ``tokenizer_trial`` starts apart from this one.

Decisions: first the parts that turn a short text into a long one are looked at, because a trial does not find the one
word that sets them off; then texts of every script, runs of every letter and a long text are cut, within the limits of
the process. Imports nothing of Graft.
"""

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

# Real tokenizers stay far below these: what one text may grow by, and how many steps a chain may have.
_LONGEST_INSERT = 256
# The longest that Unicode itself writes for one character, in bytes.
_USUAL_INSERT = 33
_LONGEST_CHAIN = 64
_MOST_GROWTH = 1024
_LONGEST_TEMPLATE = 256
_TOKENS_PER_BYTE = 20
_SPARE_TOKENS = 1000
_SECONDS_PER_TEXT = 5.0
_CHAINS = ("normalizer", "pre_tokenizer", "post_processor")
_ENTRIES = ("pretokenizers", "normalizers", "processors")
_TEXTS = (
    "",
    " ",
    "The delivery is late, and the invoice 2024-01-31 says €1,234.50 (incl. VAT)!",
    "Zahlung für Straße Nr. 7, naïve café, piñata, œuvre, İstanbul, ﬁn, ﷺ, ½, ①",
    "Доставка опоздала; η παράδοση άργησε; המשלוח מאחר; التسليم متأخر; डिलीवरी में देरी; การจัดส่งล่าช้า",
    "配送が遅れています。交货晚了。배송이 늦었습니다.",
    "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪 e\u0301 a\u0300\u0301\u0302 \u200b\u00a0\u202e\ufeff\ufffd\U0010ffff",
    "".join(map(chr, range(1, 256))),
    "https://example.org/a?b=c&d=%20 user@example.org <s> </s> [CLS] [SEP] [MASK] <|endoftext|> C:\\x\\y.txt",
)
_LONGEST_WORD = 10_000
_RUN = 400
_LONG = 200


class Hostile(Exception):
    """It is not what a tokenizer is."""


def prepare(given: dict[str, Any]) -> None:
    """Load what reads the tokenizer. One thread: each would reserve memory that counts."""
    os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
    import tokenizers  # noqa: F401

    if not given["whole"]:
        import transformers  # noqa: F401


def work(given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Load the tokenizer of a folder and cut texts with it."""
    directory = Path(given["directory"])
    if given["whole"]:
        from tokenizers import Tokenizer

        raw = (directory / "tokenizer.json").read_bytes()
        check(json.loads(raw))
        tokenizer = Tokenizer.from_buffer(raw)
    else:
        from transformers import AutoTokenizer

        found = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
        tokenizer = found.backend_tokenizer
        check(json.loads(tokenizer.to_str()))
    tokenizer.no_padding()
    tokenizer.enable_truncation(given["max_tokens"])
    for text in texts():
        start = time.process_time()
        encoding = tokenizer.encode(text)
        if len(encoding.ids) > given["max_tokens"]:
            raise Hostile(f"it makes rows of {len(encoding.ids):,} tokens, and the model takes {given['max_tokens']:,}")
        made = len(encoding.ids) + sum(len(more.ids) for more in encoding.overflowing)
        if made > _TOKENS_PER_BYTE * len(text.encode()) + _SPARE_TOKENS:
            raise Hostile(f"it makes {made:,} tokens of a text of {len(text):,} characters")
        if time.process_time() - start > _SECONDS_PER_TEXT:
            raise Hostile(f"it takes more than {_SECONDS_PER_TEXT:g} seconds for a text of {len(text):,} characters")
    return {}


def texts() -> list[str]:
    """What is cut: some words of every script, runs of every printable character, and a long text."""
    runs = [chr(code) * _RUN + end for code in range(33, 127) for end in ("", "!")]
    return [*_TEXTS, *runs, "ab " * _RUN, "\n" * _RUN, " " * _RUN, " ".join(_TEXTS) * _LONG]


def check(table: Any) -> None:
    """Refuse parts that make much of little. table: the content of tokenizer.json."""
    if not isinstance(table, dict):
        raise Hostile("it is not a table")
    model = table.get("model")
    if isinstance(model, dict):
        longest = model.get("max_input_chars_per_word")
        if isinstance(longest, int) and longest > _LONGEST_WORD:
            raise Hostile(f"it tries every part of words of up to {longest:,} characters")
        if model.get("dropout"):
            raise Hostile("it cuts texts at random (dropout): the same text would have many vectors")
    for name in _CHAINS:
        steps = _steps(table.get(name))
        if len(steps) > _LONGEST_CHAIN:
            raise Hostile(f"its {name} has {len(steps):,} steps")
        growth = 1
        for step in steps:
            growth *= _grown(step)
            if growth > _MOST_GROWTH:
                raise Hostile(f"its {name} makes texts more than {_MOST_GROWTH:,} times as long")
            _check_template(step)


def _steps(part: Any) -> list[dict[str, Any]]:
    """The steps of a part that may be a sequence of sequences, without recursion."""
    found, waiting = [], [part]
    while waiting:
        current = waiting.pop()
        if isinstance(current, list):
            waiting.extend(current)
        elif isinstance(current, dict):
            inner = [current[name] for name in _ENTRIES if isinstance(current.get(name), list)]
            waiting.extend(inner)
            if not inner:
                found.append(current)
    return found


def _grown(step: dict[str, Any]) -> int:
    """How many times as long a text a step can make."""
    charsmap = step.get("precompiled_charsmap")
    if isinstance(charsmap, str) and charsmap:
        raw = base64.b64decode(charsmap)
        longest = max(map(len, raw[4 + int.from_bytes(raw[:4], "little") :].split(b"\0")), default=0)
        if longest > _LONGEST_INSERT:
            raise Hostile(f"its {step.get('type')} writes {longest:,} bytes for one character")
        return max(1, longest // _USUAL_INSERT)
    given = (step.get(name) for name in ("content", "prepend", "append", "replacement"))
    longest = max((len(text) for text in given if isinstance(text, str)), default=0)
    if longest > _LONGEST_INSERT:
        raise Hostile(f"its {step.get('type')} inserts {longest:,} characters")
    return max(1, longest) if step.get("type") == "Replace" else 1


def _check_template(step: dict[str, Any]) -> None:
    for name in ("single", "pair"):
        pieces = step.get(name)
        if isinstance(pieces, list) and len(pieces) > _LONGEST_TEMPLATE:
            raise Hostile(f"its template adds {len(pieces):,} pieces to every text")
    special = step.get("special_tokens")
    for each in special.values() if isinstance(special, dict) else ():
        ids = each.get("ids") if isinstance(each, dict) else None
        if isinstance(ids, list) and len(ids) > _LONGEST_TEMPLATE:
            raise Hostile(f"its template adds {len(ids):,} tokens to every text")


def reason(error: BaseException) -> str:
    """Why a tokenizer was refused, in words."""
    if isinstance(error, Hostile):
        return str(error)
    if isinstance(error, MemoryError):
        return "it needs more memory than it may use"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
