"""Statements as people write them."""

import re

import pytest
from license_expression import get_spdx_licensing

from graft.governance.emit.licence_words import expression
from graft.governance.licences.effects import effects
from graft.governance.licences.expressions import AllOf, AnyOf, Leaf, Unknown, canonical, leaves, read_terms
from graft.governance.licences.reach import Reach
from graft.governance.licences.table import table
from graft.governance.records import Permission, Use

NAMES = {
    # Hub identifiers
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-sa-3.0": "CC-BY-SA-3.0",
    "cc0-1.0": "CC0-1.0",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "bsl-1.0": "BSL-1.0",
    "llama2": "LicenseRef-scancode-llama-2-license-2023",
    "llama3": "LicenseRef-Meta-Llama-3",
    "llama3.1": "LicenseRef-scancode-llama-3.1-license-2024",
    "llama4": "LicenseRef-scancode-llama-4-cla-2025",
    "gemma": "LicenseRef-scancode-gemma-tou-2024-04-01",
    "LicenseRef-scancode-gemma-tou-2025-03-24": "LicenseRef-scancode-gemma-tou-2024-04-01",
    "openrail++": "LicenseRef-scancode-bigscience-open-rail-m2",
    "qwen": "LicenseRef-Qwen",
    "qwen-research": "LicenseRef-Qwen-Research",
    "tongyi-qianwen": "LicenseRef-scancode-tongyi-qianwen-2023",
    "deepseek": "LicenseRef-scancode-deepseek-la-1.0",
    "mrl": "LicenseRef-Mistral-Research",
    "stabilityai-ai-community": "LicenseRef-scancode-stability-ai-community-2024",
    "nvidia-open-model-license": "LicenseRef-scancode-nvidia-open-model-2025-04-28",
    "fair-noncommercial-research-license": "LicenseRef-FAIR-Noncommercial-Research",
    "epl-2.0": "EPL-2.0",
    "wtfpl": "WTFPL",
    "creativeml-openrail-m": "LicenseRef-scancode-stable-diffusion-2022-08-22",
    "bigscience-openrail-m": "LicenseRef-scancode-bigscience-open-rail-m",
    "bigscience-bloom-rail-1.0": "LicenseRef-scancode-bigscience-rail-1.0",
    "bigcode-openrail-m": "LicenseRef-scancode-bigcode-open-rail-m-v1",
    "gpl-3.0": "GPL-3.0-only",
    "agpl-3.0": "AGPL-3.0-only",
    # Python classifiers
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "License :: OSI Approved :: GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "License :: Free for non-commercial use": "LicenseRef-non-commercial",
    "License :: OSI Approved :: MIT No Attribution License (MIT-0)": "MIT-0",
    "License :: OSI Approved :: zlib/libpng License": "Zlib",
    "License :: OSI Approved :: PostgreSQL License": "PostgreSQL",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
    "License :: OSI Approved :: University of Illinois/NCSA Open Source License": "NCSA",
    "License :: OSI Approved :: Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    # what people write
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
    "MIT licence": "MIT",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "The Apache Software License, Version 2.0": "Apache-2.0",
    "  apache 2.0 ": "Apache-2.0",
    "BSD 3-Clause": "BSD-3-Clause",
    "New BSD License": "BSD-3-Clause",
    "CC BY-NC-SA 4.0": "CC-BY-NC-SA-4.0",
    "Creative Commons Attribution 4.0 International": "CC-BY-4.0",
    "Boost Software License 1.0": "BSL-1.0",
    "Business Source License 1.1": "BUSL-1.1",
    "GNU General Public License v3 or later": "GPL-3.0-or-later",
    "CC-BY-NC, requires also adhering to C4AI's Acceptable Use Policy": "LicenseRef-Cohere-Labs-CC-BY-NC",
}  # fmt: skip


@pytest.mark.parametrize(("stated", "identifier"), NAMES.items())
def test_names_people_write_are_resolved(stated: str, identifier: str) -> None:
    terms = read_terms(stated)
    assert isinstance(terms, Leaf)
    assert terms.licence == identifier
    assert terms.stated == stated


@pytest.mark.parametrize(
    "stated",
    ["cc", "bsd", "gpl", "lgpl", "openrail", "bsl", "llama", "cdla", "epl", "mistral license",
     "License :: OSI Approved :: BSD License",
     "License :: OSI Approved :: Apache Software License", "License :: Public Domain"],
)  # fmt: skip
def test_a_family_is_not_a_licence(stated: str) -> None:
    terms = read_terms(stated)
    assert isinstance(terms, Leaf)
    assert terms.family
    assert not terms.licence


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ("other", Unknown.ELSEWHERE),
        ("License :: Other/Proprietary License", Unknown.ELSEWHERE),
        ("UNLICENSED", Unknown.ELSEWHERE),
        ("terms that could not be read", Unknown.ELSEWHERE),
        ("further terms", Unknown.BESIDES),
        ("unknown", Unknown.SILENT),
        ("none", Unknown.SILENT),
        ("", Unknown.SILENT),
        ("NOASSERTION", Unknown.SILENT),
        ("EPL-1.0", Unknown.UNRECORDED),
        ("falcon-llm-license", Unknown.WORD),
        ("my licence", Unknown.WORD),
        ("MIT/Apache-2.0", Unknown.WORD),
        ("MIT, Apache-2.0", Unknown.WORD),
        ("MIT or GPL depending on the file", Unknown.WORD),
        ("(MIT OR Apache-2.0", Unknown.WORD),
        ("MIT AND", Unknown.WORD),
        ("MIT?", Unknown.WORD),
        ("!MIT", Unknown.WORD),
        ("~ Apache-2.0", Unknown.WORD),
        ("MIT\n\nCopyright (c) 2020", Unknown.WORD),
        ("許諾", Unknown.WORD),
        ("MIT License 許諾", Unknown.WORD),
        ("x" * 10_000, Unknown.WORD),
        ("(" * 5_000, Unknown.SILENT),
        ("(MIT OR " * 5_000 + "MIT" + ")" * 5_000, Unknown.WORD),
        ("(MIT OR " * 190 + "MIT" + ")" * 190 + "?", Unknown.WORD),
    ],
)
def test_unknown_words_are_never_guessed(stated: str, why: Unknown) -> None:
    terms = read_terms(stated)
    assert isinstance(terms, Leaf)
    assert terms.unknown is why


def test_expressions_nest_as_they_are_written() -> None:
    terms = read_terms("mit AND (apache-2.0 OR GPL-3.0-only WITH GCC-exception-3.1)")
    assert isinstance(terms, AllOf)
    assert isinstance(terms.parts[1], AnyOf)
    assert str(terms) == "MIT AND (Apache-2.0 OR GPL-3.0-only WITH GCC-exception-3.1)"
    assert [leaf.exception for leaf in leaves(terms)] == ["", "", "GCC-exception-3.1"]


def test_an_expression_may_be_nested_deeply() -> None:
    terms = read_terms("(MIT OR " * 190 + "Apache-2.0" + ")" * 190)
    assert len(leaves(terms)) == 191
    assert canonical(terms).count("(") == 190


def test_a_reference_nobody_knows_leaves_the_other_parts_readable() -> None:
    terms = read_terms("MIT OR LicenseRef-our-own-terms")
    assert [leaf.licence or leaf.unknown for leaf in leaves(terms)] == ["MIT", Unknown.WORD]


def test_names_with_spaces_stand_inside_expressions() -> None:
    assert str(read_terms("MIT License OR Apache License 2.0")) == "MIT OR Apache-2.0"


def test_statements_that_mean_the_same_have_one_canonical_text() -> None:
    assert canonical(read_terms("mit")) == canonical(read_terms("License :: OSI Approved :: MIT License"))
    assert canonical(read_terms("mit and mit")) == "MIT"
    assert canonical(read_terms("A-x")) != canonical(read_terms("B-x"))
    assert canonical(read_terms("MIT OR Apache-2.0")) != canonical(read_terms("MIT AND Apache-2.0"))


def test_only_a_person_may_call_something_their_own() -> None:
    assert read_terms("own").unknown is Unknown.WORD
    assert read_terms("own", decided=True).licence == "LicenseRef-own"
    assert read_terms("permission", decided=True).licence == "LicenseRef-permission"


@pytest.mark.parametrize(
    ("stated", "base"),
    [
        ("MIT WITH nonsense", "MIT"),
        ("MIT with Commons Clause", "MIT"),
        ("MIT WITH non-commercial", "MIT"),
        ("Apache-2.0 WITH Commons-Clause", "Apache-2.0"),
        ("GPL-3.0-only WITH MIT", "GPL-3.0-only"),
        ("MIT WITH LicenseRef-ours", "MIT"),
    ],
)
def test_what_follows_with_and_is_no_exception_is_unsettled_and_no_expression(stated, base):
    first, added = leaves(read_terms(stated))
    assert (first.licence, added.unknown) == (base, Unknown.ADDED)
    barred = effects(read_terms(stated), Reach.SELF, (Use.COMMERCIAL,)).barred
    assert [bar.outcome for bar in barred if bar.use is Use.COMMERCIAL] == [Permission.UNSETTLED]
    assert expression(stated) == ""


@pytest.mark.parametrize(
    "stated", ["(MIT", "MIT)", "((MIT)", "MIT) OR (Apache-2.0", "(MIT OR Apache-2.0", "(", ")", "()"]
)
def test_half_an_expression_means_nothing(stated):
    assert not any(leaf.licence for leaf in leaves(read_terms(stated)))
    assert expression(stated) == ""


@pytest.mark.parametrize("operator", ["AND", "OR", "WITH", "with", "/", ",", "+", "AND AND", "OR WITH", "WITH WITH"])
@pytest.mark.parametrize(
    "form", ["MIT {0} {1}", "{1} {0} MIT", "MIT {0}", "{0} MIT", "(MIT {0} {1}) {0} {1}", "(MIT {0} {1}"]
)
@pytest.mark.parametrize("other", ["Apache-2.0", "nonsense", "classpath-exception-2.0", "GPL", "EPL-1.0"])
def test_what_is_written_as_an_expression_is_one(operator, form, other):
    written = expression(form.format(operator, other))
    assert not written or get_spdx_licensing().validate(written).errors == []


def test_exceptions_are_written_as_the_list_writes_them():
    assert expression("GPL-2.0-only with classpath-exception-2.0") == "GPL-2.0-only WITH Classpath-exception-2.0"
    assert expression("Apache License 2.0 with LLVM exception") == "Apache-2.0 WITH LLVM-exception"


def test_every_licence_of_the_table_has_an_identifier_documents_may_carry():
    known = get_spdx_licensing().known_symbols
    for one in table().licences:
        assert one.id in known or re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", one.id)
