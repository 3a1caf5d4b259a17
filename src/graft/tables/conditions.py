"""Conditions on rows: one SQL expression over the columns of a table, looked through before Polars reads it.

Decisions: a condition may come from somebody else, so what it may say is a list, and all else is refused: columns by
name, plain values, comparisons, AND/OR/NOT, LIKE, lists, CASE, arithmetic, and functions of one row. A question inside
the question, a table function (it would read files), an aggregate or a window (its answer would hang on how the rows
lie on disk), a comment or a second statement is not on the list. Every bare word that is no word of SQL must be a
column; the brackets must pair, so that nothing gets out of its own; and a chain is held to a length Polars can read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from graft.core.errors import TableError

_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*') | (?P<quoted>"(?:[^"]|"")+"|`[^`]+`) | (?P<word>[^\W\d]\w*)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\w))
      | (?P<bad>--|/\*|\*/) | (?P<mark><=>|<>|!=|<=|>=|==|\|\||::|//|~\*|!~\*|!~|[-+*/%=<>~&|^.])
      | (?P<bracket>[()\[\],]) | (?P<space>\s+)""",
    re.VERBOSE,
)
_WORDS = frozenset(
    [
        "and",
        "or",
        "not",
        "xor",
        "in",
        "is",
        "null",
        "true",
        "false",
        "like",
        "ilike",
        "rlike",
        "regexp",
        "between",
        "distinct",
        "from",
        "case",
        "when",
        "then",
        "else",
        "end",
        "as",
        "both",
        "leading",
        "trailing",
        "year",
        "quarter",
        "month",
        "week",
        "day",
        "hour",
        "minute",
        "second",
        "millisecond",
        "microsecond",
        "dow",
        "doy",
        "isodow",
        "isoyear",
        "epoch",
        "at",
        "time",
        "zone",
        "current_date",
        "current_timestamp",
    ]
)
_TYPES = frozenset(
    [
        "bool",
        "boolean",
        "tinyint",
        "smallint",
        "int",
        "integer",
        "bigint",
        "float",
        "real",
        "double",
        "precision",
        "decimal",
        "numeric",
        "text",
        "varchar",
        "char",
        "string",
        "date",
        "timestamp",
        "datetime",
        "interval",
    ]
)
_FUNCTIONS = frozenset(
    [
        "abs",
        "ceil",
        "ceiling",
        "floor",
        "round",
        "sqrt",
        "cbrt",
        "pow",
        "power",
        "mod",
        "sign",
        "exp",
        "ln",
        "log",
        "log2",
        "log10",
        "lower",
        "upper",
        "length",
        "char_length",
        "character_length",
        "octet_length",
        "bit_length",
        "trim",
        "ltrim",
        "rtrim",
        "btrim",
        "left",
        "right",
        "substr",
        "substring",
        "replace",
        "reverse",
        "concat",
        "concat_ws",
        "starts_with",
        "ends_with",
        "regexp_like",
        "strpos",
        "position",
        "initcap",
        "date_part",
        "extract",
        "strftime",
        "coalesce",
        "nullif",
        "ifnull",
        "if",
        "greatest",
        "least",
        "array_contains",
        "array_length",
        "array_get",
        "cast",
        "try_cast",
        "date",
        "timestamp",
        "now",
        "bit_count",
    ]
)
_BEFORE_BRACKET = frozenset(
    ("and", "or", "not", "in", "when", "then", "else", "case", "between", "like", "from", "xor")
)
_STATEMENTS = frozenset(("select", "with", "values", "table", "union", "over", "filter", "within", "window", "exists"))
_NOW = frozenset(("now", "current_date", "current_timestamp"))
_JOINTS = 500  # Polars walks a chain of operators by recursion: thousands of them take it minutes, or end the process.
_FIX = "for example: region = 'EU' AND opened_at > '2026-01-01'"


@dataclass(frozen=True)
class Condition:
    """A condition that may be asked. columns: those it names. meaning: the same for the same rows; empty where it
    speaks of the current time, and means something else later.
    """

    sql: str
    columns: tuple[str, ...]
    meaning: str


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    @property
    def word(self) -> str:
        """A bare word in lower case; empty for anything else."""
        return self.text.lower() if self.kind == "word" else ""

    @property
    def ends_a_value(self) -> bool:
        return self.kind in ("text", "quoted", "number") or self.text in (")", "]") or bool(self.word)


def read_condition(where: str, columns: Iterable[str]) -> Condition:
    """The condition ``where`` over rows that have ``columns``.

    Raises TableError for a column there is not, and for whatever is no expression of one row.

    >>> read_condition("region IN ('EU', 'US') AND NOT closed", ["id", "region", "closed"]).columns
    ('region', 'closed')
    """
    held = tuple(columns)
    tokens = list(_tokens(where, held))
    if not tokens:
        raise _refused(where, "it is empty", held)
    if sum(token.kind == "mark" or bool(token.word) for token in tokens) > _JOINTS:
        raise _refused(where, f"it joins more than {_JOINTS} parts", held, "use IN (…) for a list of values")
    _require_pairs(where, tokens, held)
    named: list[str] = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else _Token("", "")
        after = tokens[place + 1] if place + 1 < len(tokens) else _Token("", "")
        inside = before.text == "."  # a field of a record
        if token.text == "*" and not before.ends_a_value:
            raise _refused(where, "'*' stands where a value belongs", held)
        if token.word and not inside:
            _require_word(where, token, after, held)
        if token.kind == "quoted" and not inside and _unquoted(token.text) not in held:
            raise _refused(where, f"no column {_unquoted(token.text)!r}", held, "text stands in single quotes")
        if token.kind == "quoted" or (token.word and token.text in held):
            named.append(_unquoted(token.text))
    timed = any(token.word in _NOW for token in tokens)
    meaning = "" if timed else " ".join(token.text for token in tokens)
    return Condition(where, tuple(name for name in dict.fromkeys(named) if name in held), meaning)


def _tokens(where: str, held: tuple[str, ...]) -> Iterator[_Token]:
    place = 0
    while place < len(where):
        found = _TOKEN.match(where, place)
        if found is None or found.lastgroup == "bad":
            raise _refused(where, f"{(found[0] if found else where[place])!r} cannot stand in it", held)
        place = found.end()
        if found.lastgroup != "space":
            yield _Token(str(found.lastgroup), found[0])


def _require_word(where: str, token: _Token, after: _Token, held: tuple[str, ...]) -> None:
    """Raise TableError for a bare word that is no column, no word of SQL and no function of one row."""
    word = token.word
    if word in _STATEMENTS:
        fix = f'write "{token.text}" when it is a column' if token.text in held else _FIX
        raise _refused(where, f"{token.text!r} asks for more than one row", held, fix)
    if after.text == "(":
        if not (word in _FUNCTIONS or word in _TYPES or word in _BEFORE_BRACKET):
            raise _refused(where, f"{token.text!r} is no function of one row that may be asked", held)
    elif after.kind == "text" and not (word in _WORDS or word in _TYPES):
        raise _refused(where, f"{token.text!r} stands before a text", held)
    elif not (word in _WORDS or word in _TYPES or token.text in held):
        raise _refused(where, f"no column {token.text!r}", held, "text stands in single quotes")


def _require_pairs(where: str, tokens: list[_Token], held: tuple[str, ...]) -> None:
    opened: list[str] = []
    for token in tokens:
        if token.kind == "bracket" and token.text in "([":
            opened.append(token.text)
        elif token.kind == "bracket" and token.text in ")]" and (not opened or opened.pop() + token.text not in "()[]"):
            raise _refused(where, "its brackets do not pair", held)
        elif token.text == "," and not opened:
            raise _refused(where, "it is more than one expression", held)
    if opened:
        raise _refused(where, "its brackets do not pair", held)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name[0] == '"' else name.strip("`")


def _refused(where: str, why: str, columns: tuple[str, ...], fix: str = _FIX) -> TableError:
    shown = where if len(where) <= 200 else f"{where[:200]}…"
    return TableError(
        f"the condition {shown!r} cannot be read: {why}",
        needed=f"one SQL expression over the columns {', '.join(columns)}",
        fix=fix,
    )
