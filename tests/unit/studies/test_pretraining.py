"""Pretraining on pictures and recordings: what is written, what is refused, and what a study makes of it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import graft
from graft.bundle.loading import load_bundle
from graft.core.errors import GraftError, InputError, SourceError
from graft.facts.pretraining import FILE, PretrainingRecord
from graft.governance.named_assets import read_source
from graft.representations.source_head import answers_of, head_of
from graft.representations.sources import resolve_source
from graft.rows.content import AUDIO, IMAGE
from graft.scores.image_bodies import handed
from graft.scores.pretraining import FORMS, form_named


def pictures(count=72, seed=0):
    """Stripes that lie, stand or are checked."""
    rng, (y, x) = np.random.default_rng(seed), np.mgrid[:16, :16]
    made, labels = [], []
    for row in range(count):
        wave = [np.sin(x + rng.uniform(0, 6)), np.sin(y + rng.uniform(0, 6)), np.sin(x) * np.sin(y)][row % 3]
        made.append((127 + 90 * wave + rng.normal(0, 12, (16, 16))).clip(0, 255).astype(np.uint8))
        labels.append(["stand", "lie", "check"][row % 3])
    return made, labels


def sounds(count=60, seed=0):
    """Tones that rise or fall."""
    rng, time = np.random.default_rng(seed), np.arange(4000) / 8000
    made = []
    for row in range(count):
        sweep = (300 + 1500 * time) if row % 2 else (1800 - 1500 * time)
        tone = np.sin(2 * np.pi * np.cumsum(sweep * rng.uniform(0.9, 1.1)) / 8000 + rng.uniform(0, 6))
        made.append((8000, (12000 * tone + rng.normal(0, 300, len(time))).astype(np.int16)))
    return made, ["falls", "rises"] * (count // 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    photos, kinds = pictures()
    tones, ways = sounds()
    return {
        "image": graft.pretrain_source(
            {"photo": photos, "kind": kinds}, image="photo", label="kind", side=16, steps=60, out=folder / "stripes",
            progress=False,
        ),
        "audio": graft.pretrain_source(
            {"clip": tones, "way": ways, "who": [str(row % 6) for row in range(60)]}, audio="clip", label="way",
            group="who", steps=60, out=folder / "tones", progress=False,
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_a_source_says_what_it_learnt_and_keeps_its_head(made, kind):
    one = made[kind]
    record = PretrainingRecord.from_json((one.folder / FILE).read_text(), FILE)
    assert record == one.record
    scores = {each.name: each.score.mean for each in record.scores}
    assert list(scores) == ["the source", "majority", "classical"]
    assert scores["the source"] > scores["majority"] + 0.2
    # The sounds kept apart are of one person, so nobody knows how far another one's would differ.
    alone = [told for told in record.left_out if "are of one who: how far" in told]
    assert bool(alone) is (kind == "audio")
    assert all((each.score.ends is None) is (kind == "audio") for each in record.scores)
    assert sum(each.rows for each in record.classes) == record.held
    wrong = record.held - sum(each.right for each in record.classes)
    assert sum(each.rows for each in record.confused) == wrong
    assert [edge.relation.value for edge in read_source(one.reference, one.folder).edges] == ["trained-on-data"]
    source = resolve_source(one.reference)
    head = head_of(source)
    assert head is not None
    assert head.labels == record.labels
    contents = AUDIO.made_up(()) if kind == "audio" else IMAGE.made_up(())
    answers = answers_of(head, contents)
    assert answers.shape == (len(contents), len(record.labels))
    assert np.allclose(answers.sum(1), 1)


def test_rows_nothing_can_be_learnt_from_are_refused_and_leave_nothing(tmp_path):
    photos, kinds = pictures(72)
    out = tmp_path / "none"

    def refused(match, error=InputError, **options):
        given = {"photo": photos, "kind": kinds, **options.pop("rows", {})}
        with pytest.raises(error, match=match):
            graft.pretrain_source(given, image="photo", label="kind", out=out, progress=False, **options)
        assert list(tmp_path.iterdir()) == []

    refused("two classes|at least two", rows={"kind": ["lie"] * 72}, error=GraftError)
    refused("36 usable rows", rows={"photo": photos[:36], "kind": kinds[:36]})
    refused("reads recordings|reads audio", arch="spectrogram-small")
    refused("'resnet-huge'", arch="resnet-huge")
    refused("side=4", side=4)
    refused("rows of 2 groups", rows={"who": ["a", "b"] * 36}, group="who")


def test_forms_fit_their_kinds():
    assert [form_named("", one.kind).name for one in FORMS] == ["resnet-small", "spectrogram-small", "row-resnet"]
    with pytest.raises(InputError, match="pretraining on rows of text"):
        form_named("", "text")


def test_letters_are_handed_and_noise_is_not():
    rng = np.random.default_rng(0)
    flat = np.zeros((60, 16, 16, 3), np.uint8)
    flat[:, 2:14, 3:6] = 200  # an L
    flat[:, 11:14, 3:12] = 200
    letters = np.clip(flat + rng.integers(0, 40, flat.shape), 0, 255).astype(np.uint8)
    assert handed(letters)
    assert not handed(rng.integers(0, 255, flat.shape, dtype=np.uint8))
    assert not handed(letters[:1])


@pytest.mark.slow
def test_whoever_kills_it_leaves_nothing_half_made(tmp_path):
    code = (
        "import numpy as np, graft; from unit.studies.test_pretraining import pictures; p, k = pictures(300)\n"
        f"graft.pretrain_source({{'photo': p, 'kind': k}}, image='photo', label='kind', out={str(tmp_path / 'out')!r},"
        " side=64, passes=1000, progress=False)"
    )
    place = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], env=place) as running:
        while not any(tmp_path.glob(".graft-convert*/config.json")):
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy", ["frozen", "partial:1", "full", "lora", "contrastive", "l2sp", "gradual", "wiseft"]
)
@pytest.mark.parametrize("kind", ["image", "audio"])
def test_every_strategy_moves_it_to_other_rows(made, kind, strategy, tmp_path):
    contents, labels = pictures(48, 5) if kind == "image" else sounds(48, 5)
    found = graft.study(
        {"content": contents, "y": labels}, label="y", source=made[kind].reference, strategy=strategy, effort="quick",
        folds=2, out=tmp_path / "study", progress=False, **{kind: "content"},
    )  # fmt: skip
    names = {one.strategy for one in found.record.candidates}
    assert names == {"majority", "classical", "scratch", strategy}
    bundle = load_bundle(tmp_path / "study" / "bundle")
    assert bundle.predict({"content": contents[:3]}).frame["prediction"].null_count() == 0
    if bundle.model.source is not None and strategy == "full":
        config = json.loads((tmp_path / "study" / "bundle" / "model" / "source" / "config.json").read_text())
        assert "id2label" not in config


def test_a_source_of_recordings_is_refused_for_pictures(made, tmp_path):
    contents, labels = pictures(48)
    with pytest.raises(SourceError, match="reads recordings, and the rows are images"):
        graft.study(
            {"content": contents, "y": labels}, image="content", label="y", source=made["audio"].reference,
            out=tmp_path / "s", progress=False,
        )  # fmt: skip
