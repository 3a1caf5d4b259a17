"""Lists of words: what is read, and what is refused in words."""

import pytest

from graft.audit.word_tests import named_tests, read_tests
from graft.core.errors import InputError

GOOD = """
tests:
  jobs:
    about: who is a doctor
    people: yes
    targets: {doctors: [surgeon, doctor, doctor], nurses: [nurse, no]}
    attributes: {men: [he, man], women: [she, woman]}
    sentences: ["This is {word}."]
"""


def written(tmp_path, text: str):
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_tests_is_read_as_it_is_written(tmp_path):
    (one,) = read_tests(written(tmp_path, GOOD))
    assert (one.name, one.about, one.people) == ("jobs", "who is a doctor", True)
    # Twice the same word is one word, and ``no`` is a word.
    assert [each.words for each in one.targets] == [("surgeon", "doctor"), ("nurse", "no")]
    assert one.sentences == ("This is {word}.",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("targets", "target"), "has the key 'target'"),
        (("people: yes", "people: maybe"), "says people: maybe"),
        ((", nurses: [nurse, no]", ""), "are not two lists"),
        (("[he, man]", "he"), "are not two lists"),
        (("[he, man]", "[he, '']"), "holds what is no word"),
        (("[nurse, no]", "[nurse, doctor]"), "'doctor' stands in both lists"),
        (("This is {word}.", "This is it."), "sentences of the test 'jobs'"),
        (("tests:", "test:"), "has no tests"),
        (("  jobs:", "  jobs: 3\n  others:"), "the test 'jobs' in"),
        (("about: who", "about: *who"), "is not YAML of association tests"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, change, said):
    with pytest.raises(InputError) as raised:
        read_tests(written(tmp_path, GOOD.replace(*change)))
    assert said in str(raised.value)
    assert raised.value.fix


def test_names_are_found_however_they_are_written():
    assert [one.name for one in named_tests(["WEAT-6", "weat_7"])] == ["weat6", "weat7"]
    assert len(named_tests(["weat1", "all"])) == 10
    with pytest.raises(InputError, match="no association test is called 'weat11'") as raised:
        named_tests(["weat11"])
    assert raised.value.fix == "did you mean weat1?"
