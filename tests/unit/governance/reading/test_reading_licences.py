"""Licence files: which texts are recognised, and that a changed or widened text never passes for a known one."""

from pathlib import Path

import pytest

from graft.governance.reading import licence_statements
from graft.governance.reading.known_texts import OPENING, known_texts, piece_of
from graft.governance.reading.licence_names import named_licences, stated_values

MIT = """MIT License

Copyright (c) 2020 Ada Lovelace

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
BSD = """Copyright (c) {holder}
All rights reserved.

Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:

 * Redistributions of source code must retain the above copyright notice, this
   list of conditions and the following disclaimer.

 * Redistributions in binary form must reproduce the above copyright notice,
   this list of conditions and the following disclaimer in the documentation
   and/or other materials provided with the distribution.

{third}THIS SOFTWARE IS PROVIDED BY {holder} "AS IS" AND ANY EXPRESS OR
IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL {holder} BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR
CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE
GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF
THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""
THIRD = """ * Neither the name of {holder} nor the names of its contributors may be used
   to endorse or promote products derived from this software without specific
   prior written permission.

"""
COMMON = Path("/usr/share/common-licenses")
PROJECT = Path(__file__).resolve().parents[4]


def stated(text: str) -> list[str]:
    return [one.stated for one in licence_statements(text, "LICENSE")]


def bsd(holder: str, *, third: bool) -> str:
    return BSD.format(holder=holder, third=THIRD.format(holder=holder) if third else "")


def test_the_usual_short_licences():
    assert stated(MIT) == ["MIT"]
    assert stated(bsd("the regents of somewhere", third=False)) == ["BSD-2-Clause"]
    assert stated(bsd("THE COPYRIGHT HOLDERS AND CONTRIBUTORS", third=True)) == ["BSD-3-Clause"]


def test_layout_case_quotes_and_comment_marks_do_not_matter():
    assert stated(" ".join(MIT.split())) == ["MIT"]
    assert stated("\r\n".join(f"# {line}" for line in MIT.splitlines())) == ["MIT"]
    assert stated(MIT.upper().replace('"', "\u201c")) == ["MIT"]
    assert stated("\ufeff" + MIT.replace("MIT License\n", "The MIT License (MIT)\n=================\n")) == ["MIT"]


def test_the_licence_of_this_project_is_recognised():
    (found,) = licence_statements((PROJECT / "LICENSE").read_text(), "LICENSE")
    assert (found.stated, found.where) == ("Apache-2.0", "LICENSE (its text)")


@pytest.mark.skipif(not COMMON.is_dir(), reason="needs the licence texts of Debian")
@pytest.mark.parametrize(
    ("file", "licence"),
    [
        ("Apache-2.0", "Apache-2.0"),
        ("CC0-1.0", "CC0-1.0"),
        ("GPL-2", "GPL-2.0"),
        ("GPL-3", "GPL-3.0"),
        ("LGPL-2.1", "LGPL-2.1"),
        ("LGPL-3", "LGPL-3.0"),
        ("MPL-2.0", "MPL-2.0"),
        ("Artistic", "other"),
        ("GFDL-1.3", "other"),
        ("GPL-1", "other"),
    ],
)
def test_texts_that_come_with_debian(file, licence):
    assert stated((COMMON / file).read_text(errors="replace")) == [licence]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("free of charge", "for a fee"),
        ("to any person", "to any academic person"),
        ("sublicense, and/or sell", "sublicense"),
        ("The above copyright notice", "The Software shall be used for Good, not Evil.\n\nThe above copyright notice"),
        ("AUTHORS OR COPYRIGHT HOLDERS", "AUTHORS, WHO PERMIT NO COMMERCIAL USE,"),
        ("AUTHORS OR COPYRIGHT HOLDERS", "alpha beta gamma delta " * 4),
    ],
)
def test_a_text_with_changed_words_is_not_that_licence(old, new):
    assert old in MIT
    changed = MIT.replace(old, new)
    assert stated(changed) == ["other"]
    assert "names MIT, but its text is not that one" in licence_statements(changed, "LICENSE")[0].where


@pytest.mark.parametrize("at", range(0, len(MIT.split()), 9))
def test_a_word_left_out_anywhere_is_noticed_unless_it_is_of_the_title_or_the_holder(at):
    words = MIT.split()
    inside = words.index("Permission") <= at and words[at].casefold() not in ("authors", "or", "copyright", "holders")
    without = " ".join([*words[:at], *words[at + 1 :]])
    # One letter carries no meaning in a comparison: it is how clauses are numbered.
    assert stated(without) == (["other"] if inside and words[at] != "a" else ["MIT"])


@pytest.mark.parametrize(
    "addition",
    [
        "\nNon-commercial use only.\n",
        "\nThe Parrot Non-Commercial License\n",
        "\nYou may not use this for military purposes.\n",
        "\nThis licence applies except to the files in data/, which are research only.\n",
        "\nPortions are under other terms: see NOTICE for the conditions that apply to them.\n",
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_licence_with_further_terms_states_both(addition, before):
    found = licence_statements(addition + MIT if before else MIT + addition, "LICENSE")
    assert [one.stated for one in found] == ["MIT", "further terms"]
    assert " ".join(addition.split())[:20] in found[1].where


def test_a_condition_in_the_line_of_the_holder_is_noticed():
    assert stated(MIT.replace("Ada Lovelace", "Ada Lovelace. Not for commercial use.")) == ["MIT", "further terms"]


def test_two_licences_in_one_file_are_two_statements():
    assert stated(MIT + "\n\n" + bsd("Somebody", third=True)) == ["BSD-3-Clause", "MIT"]


def test_a_sentence_that_only_names_the_licence_adds_nothing():
    assert stated("This project is released under the MIT License, reproduced below.\n\n" + MIT) == ["MIT"]
    assert stated("Released under the MIT License, except for the logo.\n\n" + MIT) == ["MIT", "further terms"]


@pytest.mark.parametrize(
    ("text", "licences"),
    [
        ('Licensed under the Apache License, Version 2.0 (the "License")', ["Apache-2.0"]),
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/", ["CC-BY-NC-SA-4.0"]),
        ("This work is licensed under a Creative Commons Attribution 4.0 International License.", ["CC-BY-4.0"]),
        ("MIT", ["MIT"]),
        ("License: MIT", ["MIT"]),
        ("License: MIT\nNot for commercial use.", ["MIT", "further terms"]),
        ("CC BY 4.0, for research only", ["CC-BY-4.0", "further terms"]),
        ("SPDX-License-Identifier: BSD-3-Clause", ["BSD-3-Clause"]),
        ("Ask us before you use this.", ["other"]),
        ("All rights reserved by the authors of this fine piece of work.", ["other"]),
        ("", []),
        (" \n--\n", []),
    ],
)
def test_short_files(text, licences):
    assert stated(text) == licences


def test_an_unknown_text_is_other_and_shows_how_it_begins():
    (found,) = licence_statements("The Parrot Public License. " + "You must feed the parrot. " * 60, "LICENSE.txt")
    assert found.stated == "other"
    assert found.where.startswith("LICENSE.txt (begins: The Parrot Public License. You must feed the parrot.")


def test_names_are_read_longest_first_and_a_bare_word_is_no_licence():
    text = "CC BY-NC-SA 4.0, not CC BY 4.0; by people at MIT; GPLv3; https://www.apache.org/licenses/LICENSE-2.0.txt"
    assert [one.licence for one in named_licences(text)] == ["CC-BY-NC-SA-4.0", "CC-BY-4.0", "GPL-3.0", "Apache-2.0"]
    assert [text[one.start : one.end] for one in named_licences(text)][:2] == ["CC BY-NC-SA 4.0", "CC BY 4.0"]


def test_stated_values_drop_remarks_that_narrow_nothing():
    assert stated_values("License: MIT (see the file)\nlicence | Apache-2.0 |") == ("MIT", "Apache-2.0")
    assert stated_values("License: MIT (research only)") == ("MIT (research only)",)
    assert stated_values("License: [More Information Needed]\nlicense: see LICENSE\nunlicensed: yes") == ()


def test_the_table_of_texts_is_well_formed():
    names = {known.licence for known in known_texts()}
    assert {"MIT", "Apache-2.0", "CC-BY-NC-4.0", "LicenseRef-scancode-llama-2-license-2023"} <= names
    for known in known_texts():
        for piece in known.pieces:
            assert len(piece.opening.split()) == OPENING <= piece.count
    texts = [known.pieces for known in known_texts() if known.licence]
    assert len(texts) == len(set(texts))


def test_an_entry_of_the_table_is_made_from_its_text():
    known = next(known for known in known_texts() if known.licence == "MIT")
    start, end = MIT.index("Permission"), MIT.index("AUTHORS OR COPYRIGHT")
    assert known.pieces[0] == piece_of(MIT[start:end])


def test_a_file_of_openings_alone_is_read_quickly_and_states_nothing():
    assert stated("Permission is hereby granted, free of charge. " * 3000) == ["other"]
