"""A clause put into a licence, in whatever words, is never read past: no such work is allowed for business."""

# ruff: noqa: RUF001 (other scripts are what is tested)

import re
from pathlib import Path

import pytest

from graft.governance.answers import answer
from graft.governance.lineage import lineage_of
from graft.governance.reading import licence_statements, read_model
from graft.governance.records import Asset, Permission, Use

PROJECT = Path(__file__).resolve().parents[2]
MIT = """MIT License

Copyright (c) 2020 Ada Lovelace

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
BSD = """Copyright (c) 2015, The Regents of Somewhere. All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
disclaimer in the documentation and/or other materials provided with the distribution.

3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products
derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""
TEXTS = {"MIT": MIT, "BSD-3-Clause": BSD, "Apache-2.0": (PROJECT / "LICENSE").read_text(encoding="utf-8")}
CLAUSES = [
    "You may not use this for commercial purposes.",
    "Hobbyists alone.",
    "5. Companies excluded.",
    "Google and Amazon are excluded.",
    "You owe us ten percent.",
    "Personal hobby projects, please.",
    "Kommerzielle Nutzung ist untersagt.",
    "Nur für Forschung.",
    "Usage commercial interdit.",
    "Solo uso personale.",
    "Только для некоммерческого использования",
    "仅限非商业用途",
    "商用利用を禁止します。",
    "비상업적 용도로만 사용",
    "للاستخدام غير التجاري فقط",
    "N\u200bot for c\u200bommercial use",
    "NON&shy;COMMERCIAL",
    "non&#45;commercial&nbsp;use",
    "n\u043et f\u043er c\u043emmer\u0441ial us\u0435",  # with Cyrillic letters
]


def outcome(asset: Asset) -> Permission:
    return answer(lineage_of((asset,)), asset.identity, uses=[Use.COMMERCIAL]).outcome


def of_text(text: str) -> Permission:
    return outcome(Asset(kind="source", name="m", digest="1", licences=licence_statements(text, "LICENSE")))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("clause", CLAUSES, ids=range(len(CLAUSES)))
def test_a_clause_anywhere_in_a_known_text_leaves_it_unsettled(name: str, clause: str) -> None:
    text = TEXTS[name]
    assert of_text(text) is Permission.ALLOWED
    places = [match.start() for match in re.finditer(r"(?<=\s)\S", text)]
    for place in (0, *places[:: max(7, len(places) // 8)], len(text)):
        assert of_text(f"{text[:place]} {clause} {text[place:]}") is not Permission.ALLOWED, text[place : place + 40]


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("clause", CLAUSES, ids=range(len(CLAUSES)))
def test_a_clause_between_any_two_words_leaves_a_text_unsettled(name: str, clause: str) -> None:
    """Of a long text, at every eleventh place."""
    text = TEXTS[name]
    places = [match.start() for match in re.finditer(r"(?<=\s)\S", text)]
    for place in places[:: 1 if len(places) < 400 else 11]:
        assert of_text(f"{text[:place]} {clause} {text[place:]}") is not Permission.ALLOWED, text[place : place + 40]


@pytest.mark.parametrize(
    "holder",
    [
        "2014 sindresorhus",
        "2015 Holger Krekel and others",
        "2010-2024 Google Inc. All rights reserved.",
        "2020 李明",
        "2019 Иван Петров",
        "2021 Can Güney <can@example.org> (https://example.org)",
        "2019-present, Facebook, Inc. and its affiliates",
        "2024 Consortium for Python Data API Standards",
        "2011 Free Software Foundation",
    ],
)
def test_whoever_holds_the_rights_a_known_text_is_that_licence(holder: str) -> None:
    text = MIT.replace("2020 Ada Lovelace", holder)
    assert [one.stated for one in licence_statements(text, "LICENSE")] == ["MIT"]
    assert [one.stated for one in licence_statements("sentence-tools\n\n" + text, "LICENSE")] == ["MIT"]


FRONT = {
    "license: mit": True,
    "license: [mit, apache-2.0]": True,
    "license:\n- mit\n- other": False,
    "license: [mit, cc-by-nc-4.0]": False,
    "license: mit\nlicense: cc-by-nc-4.0": False,
    "license: other": False,
    "license: other\nlicense_name: mit\nlicense_link: LICENSE": True,
    "license: other\nlicense_name: parrot-research": False,
    "license: mit\nlicense_name: parrot-research\nlicense_link: LICENSE": False,
    "license: {name: mit}": False,
    "license: mit &amp; others": False,
    "license: MIT-like": False,
    "license: mit, non-commercial": False,
    "license: Apache-2.0 WITH Parrot-exception": False,
    "license: Apache-2.0 WITH LLVM-exception": True,
    "license: GPL-3.0": True,
    "license: AGPL-3.0": True,
    "license: LicenseRef-MIT": False,
    "license: Creative Commons Attribution NonCommercial ShareAlike 4.0": False,
    "license: openrail": False,
    "license: unknown": False,
    "license: null": False,
    "license: apache-2.0\nextra_gated_prompt: You agree to use this for research only": False,
    "license: apache-2.0\nextra_gated_prompt: Tell us about your project": True,
}
BODIES = {
    "## License\nMIT": True,
    "## Lizenz\nMIT": True,
    "## License\nHint is free for personal and business use under the MIT License.": True,
    "## License\nThe code is MIT. 模型权重仅限非商业用途。": False,
    "## License\nThe code is under the MIT License.\n### Restrictions\nNo commercial use": False,
    "## License\n```\nMIT, research only\n```": False,
    "## License\nMIT &mdash; non&#45;commercial use only": False,
    "## License\nLicense: CC BY&#8209;NC 4.0": False,
    "## License\nMIT. Kommerzielle Nutzung ist untersagt.": False,
    "<h2>License</h2>\n<p>MIT</p>\n<p>No commercial use</p>": False,
    "## 许可证\n仅限非商业用途": False,
    "## Lizenz\nNur für Forschung": False,
    "## Лицензия\nтолько для некоммерческого использования": False,
    "## ライセンス\n商用利用を禁止します": False,
    "## Usage\nThis model is for research purposes only.": False,
    "## Terms\nYou must not use it commercially.": False,
    "## Use\nThe released checkpoints can be used for commercial purposes free of charge.": True,
    "## Training data\nMS MARCO is for non-commercial research purposes only.": True,
    "## Use\nThe data sets are intended for non-commercial research purposes only.": True,
    "![License](https://img.shields.io/badge/license-MIT-blue) "
    "![Weights License](https://img.shields.io/badge/Weights%20License-CC%20BY--NC%204.0-red)": False,
}


def of_card(folder: Path, card: str) -> bool:
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text(card, encoding="utf-8")
    return outcome(read_model(folder)) is Permission.ALLOWED


@pytest.mark.parametrize(("front", "allowed"), FRONT.items(), ids=range(len(FRONT)))
def test_what_front_matter_states(tmp_path: Path, front: str, allowed: bool) -> None:
    assert of_card(tmp_path, f"---\n{front}\n---\n# X\n") is allowed


@pytest.mark.parametrize(("body", "allowed"), BODIES.items(), ids=range(len(BODIES)))
def test_what_a_card_says_beside_its_front_matter(tmp_path: Path, body: str, allowed: bool) -> None:
    assert of_card(tmp_path, f"---\nlicense: mit\n---\n# X\n{body}\n") is allowed
