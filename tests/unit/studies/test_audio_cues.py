"""Signs that recordings are none such as a source learnt from: rate, length, silence, all alike."""

import numpy as np
import pytest

import graft
from graft.facts.pretraining import FILE
from graft.inputs.contract import infer_contract
from graft.inputs.dataset import build_dataset
from graft.inputs.named_rows import named_rows, roles_of
from graft.representations.encoding.general_sounds import general_sounds
from graft.representations.sources import resolve_source
from graft.representations.weights.sums import SUMS
from graft.scores.workbench import Workbench
from graft.studies.cues import mismatch_cues

RNG = np.random.default_rng(0)


def noise(rate: int, seconds: float, highest: float = np.inf) -> tuple[int, np.ndarray]:
    """Another noise each time, with nothing above ``highest`` Hz."""
    spectrum = np.fft.rfft(RNG.standard_normal(int(rate * seconds)))
    spectrum[np.fft.rfftfreq(int(rate * seconds), 1 / rate) > highest] = 0
    sound = np.fft.irfft(spectrum, int(rate * seconds))
    return rate, (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def cues(recordings: list[object], source: str = "speech") -> dict[str, object]:
    rows = {"sound": recordings, "kind": [("one", "other")[place % 2] for place in range(len(recordings))]}
    named = named_rows(rows, roles_of(rows, audio="sound", label="kind"))
    data, _ = build_dataset(named.table, infer_contract(named.table, named.roles, folds=2), labelled=True)
    found = mismatch_cues(Workbench(data), resolve_source(source), np.arange(len(data)))
    return {one.name: one for one in found}


@pytest.mark.slow
def test_recordings_of_many_kinds_are_not_strange():
    found = cues([one.encoded for one in general_sounds()])
    assert [name for name, one in found.items() if one.warning] == []
    assert found["spread of recordings"].value == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: noise(8_000, 1.5), "narrow recordings"),
        (lambda: noise(16_000, 1.5, highest=3_500), "narrow recordings"),  # kept at 16,000 and made at 8,000
        (lambda: noise(44_100, 1.5, highest=3_500), "narrow recordings"),
        (lambda: noise(16_000, 0.4), "short recordings"),
        (lambda: noise(16_000, 61.0), "long recordings"),
    ],
)
@pytest.mark.slow
def test_each_strangeness_has_its_cue(make, name):
    found = cues([make() for _ in range(4)])
    assert found[name].value == 1.0
    assert found[name].warning
    others = {"narrow recordings", "short recordings", "long recordings"} - {name}
    assert not any(found[one].warning for one in others)


@pytest.mark.slow
def test_noises_alike_are_told_and_silence_is_counted():
    found = cues([noise(16_000, 1.0) for _ in range(6)] + [(16_000, np.zeros(16_000, np.float32))] * 2)
    assert found["silent recordings"].value == 0.25
    assert found["silent recordings"].warning
    alike = cues([noise(16_000, 1.0) for _ in range(8)])["spread of recordings"]
    assert alike.warning
    assert alike.value < 0.2


@pytest.mark.slow
def test_what_a_source_learnt_from_is_not_strange_to_it(tmp_path):
    """Recordings made at 8,000 samples a second are narrow to every source but one that was pretrained on such."""
    clips = [noise(8_000, 0.3, highest=(900, 3_000)[place % 2]) for place in range(60)]
    rows = {"sound": clips, "kind": ["low", "high"] * 30}
    made = graft.pretrain_source(rows, audio="sound", label="kind", steps=20, out=tmp_path / "own", progress=False)
    assert {one.name: one.warning for one in made.record.signs}["narrow recordings"]
    found = cues([noise(8_000, 0.3) for _ in range(4)], made.reference)["narrow recordings"]
    assert (found.value, found.warning) == (1.0, False)
    assert found.meaning.endswith("so did those it learnt from")
    (made.folder / FILE).write_text("{broken")
    # Whoever changes a file on purpose takes its line out.
    kept = [line for line in (made.folder / SUMS).read_text().splitlines() if not line.endswith(FILE)]
    (made.folder / SUMS).write_text("\n".join(kept) + "\n")
    assert cues([noise(8_000, 0.3) for _ in range(4)], made.reference)["narrow recordings"].warning
