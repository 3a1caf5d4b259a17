"""Every licence expression a document can hold is one by the grammar of SPDX, of identifiers that are on its list."""

import json
import re
from importlib.resources import files
from itertools import product

import pytest
from license_expression import get_spdx_licensing

from graft.governance.emit.licence_words import declared, expression, listed
from graft.governance.licences.table import table
from graft.governance.records import LicenceStatement
from official_schema import fault

LISTED = frozenset(json.loads((files("cyclonedx.schema._res") / "spdx.SNAPSHOT.schema.json").read_text())["enum"])
EXCEPTIONS = frozenset(name for name, one in get_spdx_licensing().known_symbols.items() if one.is_exception)
# SPDX keeps these for old documents: they leave open whether later versions are meant.
DEPRECATED = re.compile(
    r"(?:A?GPL|LGPL|GFDL)-\d\.\d\+?|.*-with-.*|Nunit|eCos-2\.0|wxWindows|BSD-2-Clause-(?:FreeBSD|NetBSD)"
)
TOKEN = re.compile(r"[()]|[A-Za-z0-9.:-]+")


def is_expression(text: str) -> bool:
    """By Annex B of SPDX 2.3, which SPDX 3 and CycloneDX follow: the grammar, its case, and its list."""
    tokens = TOKEN.findall(text)
    if re.sub(r"[() ]", "", text) != re.sub(r"[() ]", "", "".join(tokens)):
        return False
    rest = _compound(tokens)
    return rest == []


def _compound(tokens: list[str]) -> list[str] | None:
    """What follows a compound expression at the beginning; None when there is none."""
    if tokens[:1] == ["("]:
        inner = _compound(tokens[1:])
        rest = inner[1:] if inner and inner[0] == ")" else None
    else:
        rest = tokens[1:] if tokens and _is_licence(tokens[0]) else None
        if rest and rest[0] == "WITH":
            rest = rest[2:] if rest[1:2] and rest[1] in EXCEPTIONS else None
    if rest and rest[0] in ("AND", "OR"):
        return _compound(rest[1:])
    return rest


def _is_licence(word: str) -> bool:
    reference = re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", word)
    return bool(reference) or (word in LISTED and not DEPRECATED.fullmatch(word))


@pytest.mark.parametrize("text", ["MIT OR", "MIT or GPL-3.0", "GPL-3.0", "(MIT", "MIT WITH MIT", "own", "", "A B"])
def test_the_grammar_is_not_a_formality(text: str) -> None:
    assert not is_expression(text)


NAMES = sorted(
    {name for one in table().licences for name in (one.id, *one.names)} | {one.name for one in table().families}
)
ODD = [
    "own", "permission", "cleared", "NONE", "NOASSERTION", "GPL-2.0+", "AGPL-3.0", "LicenseRef-ours", "afl-3.0",
    "DocumentRef-x:LicenseRef-y",
    "GPL-2.0-with-classpath-exception", "BSD-2-Clause-FreeBSD", "public domain", "MIT/X11",
    "License :: OSI Approved :: Apache Software License", "other", "(MIT)", "MIT WITH LLVM-exception",
]  # fmt: skip


@pytest.mark.parametrize("form", ["{}", "{} OR MIT", "Apache-2.0 AND ({} or MIT)", "{} WITH llvm-exception", "({})"])
def test_whatever_is_stated_an_expression_is_one(form: str) -> None:
    wrong = {
        name: text for name in (*NAMES, *ODD) if (text := expression(form.format(name))) and not is_expression(text)
    }
    assert wrong == {}
    assert any(expression(form.format(name)) for name in NAMES)


def test_statements_that_agree_or_differ_give_expressions_or_their_own_words() -> None:
    for first, second in product(ODD, ODD):
        told = tuple(LicenceStatement(stated=one, where=f"file {at}") for at, one in enumerate((first, second)))
        assert not (text := declared(told)) or is_expression(text)
        for shown, _ in listed(told):
            assert is_expression(shown) or shown in (first, second)


def test_the_schema_takes_every_licence_of_the_table_as_an_expression() -> None:
    components = [
        {"type": "library", "name": one.id, "licenses": [{"expression": expression(one.id)}]}
        for one in table().licences
        if expression(one.id)
    ]
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components}
    assert len(components) > 40
    assert fault(json.dumps(document)) is None
