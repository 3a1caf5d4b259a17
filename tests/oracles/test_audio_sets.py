"""Real recordings: two takes of a word are no copies, and verdicts are those the rows bear out."""

from pathlib import Path

import polars as pl
import pytest

import graft
from graft.inputs import find_duplicates
from graft.rows.content import AUDIO
from graft.rows.content.sounds import samples

pytest.importorskip("soundfile")
CLIPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "spoken_digits" / "clips.csv"
pytestmark = [pytest.mark.realdata, pytest.mark.skipif(not CLIPS.is_file(), reason="no data beside the project")]


def test_takes_of_a_word_by_one_speaker_are_not_linked_and_copies_are():
    names = pl.read_csv(CLIPS)["path"].to_list()[::2]
    takes = AUDIO.read([pl.Series(names)], CLIPS.parent)
    found = find_duplicates(takes, kind=AUDIO)
    assert (len(takes), found.exact, found.near) == (300, 0, 0)
    copies = [AUDIO.taken((16_000, samples(one, 16_000) / 5)) for one in takes[::10]]
    groups = find_duplicates([*takes, *copies], kind=AUDIO).groups
    assert groups[300:].tolist() == list(range(0, 300, 10))


@pytest.mark.slow
@pytest.mark.parametrize(("label", "group"), [("digit", "speaker"), ("speaker", None)])
def test_a_source_of_words_helps_with_words_and_not_with_voices(tmp_path, monkeypatch, label, group):
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    result = graft.study(
        CLIPS, audio="path", label=label, group=group, effort="quick", strategy="frozen", out=tmp_path / "study",
        progress=False,
    )  # fmt: skip
    assert (result.verdict == "helps") == (label == "digit")
