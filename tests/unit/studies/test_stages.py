"""What ships, and what is said when something about it is wrong. A random encoder of two layers, 120 tickets."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from graft.core.errors import InputError
from graft.core.progress import SILENT
from graft.evidence.choice import Prior
from graft.inputs.roles import Roles
from graft.rows.table import read_frame
from graft.scores.fitting import Candidate
from graft.scores.strategies import CLASSICAL, FROZEN, MAJORITY, parse_strategy
from graft.scores.workbench import Workbench
from graft.studies import judgement
from graft.studies.prepared import prepare
from graft.studies.prior import usual
from graft.studies.settings import StudySettings
from graft.studies.stages import Stages
from journeys.small_study import rows, source


def settings_of(reference, **changed):
    roles = Roles(content=("message",), label=("category",))
    return StudySettings(roles=roles, sources=(reference,), effort="quick", folds=3, **changed)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return source(tmp_path_factory.mktemp("source") / "encoder")


def started(reference, folder, *, test=None, **changed):
    prepared = prepare(read_frame(rows(120)), settings_of(reference, **changed), test=test)
    stages = Stages(prepared, settings_of(reference, **changed), folder, None, SILENT)
    candidates = [
        Candidate(MAJORITY),
        Candidate(CLASSICAL),
        Candidate(FROZEN, prepared.sources[0]),
    ]
    return stages, candidates, stages.gather(candidates)


@pytest.fixture(scope="module")
def study(reference, tmp_path_factory):
    return started(reference, tmp_path_factory.mktemp("study"))


def test_a_verdict_holds_at_all_labels_and_rests_on_every_row(study):
    stages, candidates, gathered = study
    concluded = stages.conclude(candidates, gathered)
    assert stages.judges.labels == 120
    found = concluded.judgement.found
    assert found.blocks == len(np.unique(stages.prepared.clusters))
    assert set(found.names) == {one.name for one in candidates}
    assert concluded.warning == ""
    assert abs(concluded.grown) < 0.5


def test_few_rows_are_judged_again_by_what_costs_seconds(study):
    """120 rows: three repeats of heads and controls without a network, one of what trains a network."""
    stages, _, gathered = study
    splits = stages.prepared.splits
    assert {fold.repeat for fold in splits.folds} == {0}
    assert {fold.repeat for fold in splits.further} == {1, 2}
    for judged in gathered.judged.values():
        assert len(judged.seen.rows) == 3 * len(splits.development)
        np.testing.assert_allclose(judged.seen.weights, 1 / 3)
        scores = stages.judges.fold_scores(judged)
        assert len(scores) == 3
        assert np.isfinite(scores).all()
    frozen = gathered.judged[next(name for name in gathered.judged if "frozen" in name)]
    assert frozen.half is not None
    less, _ = frozen.half
    # Both halves of the training rows of every fold.
    np.testing.assert_allclose(less.weights, 1 / 6)


def test_what_rows_teach_one_another_is_known_of_what_learnt_from_halves(study):
    stages, candidates, gathered = study
    found = stages.judges.compared(gathered.judged, {})
    frozen = next(name for name in gathered.judged if "frozen" in name)
    assert set(found.lessons) == {one.name for one in candidates}
    lessons = found.lessons[frozen]
    assert lessons.repeats.shape == (3, found.blocks)
    assert lessons.halves.shape == (3, 2, found.blocks)
    assert lessons.share == 1.0
    # What says the same whatever it learnt from teaches nothing.
    assert found.taught("majority") == pytest.approx(0.0, abs=1e-12)
    assert found.taught(frozen, "classical") >= 0.0
    concluded = stages.conclude(candidates, gathered)
    # The holdout is of the same rows; those of another file would not vary with what was learnt from.
    assert concluded.judgement.found.lessons[frozen].share == 1.0
    other = judgement.Judges(stages.judges.bench, replace(stages.prepared, tested=True), stages.judges.rule)
    even = np.full((len(stages.prepared.splits.holdout), gathered.judged[frozen].seen.scores.shape[1]), 0.5)
    held = {frozen: other.holdout(gathered.judged[frozen], even)}
    assert other.compared(gathered.judged, held).lessons[frozen].share == pytest.approx(
        len(stages.prepared.splits.development) / 120
    )
    assert not concluded.alone.lessons


def test_no_growth_is_carried_on_from_halves_of_a_few_rows_a_class(reference, study, tmp_path):
    _, candidates, gathered = study
    frozen = next(name for name in gathered.judged if "frozen" in name)
    for least, carried in ((5.0, True), (1000.0, False)):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(judgement, "LEAST_OF_A_HALF", least)
            judges = Stages(study[0].prepared, settings_of(reference), tmp_path, None, SILENT).judges
            found = judges.compared(gathered.judged, {})
        bare = judges.compared({name: replace(one, half=None) for name, one in gathered.judged.items()}, {})
        assert (found.estimate(frozen) != bare.estimate(frozen)) == carried
        # How far answers hang on the rows is told by halves all the same.
        assert set(found.lessons) == {one.name for one in candidates}


def test_what_ships_is_learnt_from_all_rows(study):
    stages, candidates, gathered = study
    concluded = stages.conclude(candidates, gathered)
    shipped = stages.ship(candidates, gathered, concluded)
    assert shipped.facts.done
    assert shipped.facts.rows == 120
    np.testing.assert_array_equal(shipped.learnt, np.arange(120))
    assert "measured before" in shipped.facts.statement


def test_without_the_refit_the_measured_model_ships(reference, study, tmp_path):
    of_all, candidates, gathered = study
    stages = Stages(of_all.prepared, settings_of(reference, refit=False), tmp_path, None, SILENT)
    concluded = stages.conclude(candidates, gathered)
    shipped = stages.ship(candidates, gathered, concluded)
    assert not shipped.facts.done
    assert shipped.model is concluded.finals[concluded.shipped].model
    np.testing.assert_array_equal(shipped.learnt, stages.prepared.splits.development)


def spoilt(fit):
    """A fit whose scores say another class."""
    return replace(fit, scores=np.roll(fit.scores, 1, axis=1))


def test_a_final_model_far_below_its_folds_is_replaced_and_said(study, monkeypatch):
    stages, candidates, gathered = study
    good = stages.conclude(candidates, gathered).shipped
    honest = Stages._fit

    def broken(self, *given):
        fits = honest(self, *given)
        return {name: spoilt(fitted) if name == good else fitted for name, fitted in fits.items()}

    monkeypatch.setattr(Stages, "_fit", broken)
    concluded = stages.conclude(candidates, gathered)
    assert concluded.shipped != good
    assert f"the final model of {good} scored" in concluded.warning
    assert f"{concluded.shipped} ships instead" in concluded.warning


def test_a_refit_that_spoils_the_model_is_not_used(study, monkeypatch):
    stages, candidates, gathered = study
    concluded = stages.conclude(candidates, gathered)
    honest = Stages._fit
    monkeypatch.setattr(
        Stages, "_fit", lambda self, *given: {name: spoilt(one) for name, one in honest(self, *given).items()}
    )
    shipped = stages.ship(candidates, gathered, concluded)
    assert not shipped.facts.done
    assert "worse model" in shipped.facts.statement
    assert shipped.model is concluded.finals[concluded.shipped].model


@pytest.mark.slow
def test_a_test_file_is_the_holdout_and_never_learnt(reference, tmp_path):
    test = read_frame(rows(150)[120:])
    stages, candidates, gathered = started(reference, tmp_path, test=test)
    prepared = stages.prepared
    assert prepared.tested
    assert len(prepared.splits.holdout) == 30
    assert stages.judges.labels == len(prepared.splits.development) <= 120
    texts = {prepared.rows.contents[row] for row in prepared.splits.development}
    assert not texts & set(test.frame["message"])
    concluded = stages.conclude(candidates, gathered)
    shipped = stages.ship(candidates, gathered, concluded)
    assert not shipped.facts.done
    assert "never learnt from" in shipped.facts.statement


def test_a_test_file_without_the_label_is_refused(reference):
    test = read_frame(rows(150)[120:].drop("category"))
    with pytest.raises(InputError, match="has no column 'category'"):
        prepare(read_frame(rows(120)), settings_of(reference), test=test)


def test_the_margin_of_an_error_has_the_unit_of_the_target(reference):
    frame = rows(120).with_columns(pl.Series("hours", np.arange(120) * 10.0))
    roles = Roles(content=("message",), label=("hours",))
    asked = StudySettings(roles=roles, sources=(reference,), metric="mae", task="regression")
    prepared = prepare(read_frame(frame), asked)
    assert prepared.margin == pytest.approx(0.01 * np.std(np.arange(120) * 10.0))
    assert prepare(read_frame(frame), asked.model_copy(update={"metric": "r2"})).margin == 0.01
    assert prepare(read_frame(frame), asked.model_copy(update={"margin": 5.0})).margin == 5.0


def test_only_the_two_most_promising_of_those_that_tune_go_on(reference, tmp_path, study):
    """By their loss on the first fold, each at its own best temperature; whatever else there is stays."""
    _, _, gathered = study
    settings = settings_of(reference).model_copy(update={"effort": "standard"})
    prepared = prepare(read_frame(rows(120)), settings)
    stages = Stages(prepared, settings, tmp_path, None, SILENT)
    fold = prepared.splits.folds[0]
    truth = np.eye(3)[stages.bench.targets[fold.test]]
    some = gathered.trials["classical"][0]
    errors = {"full": 0.1, "lora": 0.4, "partial:1": 0.2, "contrastive": 0.3, "scratch": 0.6, "frozen": 0.1}
    luck = np.random.default_rng(0).random(len(truth))
    candidates, found = {}, {}
    for name, share in errors.items():
        one = Candidate(parse_strategy(name), prepared.sources[0])
        said = np.where(luck[:, None] < share, np.roll(truth, 1, axis=1), truth)
        candidates[one.name] = one
        found[one.name] = [replace(some, scores=0.8 * said + 0.2 / 3)]
    outrun = stages._outrun(candidates, found, [fold])
    assert {name.split()[-1] for name in outrun} == {"lora", "contrastive"}
    assert all("stopped after 1 fold: its loss there was higher than that of" in why for why in outrun.values())
    assert stages._outrun(candidates, found, prepared.splits.folds[:2]) == {}
    named = Stages(prepared, settings.model_copy(update={"strategies": tuple(errors)}), tmp_path, None, SILENT)
    assert named._outrun(candidates, found, [fold]) == {}, "whoever names strategies wants each of them measured"
    few = {name: one for name, one in candidates.items() if name not in outrun}
    assert stages._outrun(few, found, [fold]) == {}


@pytest.mark.parametrize(("asked", "kept"), [("macro_f1", 1), ("roc_auc", 8)])
def test_nobody_is_ruled_out_by_a_fold_that_can_say_nothing(reference, tmp_path, asked, kept):
    """One row, by which no rule of decision can be fitted, or rows of one class, which have no area under a curve."""
    frame = rows(120).filter(pl.col("category").is_in(rows(120)["category"].unique().sort()[:2].implode()))
    settings = settings_of(reference, metric=asked)
    prepared = prepare(read_frame(frame), settings)
    fold, *others = prepared.splits.folds
    of_one = fold.test[Workbench(prepared.rows).targets[fold.test] == 0][:kept]
    assert len(of_one) == kept
    fold = replace(fold, test=of_one)
    prepared = replace(prepared, splits=replace(prepared.splits, folds=(fold, *others)))
    stages = Stages(prepared, settings, tmp_path, None, SILENT)
    candidates = [Candidate(CLASSICAL), Candidate(parse_strategy("full"), prepared.sources[0])]
    fitted = stages.runner.run([stages.runner.spec(candidates[0], fold)])[0]
    found = {one.name: [fitted] for one in candidates}
    assert stages._ruled_out({one.name: one for one in candidates}, found, [fold]) == {}


def test_what_usually_wins_on_texts_says_nothing_of_other_contents(study, reference):
    stages, candidates, _ = study
    settings = settings_of(reference)
    assert usual(candidates, stages.bench, stages.prepared, settings).means
    rng = np.random.default_rng(0)
    table = read_frame({"a": rng.normal(size=60), "b": rng.normal(size=60), "label": ["x", "y"] * 30})
    numbers = StudySettings(
        roles=Roles(content=(), label=("label",), numeric=("a", "b"), kind="row"), sources=(), folds=3
    )
    prepared = prepare(table, numbers, test=None)
    bench = Workbench(prepared.rows)
    assert usual([Candidate(MAJORITY), Candidate(CLASSICAL)], bench, prepared, numbers) == Prior()
