"""Recordings from the file to predictions: a study, its bundle, its report, a table that is searched."""

import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import graft
from graft.cli.app import app
from graft.core.errors import SourceError
from graft.demo.tones import write_tones
from graft.representations.log_mel import log_mel
from graft.representations.sources import resolve_source
from graft.rows.content import AUDIO
from graft.scores.classical.sounds import course, of_sounds, statistics

pytest.importorskip("soundfile")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return write_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="module")
def studied(tones, tmp_path_factory):
    out = tmp_path_factory.mktemp("audio") / "study"
    return graft.study(
        tones, audio="path", label="sound", group="player", effort="quick", folds=2, out=out, progress=False
    )


def test_a_study_of_recordings_compares_the_source_with_what_needs_none(studied):
    record = studied.record
    told = {(one.strategy, one.source): one for one in record.candidates}
    assert {strategy for strategy, _ in told} >= {"majority", "classical", "frozen"}
    assert record.data.contract.roles.content == ("path",)
    assert record.data.contract.roles.kind == "audio"
    page = (studied.folder / "report.html").read_text()
    assert "data:image/svg+xml;base64," in page
    assert "speech" in page
    card = (studied.folder / "bundle" / "README.md").read_text()
    assert "speech" in card


def test_its_bundle_predicts_files_and_samples_and_says_when(studied, tones):
    rows = pl.read_csv(tones)
    asked = rows.with_columns(path=pl.concat_str(pl.lit(f"{tones.parent}/"), "path"))
    told = studied.bundle.predict(asked, explain=True).frame
    assert (told["prediction"] == rows["sound"]).mean() > 0.8
    assert any(" to " in words for words in told["words"])


def test_tuning_a_source_that_is_run_as_it_is_is_refused(tones, tmp_path):
    with pytest.raises(SourceError, match="speech is run as it is") as raised:
        graft.study(tones, audio="path", label="sound", strategy="full", out=tmp_path / "a", progress=False)
    assert "frozen" in raised.value.fix
    with pytest.raises(SourceError, match="lite0 reads images, and the rows are recordings") as raised:
        graft.study(tones, audio="path", label="sound", source="lite0", out=tmp_path / "b", progress=False)
    assert "speech" in raised.value.fix


def test_recordings_are_kept_in_a_table_and_found_by_one_of_them(tones, tmp_path):
    where = str(tmp_path / "table")
    done = CliRunner().invoke(app, ["embed", str(tones), "--audio", "path", "--id", "path", "--table", where])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(app, ["search", where, str(tones.parent / "struck-03.wav"), "-k", "3", "--json"])
    found = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    assert found[0]["id"] == "struck-03.wav"
    assert len(found) == 3


def test_a_folder_of_recordings_for_each_class_is_rows(tones, tmp_path):
    for row in pl.read_csv(tones).rows(named=True):
        place = tmp_path / "sounds" / row["sound"] / row["path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((tones.parent / row["path"]).read_bytes())
    (tmp_path / "sounds" / "struck" / "notes.txt").write_text("recorded nowhere")
    rows = graft.rows.read_frame(tmp_path / "sounds")
    assert rows.frame.columns == ["audio", "label"]
    assert rows.frame["label"].value_counts(sort=False).sort("label")["count"].to_list() == [20, 20, 20]
    assert "passed over: 1 other file: 1 .txt" in rows.notes


def test_what_the_control_hears_does_not_depend_on_loudness_or_silence_around_it():
    rng = np.random.default_rng(0)
    time = np.arange(8_000) / 16_000
    word = (np.sin(2 * np.pi * (300 + 500 * time) * time) * np.sin(np.pi * time / 0.5) * 0.3).astype(np.float32)
    noisy = word + 1e-3 * rng.standard_normal(8_000).astype(np.float32)
    silence = np.zeros(4_000, np.float32)
    several = [noisy, noisy / 3, np.concatenate([silence, noisy, silence]), noisy[::-1].copy()]
    made = of_sounds([AUDIO.taken((16_000, one)) for one in several], parts=(statistics, course))
    assert made.shape == (4, 320)
    near = made @ made[0] / (made[0] @ made[0])
    assert near[1:3].min() > 0.97
    assert near[3] < 0.95  # played backwards, it takes another course
    assert of_sounds([], parts=(statistics,)).shape[0] == 0
    assert np.isfinite(of_sounds([AUDIO.taken((16_000, np.zeros(1)))], parts=(statistics, course))).all()


def test_bands_are_at_the_pitches_they_stand_for():
    tone = np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000).astype(np.float32)
    strongest = int(log_mel(tone).mean(0).argmax())
    ends = 2595 * np.log10(1 + np.array([60.0, 7_600.0]) / 700)
    centre = 700 * (10 ** (np.linspace(*ends, 42)[strongest + 1] / 2595) - 1)
    assert abs(centre - 1_000) < 60


def test_the_source_is_there():
    assert resolve_source("speech").reading.rate == 16_000
