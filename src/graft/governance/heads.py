"""Heads of the ledger, kept outside it: what proves that it was not put back, cut or written anew.

Decisions: a file of heads is text that only grows, one head a line, ``TIME COUNT:HASH``, so it can lie anywhere (on
another machine, in a repository, on a disk that only appends) and be read by a person; every line has to hold, not the
last alone, because a ledger that was written anew may have noted heads since. With a key each line is signed by itself,
over its time and its head: nobody without the key can add one. Lines can be removed all the same, so the place should
be one where that shows.
"""

import base64
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.core import foreign
from graft.core.errors import InputError, OutputError
from graft.core.extras import require
from graft.governance.ledger import Head, LedgerError
from graft.governance.ledger.events import utc_now
from graft.governance.signing import key_bytes, key_errors

_LINE = re.compile(r"(?P<time>\S{1,40}) (?P<head>[0-9]{1,18}:[0-9a-f]{64})(?: (?P<signature>[A-Za-z0-9+/=]{1,400}))?")
_LIMIT = 64 << 20


@dataclass(frozen=True)
class NotedHead:
    """A line of a file of heads. time: when it was noted, UTC. signature: base64, empty without one."""

    time: str
    head: Head
    signature: str = ""

    def __str__(self) -> str:
        return f"{self.time} {self.head} {self.signature}".rstrip()

    @property
    def signed(self) -> bytes:
        """What a signature covers."""
        return f"graft-ledger-head-1 {self.time} {self.head}".encode()


def note_head(head: Head, file: Path, *, key: Path | None = None, password: str = "") -> NotedHead:
    """Add a head to the end of a file of heads; the file is made when it is not there.

    key: a private key, PEM, to sign the line with. password: of an encrypted key.
    Raises InputError when the key cannot be used, OutputError when the file cannot be written, MissingExtra for a key
    without the extra ``signing``.

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "heads.txt"
    >>> _ = note_head(Head(count=1, hash="ab" * 32), place)
    >>> [line.head.count for line in read_heads(place)]
    [1]
    """
    line = NotedHead(utc_now(), head)
    if key is not None:
        line = NotedHead(line.time, head, _sign(line.signed, key, password))
    try:
        # One write at the end of the file: several who note at once each get a line of their own.
        place = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(place, f"{line}\n".encode())
            os.fsync(place)
        finally:
            os.close(place)
    except OSError as error:
        raise OutputError(
            f"the head cannot be noted in {file}: {error.strerror}",
            needed="a file this user may append to, in a folder that is there",
            fix="name another file",
        ) from error
    return line


def read_heads(file: Path, *, key: Path | None = None) -> tuple[NotedHead, ...]:
    """The heads in a file, in order.

    key: the public key, PEM, that every line has to be signed with. Raises InputError when there is no such file or it
    holds no head, LedgerError for a line that is none or is not signed with the key.
    """
    lines = _text(file).splitlines()
    heads = tuple(_parsed(line, number, file) for number, line in enumerate(lines, 1) if line.strip())
    if not heads:
        raise InputError(
            f"{file} holds no heads",
            needed="at least one, as graft assets ledger head --note writes it",
            fix="if it held some, they were removed: use a copy",
        )
    if key is not None:
        _check_signatures(heads, file, key)
    return heads


def _text(file: Path) -> str:
    try:
        return foreign.read_text(file, limit=_LIMIT)
    except InputError as error:
        raise InputError(
            f"{file} is no file of heads: {error.given}",
            needed="a text file, one head a line",
            fix="name the file that graft assets ledger head --note wrote",
        ) from error


def _parsed(line: str, number: int, file: Path) -> NotedHead:
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise LedgerError(
            f"{file}, line {number}: {line[:80]!r} is not a noted head",
            needed="TIME COUNT:HASH, with a signature when it was signed",
            fix="use a copy of the file as it was written",
        )
    return NotedHead(found["time"], Head.parse(found["head"]), found["signature"] or "")


def _sign(what: bytes, key: Path, password: str) -> str:
    curves, hashes = _library()
    with key_errors(key, password):
        read = require("cryptography.hazmat.primitives.serialization", extra="signing", what="the library that signs")
        private = read.load_pem_private_key(key_bytes(key), password.encode() if password else None)
        return base64.b64encode(private.sign(what, curves.ECDSA(hashes.SHA256()))).decode()


def _check_signatures(heads: tuple[NotedHead, ...], file: Path, key: Path) -> None:
    curves, hashes = _library()
    wrong = require("cryptography.exceptions", extra="signing", what="the library that signs").InvalidSignature
    with key_errors(key, ""):
        read = require("cryptography.hazmat.primitives.serialization", extra="signing", what="the library that signs")
        public = read.load_pem_public_key(key_bytes(key))
        if not isinstance(public, curves.EllipticCurvePublicKey):
            raise ValueError("a key of another kind")
    for one in heads:
        try:
            public.verify(base64.b64decode(one.signature), one.signed, curves.ECDSA(hashes.SHA256()))
        except (wrong, ValueError) as error:
            raise LedgerError(
                f"{file}: the head of event {one.head.count}, noted {one.time}, is "
                + (f"not signed with the key of {key}" if one.signature else "not signed"),
                needed="lines that the owner of that key signed, all of them",
                fix="use a copy of the file as it was written; if the key is right, somebody else wrote this line",
            ) from error


def _library() -> tuple[Any, Any]:
    """The curves and the hashes of the library that signs."""
    return (
        require("cryptography.hazmat.primitives.asymmetric.ec", extra="signing", what="the library that signs"),
        require("cryptography.hazmat.primitives.hashes", extra="signing", what="the library that signs"),
    )
