"""Trials run here and in processes: specs that travel, the same numbers, stored results that are looked at twice."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from graft.core.errors import InputError
from graft.core.progress import SILENT
from graft.engine.engines import Here
from graft.engine.processes import Processes
from graft.inputs.roles import Roles
from graft.rows.table import read_frame
from graft.scores.fitting import Candidate
from graft.scores.strategies import parse_strategy
from graft.studies.prepared import prepare
from graft.studies.settings import StudySettings
from graft.studies.stages import Stages
from graft.studies.trial_specs import Workplace, rows_file, rows_within_reach
from journeys.small_study import rows, source

NAMES = ("majority", "classical", "scratch", "frozen", "partial:1", "full")


class Told:
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.stage = SILENT.stage

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    reference = source(tmp_path_factory.mktemp("source") / "encoder")
    roles = Roles(content=("message",), label=("category",))
    settings = StudySettings(roles=roles, sources=(reference,), effort="quick", folds=3)
    return prepare(read_frame(rows(90)), settings), settings


def stages_in(study, folder, engine, progress=SILENT):
    prepared, settings = study
    return Stages(prepared, settings, folder, None, progress, engine=engine)


def candidates_of(study):
    first = study[0].sources[0]
    return [Candidate(parse_strategy(name), None if name in ("majority", "classical") else first) for name in NAMES]


def specs_of(study, stages, folds=1):
    return [stages.runner.spec(one, fold) for fold in study[0].splits.folds[:folds] for one in candidates_of(study)]


@pytest.fixture(scope="module")
def here(study, tmp_path_factory):
    stages = stages_in(study, tmp_path_factory.mktemp("here"), Here())
    return stages, stages.runner.run(specs_of(study, stages))


def test_a_spec_is_plain_values(study, here):
    for spec in specs_of(study, here[0], folds=3):
        again = pickle.loads(pickle.dumps(spec))
        assert again.asked() == spec.asked()
        assert str(again) == str(spec)
        assert again.candidate == spec.candidate
        assert len(pickle.dumps(spec)) < 16 * (len(spec.train) + len(spec.test)) + 4000, "no rows travel"


def test_every_spec_of_a_study_is_stored_under_a_name_of_its_own(study, here):
    specs = specs_of(study, here[0], folds=3)
    halves = [replace(spec, train=spec.train[::2]) for spec in specs]
    names = {here[0].runner.store.path(spec.asked()) for spec in (*specs, *halves)}
    assert len(names) == len(specs) + len(halves)


def test_a_workplace_travels_without_its_rows(study, tmp_path):
    stages = stages_in(study, tmp_path, Here())
    sent = pickle.dumps(stages.runner.place)
    assert len(sent) < 1000
    there = pickle.loads(sent)
    spec = stages.runner.spec(candidates_of(study)[0], study[0].splits.folds[0])
    with pytest.raises(InputError, match="cannot be read"):
        there(spec)
    with Processes(1) as engine, rows_within_reach(engine, study[0].rows, tmp_path):
        np.testing.assert_array_equal(there(spec).scores, stages.runner.place(spec).scores)
        with pytest.raises(InputError, match="other rows"):
            Workplace(rows_file(tmp_path), 0)(replace(spec, rows="0" * 32))
    assert not rows_file(tmp_path).exists()


def test_nothing_is_written_down_for_work_that_stays_here(study, tmp_path):
    with rows_within_reach(Here(), study[0].rows, tmp_path):
        assert list(tmp_path.iterdir()) == []


def found_of(fit):
    """All of a fit but what is measured, exactly; a loss that is not a number is one too."""
    return repr(replace(fit, seconds=0.0, peak_mb=0.0, scores=None, model=None))


@pytest.mark.parametrize("workers", [pytest.param(count, marks=pytest.mark.slow) for count in (1, 2)])
def test_trials_in_processes_give_the_same_numbers(study, here, tmp_path, workers):
    with Processes(workers) as engine, rows_within_reach(engine, study[0].rows, tmp_path):
        stages = stages_in(study, tmp_path, engine)
        found = stages.runner.run(specs_of(study, stages))
    for name, one, other in zip(NAMES, found, here[1], strict=True):
        assert one.scores.dtype == other.scores.dtype
        assert one.scores.tobytes() == other.scores.tobytes(), name
        assert found_of(one) == found_of(other), name
    assert {path.name for path in (tmp_path / "trials").iterdir()} == {
        here[0].runner.store.path(spec.asked()).name for spec in specs_of(study, stages)
    }


def test_what_is_stored_is_not_run_again_and_what_is_damaged_is(study, here, tmp_path):
    told = Told()
    stages = stages_in(study, tmp_path, Here(), told)
    specs = specs_of(study, stages)[:2]
    first = stages.runner.run(specs)
    again = stages.runner.run(specs)
    assert [one.seconds for one in again] == [one.seconds for one in first]
    path = stages.runner.store.path(specs[1].asked())
    damaged = bytearray(path.read_bytes())
    damaged[-3] ^= 4
    path.write_bytes(damaged)
    assert told.lines == []
    mended = stages.runner.run(specs)
    assert len(told.lines) == 1
    assert "computed again" in told.lines[0]
    assert mended[0].seconds == first[0].seconds
    np.testing.assert_array_equal(mended[1].scores, first[1].scores)


@pytest.mark.slow
def test_a_thousand_flips_in_stored_trials_are_noticed_or_harmless(here):
    store = here[0].runner.store
    paths = sorted(store.folder.glob("*.safetensors"))
    asked = {store.path(spec.asked()): spec.asked() for spec in specs_of_runner(here[0])}
    sound = {path: (path.read_bytes(), store.get(asked[path])) for path in paths}
    rng = np.random.default_rng(0)
    noticed = 0
    for _ in range(1000):
        path = paths[rng.integers(len(paths))]
        whole, (arrays, facts) = sound[path]
        bit = int(rng.integers(8 * len(whole)))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        found = store.get(asked[path])
        noticed += found is None
        if found is not None:
            assert found[1] == facts, (path, bit)
            assert found[0]["scores"].dtype == arrays["scores"].dtype
            assert found[0]["scores"].tobytes() == arrays["scores"].tobytes(), (path, bit)
        path.write_bytes(whole)
    assert noticed > 950


def specs_of_runner(stages):
    return specs_of((stages.prepared, stages.settings), stages)


def test_results_of_another_study_are_told_apart(study, here, tmp_path):
    prepared, settings = study
    told = Told()
    other = stages_in((replace(prepared, identity="another"), settings), tmp_path, Here(), told)
    mine, theirs = specs_of(study, here[0])[1], specs_of(study, other)[1]
    (tmp_path / "trials").mkdir()
    other.runner.store.path(theirs.asked()).write_bytes(here[0].runner.store.path(mine.asked()).read_bytes())
    assert other.runner.store.get(theirs.asked()) is None
    assert len(told.lines) == 1
