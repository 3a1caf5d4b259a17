"""Front matter, sections and tables of cards."""

import pytest

from graft.core.errors import InputError
from graft.governance.answers import answer
from graft.governance.lineage import lineage_of
from graft.governance.reading import read_data
from graft.governance.reading.front_matter import read_front_matter, split_card
from graft.governance.reading.markdown import plain, sections, tables
from graft.governance.reading.model_card import training_tables
from graft.governance.reading.stated_licences import stated_in_sections
from graft.governance.records import Use


def test_values_stay_the_text_they_were_written_as():
    front = read_front_matter("language: [no, en]\nversion: 1.10\nlicense: 'mit'\nempty:\nnothing: ~\nquoted: '~'")
    assert front.texts("language") == ("no", "en")
    assert front.text("version") == "1.10"
    assert front.text("license") == "mit"
    assert front.texts("empty") == front.texts("nothing") == ()
    assert front.texts("quoted") == ("~",)


def test_nested_values_are_not_mistaken_for_top_level_ones():
    front = read_front_matter(
        "model-index:\n- name: x\n  license: gpl-3.0\nextra: {license: cc}\n"
        "license: mit\nlist:\n- a\n- [b]\n- {c: d}\n- e"
    )
    assert front.texts("license") == ("mit",)
    assert front.texts("list") == ("a", "e")
    assert front.texts("model-index") == ()


def test_a_key_written_twice_gives_both_values():
    assert read_front_matter("license: mit\nlicense: cc-by-nc-4.0").texts("license") == ("mit", "cc-by-nc-4.0")


def test_an_alias_gives_what_it_names():
    assert read_front_matter("a: &x mit\nlicense: *x").text("license") == "mit"


@pytest.mark.parametrize(
    "text",
    [
        "just words",
        "- a\n- b",
        "a: b: c",
        "a: [",
        "\x00",
        "? [a]\n: b",
        "a: " + "[" * 100_000,
        "a: " + "{b: " * 1000,
    ],
)
def test_what_is_no_mapping_is_an_error(text):
    with pytest.raises(InputError, match="front matter cannot be read"):
        read_front_matter(text)


def test_a_bomb_of_aliases_costs_nothing():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)]
    assert read_front_matter("\n".join([*lines, "license: mit"])).text("license") == "mit"


def test_a_tag_builds_no_object():
    front = read_front_matter(
        "license: !!python/object/apply:os.system ['touch /tmp/never']\nname: !!python/name:os.system x"
    )
    assert front.texts("license") == ("touch /tmp/never",)


@pytest.mark.parametrize(
    ("card", "front", "body"),
    [
        ("---\na: b\n---\n# T\n", "a: b", "# T\n"),
        ("---\r\na: b\r\n---\r\nx", "a: b", "x"),
        ("\n---\na: b\n---", "a: b", ""),
        ("---\n---\nx", "", "x"),
        ("# T\n---\na: b\n---\n", "", "# T\n---\na: b\n---\n"),
        ("---\na: b\n", "", "---\na: b\n"),
        ("", "", ""),
    ],
)
def test_cards_are_split(card, front, body):
    assert split_card(card) == (front, body)


def test_code_is_no_part_of_a_section():
    text = "# One\n```\n# not a title\nlicense: mit\n```\nafter\n~~~~\n```\n~~~~\n## Two ##\nend"
    assert [(one.title, one.text) for one in sections(text)] == [("", ""), ("One", "after"), ("Two", "end")]


def test_a_rule_and_a_table_are_no_titles():
    text = "word\n\n---\n| a | b |\n|---|---|\n| 1 | 2 |\n- item\n---\n"
    assert [one.title for one in sections(text)] == [""]
    assert [(head, rows) for head, rows in tables(sections(text)[0])] == [(("a", "b"), [("1", "2")])]


def test_cells_keep_escaped_bars_and_lose_their_markup():
    (section,) = sections("a | b\n--|--\n`x\\|y` | [![t](i)](l) <b>c</b>")
    assert list(tables(section)) == [(("a", "b"), [("x|y", "t c")])]
    assert plain("  **a**  `b`\n c ") == "a b c"


SENTENCE_TRANSFORMERS = """
#### Training data

We use the concatenation from multiple datasets.

| Dataset                                        | Paper               | Number of training tuples  |
|------------------------------------------------|:-------------------:|:--------------------------:|
| [S2ORC](https://github.com/allenai/s2orc) Citation pairs (Titles) | [paper](https://x.org/a_(b)) | 52,603,982 |
| AllNLI ([SNLI](https://x.org) and [MultiNLI](https://y.org) | - | 277,230 |
| [S2ORC](https://github.com/allenai/s2orc) Citation pairs (Titles) | twice | 1 |
| **Total** | | **1,170,060,424** |

## Evaluation results

| Dataset | Score |
|---|---|
| MTEB | 56 |
"""


def test_the_training_table_of_a_sentence_transformers_card():
    found = training_tables(SENTENCE_TRANSFORMERS, "README.md")
    assert [one.name for one in found] == ["S2ORC Citation pairs (Titles)", "AllNLI (SNLI and MultiNLI"]
    assert {one.where for one in found} == {"README.md (table under: Training data)"}


def test_a_column_of_licences_is_read():
    table = "| Corpus | Licence | Tokens |\n|--|--|--|\n| Wikipedia | CC-BY-SA-3.0 | 3B |\n| Web | - | 9B |"
    wiki, web = training_tables(f"## Pretraining corpora\n{table}", "README.md")
    assert [(one.stated, one.where) for one in wiki.licences] == [
        ("CC-BY-SA-3.0", "README.md (table under: Pretraining corpora)")
    ]
    assert web.licences == ()


@pytest.mark.parametrize("title", ["Evaluation", "Training results", "Usage", "Performance on training sets"])
def test_other_tables_name_no_training_data(title):
    assert training_tables(f"## {title}\n| Dataset | Score |\n|--|--|\n| SNLI | 3 |", "README.md") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("## License\nMIT License, see the LICENSE file.", ["MIT"]),
        (
            "## License\nThis project is licensed under the MIT License.\nThe weights are under Apache 2.0.",
            ["MIT", "Apache-2.0"],
        ),
        ("### Licensing\nThe data may be used for research purposes only; ask us for other uses.", ["terms in prose"]),
        ("## Terms of use\nCC BY 4.0, but for academic research.", ["CC-BY-4.0", "further terms"]),
        ("## License\n[More Information Needed]", []),
        ("## License\n", []),
        ("## License\nSee the LICENSE file.", []),
        ("- **License:** apache-2.0\n- **Language:** en", ["apache-2.0"]),
        ("## Model details\n- **License:** llama3.1", ["llama3.1"]),
        ("## Training data\nLicense: cc-by-nc-4.0", []),
        ("The MIT License is mentioned here.", []),
    ],
)
def test_sections_about_the_licence(text, said):
    assert [one.stated for one in stated_in_sections(text, "README.md")] == said


BADGE = "[![license](https://img.shields.io/badge/{}-green.svg)](LICENSE)"
READ = {
    "[![License: MIT](https://img.shields.io/badge/License-MIT-yellow.svg)](https://x.org)": ("allowed", ["MIT"]),
    BADGE.format("license-Apache%202.0"): ("allowed", ["Apache 2.0"]),
    BADGE.format("Model_License-CC_BY--NC_4.0"): ("blocked", ["CC BY-NC 4.0"]),
    '<a href="L"><img src="https://img.shields.io/badge/license-MIT-blue" alt="License"></a>': ("allowed", ["MIT"]),
    "License: [MIT](LICENSE)": ("allowed", ["MIT"]),
    "<h2 align='center'>License</h2>\n\nUnder the CC BY-NC 4.0 license.": ("blocked", ["CC-BY-NC-4.0"]),
    "<h3>License</h3> MIT License <h3>More</h3>": ("allowed", ["MIT"]),
    "**License**\n\nCC BY-NC 4.0": ("blocked", ["CC-BY-NC-4.0"]),
    "## License\nThis is licensed under the MIT License. See the LICENSE file.": ("allowed", ["MIT"]),
    "## License\n<!-- MIT License -->\nAsk us.": ("blocked", ["terms in prose"]),
    "## License\n~~MIT License~~ Ask us.": ("blocked", ["terms in prose"]),
    "## License\nCC BY-NC 4.0, no longer under the MIT License": (
        "blocked", ["CC-BY-NC-4.0", "MIT", "further terms"],
    ),
}  # fmt: skip
DENIED = [
    "This model is not licensed under the MIT License.",
    "This model is no longer available under the MIT License.",
    "Unlike the code, the weights do not come under the MIT License.",
    "Previously under the MIT License; ask us about this version.",
    "Until version 2 this was released under the MIT License.",
    "This isn't under the MIT License.",
    "The weights were never released under the MIT License",
    "Neither the MIT License nor another one applies.",
    "A license other than the MIT License applies.",
    "Instead of the MIT License we chose our own.",
    "The MIT License has been withdrawn.",
    "The code is under the MIT License. The weights are governed by the Foo Model Agreement.",
    "The code is under the MIT License, and the weights are proprietary.",
    "License: MIT\nThis does not apply to the weights.",
]


def outcome_of(folder, card):
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(card)
    (folder / "rows.csv").write_text("a\n1\n")
    asset = read_data(folder / "rows.csv")
    said = answer(lineage_of([asset]), asset.identity, uses=[Use.COMMERCIAL])
    return said.outcome.value, [one.stated for one in asset.licences]


@pytest.mark.parametrize(("card", "wanted"), READ.items(), ids=range(len(READ)))
def test_badges_and_headings_are_read_as_a_person_reads_them(tmp_path, card, wanted):
    assert outcome_of(tmp_path / "card", f"# A set\n{card}\n") == wanted


@pytest.mark.parametrize("sentence", DENIED)
@pytest.mark.parametrize("front", ["", "---\nlicense: mit\n---\n"], ids=["card", "front matter says mit"])
def test_what_is_denied_or_was_once_so_is_never_permission(tmp_path, sentence, front):
    assert outcome_of(tmp_path / "card", f"{front}# A set\n## License\n{sentence}\n")[0] != "allowed"


@pytest.mark.parametrize(
    "sentence",
    [
        "This model is no longer available under those terms.",
        "The licence in the metadata is wrong, see our page.",
        "See our page for the license: commercial users cannot use it for free.",
    ],
)
def test_a_section_that_takes_back_what_the_front_matter_says_is_not_passed_over(tmp_path, sentence):
    assert outcome_of(tmp_path / "card", f"---\nlicense: mit\n---\n# A set\n## License\n{sentence}\n")[0] != "allowed"


@pytest.mark.parametrize(
    "text",
    [
        "This project is no longer licensed under the MIT License.",
        "Formerly under the MIT License.",
        "This project is not licensed under the MIT License.",
        "MIT License. Selling it is forbidden.",
        "MIT License. Companies pay a fee.",
    ],
)
def test_a_licence_file_that_denies_a_licence_or_adds_to_it_is_never_permission(tmp_path, text):
    (tmp_path / "LICENSE").write_text(text)
    assert outcome_of(tmp_path, "# A set\n")[0] != "allowed"
