"""Bytes to text, without guessing silently.

Decisions: an encoding that is asked for is used and a byte-order mark is believed; otherwise a file is UTF-8, or it is
Windows-1252 throughout (then a note says so), or it is refused with the place of the first byte that does not fit. A
file that mixes the two is refused, because either reading would damage some of its rows. Windows-1252 has pairs that
are one character of UTF-8 by chance (``É»``, ``Ü°``): those stand alone, and are no letters and quotes that Western
text has in UTF-8; where they could be a lone Greek letter (``μ``), they are fewer than the bytes that fit nothing.
"""

import codecs
import re
from itertools import pairwise

from graft.core.errors import InputError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
_WESTERN_LEADS = b"\xc2\xc3\xc4\xc5\xe2"
_GREEK_LEADS = b"\xce\xcf"
_WESTERN_SHARE = 0.3
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PAGE = re.compile(rb"\s*<(!doctype html|html)[\s>]", re.IGNORECASE)
_CHANCE_SHARE = 0.05
_SAVE_UTF16 = "name its encoding (--encoding utf-16-le, or utf-16-be), or save it again as UTF-8"
_SAVE = "name its encoding (--encoding cp1252), or save it again as UTF-8 (a spreadsheet: 'CSV UTF-8'; a shell: iconv)"


def decode(raw: bytes, *, name: str, encoding: str | None = None) -> tuple[str, tuple[str, ...]]:
    """The text of a file and notes about how it was read.

    raw: the bytes of the whole file. name: how errors call it. encoding: what it is written in, where that is known.
    Raises InputError with the offset and line of the first byte that does not fit, when no single encoding fits the
    file, or not the one that was named.

    >>> decode("café".encode("cp1252"), name="menu.csv")
    ('café', ('menu.csv is not UTF-8: read as Windows-1252 (first such byte at offset 3, line 1)',))
    """
    if encoding is not None:
        return _refuse_nul(_decode_as(raw, encoding, name), name), ()
    for mark, marked in _MARKS:
        if raw.startswith(mark):
            return _refuse_nul(_decode_marked(raw, marked, name), name), ()
    if raw.startswith(_ZIP):
        raise InputError(
            f"{name} is a zip archive or a spreadsheet (.xlsx, .ods), whatever it is called",
            needed="a text file",
            fix="unpack it, or open it and export it as CSV UTF-8",
        )
    if raw.startswith(_OLE):
        raise InputError(
            f"{name} is an old workbook (.xls) or another Office document, whatever it is called",
            needed="a text file",
            fix="open it and export it as CSV UTF-8",
        )
    if _PAGE.match(raw):
        raise InputError(
            f"{name} is a web page, whatever it is called",
            needed="a text file",
            fix="open it in a browser: it may ask for a login; a table in it can be pasted into a spreadsheet and "
            "exported as CSV UTF-8",
        )
    if b"\0" in raw:
        offset = raw.index(b"\0")
        many = raw[:4096].count(b"\0") * 4 > len(raw[:4096])
        raise InputError(
            f"{name} holds a NUL byte at offset {offset}, line {_line(raw, offset)}",
            needed="a text file",
            fix=f"it looks like UTF-16 without its mark: {_SAVE_UTF16}"
            if many
            else "remove the NUL bytes: tr -d '\\000'",
        )
    try:
        return raw.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        return _decode_western(raw, error.start, name)


def _decode_as(raw: bytes, encoding: str, name: str) -> str:
    try:
        known = codecs.lookup("utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding)
        text, _ = known.decode(raw)
        if not isinstance(text, str):
            raise LookupError(encoding)
        return text
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is not {encoding}: byte 0x{raw[error.start]:02x} at offset {error.start}, "
            f"line {_line(raw, error.start)} does not fit",
            needed="the encoding the whole file is written in",
            fix="name another one, or leave --encoding out to have it recognised",
        ) from error
    except (LookupError, ValueError, TypeError) as error:
        raise InputError(
            f"encoding={encoding!r}",
            needed="the name of a text encoding, such as utf-8, cp1252, iso-8859-2 or shift-jis",
            fix="check the spelling, or leave it out to have it recognised",
        ) from error


def _decode_marked(raw: bytes, encoding: str, name: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} starts as {encoding.upper()} but byte {error.start} does not fit it",
            needed="one encoding for the whole file",
            fix=f"{_SAVE}; a cut-off download shows the same",
        ) from error


def _refuse_nul(text: str, name: str) -> str:
    position = text.find("\0")
    if position >= 0:
        line = text.count("\n", 0, position) + 1
        raise InputError(
            f"{name} holds a NUL character in line {line}", needed="a text file", fix="remove the NUL characters"
        )
    return text


def _decode_western(raw: bytes, start: int, name: str) -> tuple[str, tuple[str, ...]]:
    where = f"offset {start}, line {_line(raw, start)}"
    valid = _UTF8_CHARACTER.search(raw)
    if valid is not None and not _by_chance(raw):
        other = f"offset {valid.start()}, line {_line(raw, valid.start())}"
        raise InputError(
            f"{name} mixes encodings: byte 0x{raw[start]:02x} at {where} is not UTF-8, the character at {other} is",
            needed="one encoding for the whole file",
            fix=f"re-export the rows around line {_line(raw, start)} as UTF-8, or repair that line by hand; "
            "where all of it is Windows-1252, say so: --encoding cp1252",
        )
    high = sum(1 for byte in raw if byte >= 0x80)
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    if not text or high > _WESTERN_SHARE * len(raw):
        raise InputError(
            f"{name} is neither UTF-8 nor Windows-1252: byte 0x{raw[start]:02x} at {where}",
            needed="UTF-8, or UTF-16 with its byte-order mark",
            fix=_SAVE,
        )
    return text, (f"{name} is not UTF-8: read as Windows-1252 (first such byte at {where})",)


def _by_chance(raw: bytes) -> bool:
    """Whether what looks like characters of UTF-8 among bytes that are not is more likely Windows-1252 too."""
    pairs = list(_UTF8_CHARACTER.finditer(raw))
    unfit = sum(byte >= 0x80 for byte in raw) - sum(pair.end() - pair.start() for pair in pairs)
    if len(pairs) <= _CHANCE_SHARE * unfit:
        return True
    alone = all(one.end() < other.start() for one, other in pairwise(pairs))
    leads = bytes(raw[pair.start()] for pair in pairs)
    lone = sum(lead in _GREEK_LEADS or lead >= 0xE0 for lead in leads)
    return alone and lone <= unfit and not any(lead in _WESTERN_LEADS for lead in leads)


def _line(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1
