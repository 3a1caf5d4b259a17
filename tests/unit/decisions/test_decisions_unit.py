"""Calibrators, costs, policies and spending: what they refuse, the edges, and the way to disk and back."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from graft.core.errors import InputError
from graft.decisions.calibration import fit_calibrator, fit_method
from graft.decisions.calibrators import Identity, Isotonic, Platt, Temperature, calibrator_from_json
from graft.decisions.conformal import ConformalInterval, fit_conformal
from graft.decisions.costs import CostTable, costs_from_mapping, costs_template, load_costs
from graft.decisions.policy import Decisions, Policy, fit_policy
from graft.decisions.policy_costs import compare_policies, cost_per_thousand, realised_cost

LABELS = ("ham", "phishing", "spam")


class TestCalibrators:
    @pytest.mark.parametrize("method", ["identity", "temperature", "platt", "isotonic"])
    @pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
    def test_there_and_back(self, method: str, task: str) -> None:
        rng = np.random.default_rng(0)
        columns = 2 if task == "binary" else 4
        scores = rng.dirichlet(np.ones(columns), 200)
        targets = (rng.random((200, 4)) < 0.3) if task == "multilabel" else rng.integers(columns, size=200)
        fitted = fit_method(method, scores, targets, task=task)
        again = calibrator_from_json(fitted.to_json())
        assert again == fitted
        assert np.array_equal(again.apply(scores), fitted.apply(scores))
        certain = np.eye(columns)  # scores of exactly 0 and 1
        mapped = fitted.apply(certain)
        assert np.all(np.isfinite(mapped))
        if task != "multilabel":
            assert mapped.sum(axis=1) == pytest.approx(1)

    def test_unknown_keys_and_other_widths_are_refused(self) -> None:
        with pytest.raises(ValidationError):
            calibrator_from_json('{"method":"temperature","task":"binary","columns":2,"temperature":1,"extra":1}')
        with pytest.raises(InputError, match="rows, 3"):
            Identity(task="multiclass", columns=3).apply(np.ones((2, 2)))
        with pytest.raises(ValidationError):
            Temperature(task="binary", columns=2, temperature=0)

    def test_isotonic_all_zero_row_falls_back(self) -> None:
        flat = ((0.0, 1.0), (0.0, 0.0))
        isotonic = Isotonic(task="binary", columns=2, knots=(flat, flat))
        assert isotonic.apply(np.array([[0.3, 0.7]])).tolist() == [[0.3, 0.7]]

    def test_platt_never_reverses(self) -> None:
        positive = np.linspace(0.05, 0.95, 200)
        targets = (positive < 0.5).astype(int)  # scores that are wrong throughout
        fitted = fit_method("platt", np.column_stack([1 - positive, positive]), targets, task="binary")
        assert isinstance(fitted, Platt)
        assert fitted.slopes[0] > 0

    def test_rare_classes_do_not_break_the_choice(self) -> None:
        rng = np.random.default_rng(1)
        scores = rng.dirichlet(np.ones(6), 60)
        targets = np.minimum(rng.integers(12, size=60), 4)  # the sixth class never occurs
        folds = np.sort(targets)  # and folds without some classes
        choice = fit_calibrator(scores, targets, task="multiclass", folds=folds, rng=rng)
        assert np.all(np.isfinite([one.log_loss for one in choice.table]))

    def test_what_cannot_be_calibrated(self) -> None:
        rng = np.random.default_rng(0)
        with pytest.raises(InputError, match="fit_conformal"):
            fit_method("identity", np.ones((2, 1)), np.ones(2), task="regression")
        with pytest.raises(InputError, match="not probabilities"):
            fit_method("identity", np.full((2, 2), 1.5), np.ones(2), task="binary")
        with pytest.raises(InputError, match="'beta'"):
            fit_method("beta", np.full((2, 2), 0.5), np.ones(2), task="binary")
        with pytest.raises(InputError, match="3 fold ids"):
            fit_calibrator(np.full((4, 2), 0.5), np.ones(4), task="binary", folds=np.arange(3), rng=rng)
        with pytest.raises(InputError, match="for multilabel"):
            fit_calibrator(np.full((4, 2), 0.5), np.ones(4), task="multilabel", rng=rng)

    def test_few_rows_allow_only_what_keeps_the_order(self) -> None:
        rng = np.random.default_rng(2)
        scores = rng.dirichlet(np.ones(2), 30)
        few = fit_calibrator(scores, np.arange(30) % 2, task="binary", rng=rng)
        assert [one.method for one in few.table] == ["identity", "temperature"]
        more = fit_calibrator(np.tile(scores, (2, 1)), np.arange(60) % 2, task="binary", rng=rng)
        assert [one.method for one in more.table] == ["identity", "temperature", "platt"]

    def test_records_written_before_the_spread_are_read(self) -> None:
        old = calibrator_from_json('{"method":"temperature","task":"binary","columns":2,"temperature":2.0}')
        assert old == Temperature(task="binary", columns=2, temperature=2.0, spread=0.0)

    def test_weights_and_units_are_checked(self) -> None:
        scores, targets = np.full((4, 2), 0.5), np.array([0, 1, 0, 1])
        for wrong in (np.ones(3), np.zeros(4), np.full(4, np.nan)):
            with pytest.raises(InputError, match="one positive number per row"):
                fit_method("temperature", scores, targets, task="binary", weights=wrong)
        with pytest.raises(InputError, match="original row"):
            fit_method("temperature", scores, targets, task="binary", units=np.arange(3))
        with pytest.raises(InputError, match="2 residuals"):
            fit_conformal(np.ones(20), np.zeros(20), level=0.9, units=np.arange(20) % 2)

    @pytest.mark.parametrize("classes", [2, 4])
    def test_rows_less_sure_than_any_that_were_seen_are_hardly_sharpened(self, classes: int) -> None:
        """60 rows, all right, each at 0.7: they support much for such rows, and nothing for rows at 0.55."""
        targets = np.arange(60) % classes

        def at(sure: float, places: np.ndarray) -> np.ndarray:
            found = np.full((len(places), classes), (1 - sure) / (classes - 1))
            found[np.arange(len(places)), places] = sure
            return found

        choice = fit_calibrator(
            at(0.7, targets), targets, task="binary" if classes == 2 else "multiclass", rng=np.random.default_rng(1)
        )
        assert choice.method == "temperature"
        tops = [float(choice.calibrator.apply(at(sure, np.array([1])))[0, 1]) for sure in (0.7, 0.55, 0.5)]
        assert 0.93 < tops[0] < 61 / 62
        if classes == 2:
            assert 0.55 < tops[1] < 0.6
            assert tops[2] == pytest.approx(0.5)
        ladder = np.linspace(1 / classes + 0.01, 0.99, 50)
        said = np.array([choice.calibrator.apply(at(sure, np.array([1])))[0, 1] for sure in ladder])
        assert (np.diff(said) > 0).all()
        assert calibrator_from_json(choice.calibrator.to_json()) == choice.calibrator


class TestConformal:
    def test_too_few_residuals(self) -> None:
        with pytest.raises(InputError, match="at least 9 residuals"):
            fit_conformal(np.ones(8), np.zeros(8), level=0.9)
        assert fit_conformal(np.arange(9.0), np.zeros(9), level=0.9).half_width == 8

    def test_scale_exactly_when_fitted_with_one(self) -> None:
        plain = ConformalInterval(level=0.9, half_width=1, rows=9)
        with pytest.raises(InputError, match="a scale per row"):
            plain.apply(np.ones(2), np.ones(2))
        assert ConformalInterval.model_validate_json(plain.model_dump_json()) == plain
        with pytest.raises(InputError, match="positive"):
            fit_conformal(np.ones(20), np.ones(20), scale=np.zeros(20))
        with pytest.raises(InputError, match="level"):
            fit_conformal(np.ones(20), np.ones(20), level=1.0)
        with pytest.raises(InputError, match="finite"):
            fit_conformal(np.full(20, np.nan), np.ones(20))


class TestCosts:
    def write(self, folder: Path, name: str, text: str) -> Path:
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def test_csv_and_yaml_say_the_same(self, tmp_path: Path) -> None:
        table = load_costs(
            self.write(tmp_path, "c.csv", "true,decided,cost\nphishing,ham,50\n*,abstain,2\nham, *, 3\n"),
            LABELS,
            unit="EUR",
        )
        same = load_costs(
            self.write(
                tmp_path, "c.yaml", "unit: EUR\nabstain: 2\ncosts: {phishing: {ham: 50}, ham: {phishing: 3, spam: 3}}\n"
            ),
            LABELS,
        )
        assert table == same
        assert table.cost == ((0, 3, 3), (50, 0, 1), (1, 1, 0))
        assert table.abstain == (2, 2, 2)
        assert CostTable.model_validate_json(table.model_dump_json()) == table

    def test_a_false_alarm_and_a_default(self) -> None:
        document = {"default": 5, "costs": {"*": {"phishing": 7}}, "abstain": {"ham": 1, "*": 2}}
        table = costs_from_mapping(document, LABELS)
        assert table.cost == ((0, 7, 5), (5, 0, 5), (5, 7, 0))
        assert table.abstain == (1, 2, 2)

    def test_labels_use_none(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "c.csv", "true,decided,cost\nurgent,none,9\nnone,urgent,2\n")
        table = load_costs(path, ("urgent", "billing"), task="multilabel")
        assert table.labels == ("none", "urgent", "billing")
        assert (table.cost[1][0], table.cost[0][1], table.cost[2][0]) == (9, 2, 1)

    @pytest.mark.parametrize(
        ("name", "text", "says"),
        [
            ("c.csv", "true,decided,cost\nphising,ham,1\n", "did you mean 'phishing'?"),
            ("c.csv", "true,decided,cost\nham,junk,1\n", "the decision 'junk'"),
            ("c.csv", "true,decided,cost\nham,spam,-1\n", "line 2"),
            ("c.csv", "true,decided,cost\nham,spam,\n", "a number, 0 or more"),
            ("c.csv", "true,decided,cost\nham,spam\n", "a number, 0 or more"),
            ("c.csv", "true,decided,cost\nham,spam,1\nham,spam,2\n", "twice, again on line 3"),
            ("c.csv", "true,decided,cost\nham,abstain,1\n", "no cost of abstaining when it is phishing"),
            ("c.csv", "truth;decided;cost\n", "true,decided,cost"),
            ("c.csv", "", "(none)"),
            ("c.txt", "x", ".csv, .yaml or .yml"),
            ("c.yaml", "units: EUR\n", "did you mean 'unit'?"),
            ("c.yaml", "- 1\n", "names with values"),
            ("c.yaml", "a: [\n", "is not YAML"),
            ("c.yaml", "abstain: true\n", "a number, 0 or more"),
            ("c.yaml", "costs: {ham: {spam: .nan}}\n", "a number, 0 or more"),
        ],
    )
    def test_mistakes(self, tmp_path: Path, name: str, text: str, says: str) -> None:
        with pytest.raises(InputError) as caught:
            load_costs(self.write(tmp_path, name, text), LABELS)
        assert says in str(caught.value)

    def test_other_refusals(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be read"):
            load_costs(tmp_path / "missing.csv", LABELS)
        with pytest.raises(InputError, match="'abstain'"):
            costs_from_mapping({"costs": {"b": {"abstain": 1}}}, ("abstain", "b"))
        with pytest.raises(InputError, match="'none'"):
            costs_from_mapping({"costs": {"b": {"none": 1}}}, ("none", "b"), task="multilabel")
        assert CostTable.default(("none", "b"), task="multilabel").matrix.shape == (3, 3)
        assert CostTable.default(("abstain", "*")).matrix.tolist() == [[0, 1], [1, 0]]
        with pytest.raises(InputError, match="abstaining for labels"):
            costs_from_mapping({"abstain": 1}, ("a", "b"), task="multilabel")
        for broken in (
            {"cost": ((0, 1),)},
            {"cost": ((0, -1), (1, 0))},
            {"cost": ((0, 1), (1, 0)), "abstain": (1,)},
        ):
            with pytest.raises(ValidationError):
                CostTable(unit="EUR", labels=("a", "b"), **broken)


class TestPolicy:
    def test_there_and_back(self) -> None:
        table = costs_from_mapping({"unit": "EUR", "abstain": 0.3}, LABELS)
        policy = fit_policy(np.ones((1, 3)) / 3, np.array([0]), task="multiclass", labels=LABELS, table=table)
        again = Policy.model_validate_json(policy.model_dump_json())
        assert again == policy
        decided = again.decide(np.array([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]]))
        assert decided.decided.tolist() == [-1, 0]
        assert decided.abstained.tolist() == [True, False]

    def test_default_costs_ask_for_the_most_probable(self) -> None:
        probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 100)
        policy = fit_policy(probabilities, np.zeros(100), task="multiclass", labels=LABELS)
        assert np.array_equal(policy.decide(probabilities).decided, probabilities.argmax(axis=1))

    @pytest.mark.parametrize(
        ("cost", "abstain", "lower", "upper"),
        [
            (((0, 1), (1, 0)), None, 0.5, 0.5),
            (((0, 1), (3, 0)), (9, 9), 0.25, 0.25),  # abstaining never pays
            (((0, 0), (1, 0)), None, 0.0, 0.0),  # a false alarm is free
            (((0, 1), (0, 0)), None, np.inf, np.inf),  # a miss is free: never decide the second
            (((1, 0), (2, 0)), None, -np.inf, -np.inf),  # the first never pays
        ],
    )
    def test_binary_thresholds(self, cost: tuple, abstain: tuple | None, lower: float, upper: float) -> None:
        policy = Policy(task="binary", table=CostTable(unit="EUR", labels=("a", "b"), cost=cost, abstain=abstain))
        assert (policy.threshold.lower, policy.threshold.upper) == (lower, upper)

    def test_thresholds_that_are_none(self) -> None:
        upside_down = CostTable(unit="EUR", labels=("a", "b"), cost=((1, 0), (0, 1)))
        with pytest.raises(InputError, match="right decision costs more"):
            _ = Policy(task="binary", table=upside_down).threshold
        with pytest.raises(InputError, match="multiclass"):
            _ = Policy(task="multiclass", table=CostTable.default(LABELS)).threshold

    def test_a_rare_label_leans_on_the_others(self) -> None:
        rng = np.random.default_rng(0)
        probabilities = rng.random((500, 2))
        targets = (rng.random((500, 2)) < probabilities).astype(int)
        targets[:, 1] = 0
        targets[np.argmax(probabilities[:, 1]), 1] = 1  # one positive, at the very top
        table = CostTable(unit="EUR", labels=("none", "x", "rare"), cost=((0, 1, 1), (1, 0, 0), (1, 0, 0)))
        thresholds = fit_policy(probabilities, targets, task="multilabel", labels=("x", "rare"), table=table).thresholds
        assert thresholds is not None
        assert thresholds[1] == pytest.approx(0.5, abs=0.03)  # its own would be 0.99

    def test_refusals(self) -> None:
        with pytest.raises(InputError, match="in order"):
            fit_policy(np.ones((1, 3)), np.zeros(1), task="multiclass", labels=LABELS, table=CostTable.default("abc"))
        with pytest.raises(InputError, match="regression"):
            fit_policy(np.ones((1, 3)), np.zeros(1), task="regression", labels=LABELS)
        with pytest.raises(InputError, match="rows, labels"):
            fit_policy(np.ones((2, 3)), np.zeros(2), task="multilabel", labels=LABELS)
        with pytest.raises(InputError, match="rows, 3"):
            Policy(task="multiclass", table=CostTable.default(LABELS)).decide(np.ones((2, 2)))


class TestSpending:
    def test_labels_are_added_up(self) -> None:
        table = CostTable(unit="EUR", labels=("none", "x", "y"), cost=((0, 1, 2), (4, 0, 0), (8, 0, 0)))
        decisions = Decisions(np.array([[1, 1], [0, 0], [1, 0]]), np.zeros(3))
        assert realised_cost(decisions, np.array([[0, 0], [1, 1], [1, 0]]), table).tolist() == [3, 12, 0]
        policy = Policy(task="multilabel", table=table)
        rng = np.random.default_rng(0)
        probabilities = rng.random((300, 2)) * 0.6
        targets = (rng.random((300, 2)) < probabilities).astype(int)
        options = compare_policies(policy, probabilities, targets)
        assert [one.name for one in options] == ["tuned", "most probable", "always the same labels"]
        assert options[0].cost.mean < min(options[1].cost.mean, options[2].cost.mean)
        assert options[1].saved.mean == 0

    def test_abstaining_may_be_the_single_decision(self) -> None:
        table = costs_from_mapping({"abstain": 0.1}, ("a", "b"))
        probabilities = np.full((10, 2), 0.5)
        found = compare_policies(Policy(task="binary", table=table), probabilities, np.array([0, 1] * 5))
        assert [(one.name, one.abstained) for one in found][2] == ("always abstain", 1.0)
        assert found[0].saved.mean == pytest.approx(400)

    def test_no_error_is_not_no_cost(self) -> None:
        table = CostTable(unit="EUR", labels=("ham", "phishing"), cost=((0, 1), (50, 0)))
        probabilities, targets = np.tile([[0.999, 0.001], [0.001, 0.999]], (20, 1)), np.array([0, 1] * 20)
        tuned, plain, fixed = compare_policies(Policy(task="binary", table=table), probabilities, targets)
        assert (tuned.cost.mean, tuned.cost.low) == (0, 0)
        assert 2.8 * 50 * 1000 / 40 < tuned.cost.high < 3.7 * 50 * 1000 / 40
        assert tuned.cost.high == plain.cost.high
        assert fixed.cost.high < 1000  # saying phishing throughout can never cost more than a false alarm
        assert tuned.saved.low > -1000 / 10  # an alarm more now and then
        assert tuned.saved.high > 3000  # a missed one less
        assert (plain.saved.low, plain.saved.high) == (0, 0)

    def test_the_same_rule_saves_nothing_for_certain(self) -> None:
        rng = np.random.default_rng(0)
        probabilities = rng.dirichlet(np.ones(3), 30)
        policy = Policy(task="multiclass", table=CostTable.default(LABELS))
        tuned = compare_policies(policy, probabilities, rng.integers(3, size=30))[0]
        assert (tuned.saved.low, tuned.saved.high) == (0, 0)

    def test_what_could_be_saved_by_trying_all_probabilities(self) -> None:
        """The range of savings is that of the pairs of decisions met on many random rows."""
        rng = np.random.default_rng(1)
        table = CostTable(unit="EUR", labels=LABELS, cost=((0, 2, 1), (30, 0, 20), (3, 2, 0)))
        policy = Policy(task="multiclass", table=table)
        many = rng.dirichlet(np.full(3, 0.7), 20_000)
        pairs = set(zip(many.argmax(axis=1), policy.decide(many).decided, strict=True))
        gaps = np.concatenate([table.matrix[:, a] - table.matrix[:, b] for a, b in pairs])
        sure = np.eye(3)[[0, 1, 2] * 5] * 0.97 + 0.01
        saved = compare_policies(policy, sure, np.array([0, 1, 2] * 5))[0].saved
        oracle = cost_per_thousand(np.zeros(15), possible=(gaps.min(), gaps.max()))
        assert (saved.low, saved.high) == pytest.approx((oracle.low, oracle.high))

    def test_balanced_decisions_could_differ_where_the_weight_is_larger(self) -> None:
        table = CostTable(unit="EUR", labels=("ham", "phishing"), cost=((0, 1), (50, 0)))
        policy = Policy(task="binary", table=table, balance=(1.0, 3.0))
        sure = np.tile([[0.99, 0.01], [0.01, 0.99]], (10, 1))
        saved = compare_policies(policy, sure, np.array([0, 1] * 10))[0].saved
        oracle = cost_per_thousand(np.zeros(20), possible=(-1, 50))
        assert (saved.low, saved.high) == (oracle.low, oracle.high)

    def test_without_knowing_what_is_possible_there_are_no_ends(self) -> None:
        estimate = cost_per_thousand(np.zeros(10))
        assert (estimate.mean, estimate.low, estimate.high) == (0, None, None)
        together = cost_per_thousand(np.arange(4.0), possible=(0, 9), groups=np.zeros(4))
        assert (together.low, together.high) == (0, 9000)  # one customer says nothing about the next
        with pytest.raises(InputError, match="group of every row"):
            cost_per_thousand(np.arange(4.0), groups=np.zeros(3))

    def test_refusals(self) -> None:
        table = CostTable.default(("a", "b"))
        with pytest.raises(InputError, match="abstain"):
            realised_cost(Decisions(np.array([-1]), np.zeros(1)), np.array([0]), table)
        with pytest.raises(InputError, match="same shape"):
            realised_cost(Decisions(np.array([0]), np.zeros(1)), np.array([0, 1]), table)
        with pytest.raises(InputError, match="one finite cost"):
            cost_per_thousand(np.array([]))


class TestTemplates:
    @pytest.mark.parametrize("task", ["multiclass", "multilabel"])
    @pytest.mark.parametrize("count", [2, 12, 13, 40])
    def test_a_template_is_the_default_table(self, tmp_path: Path, task: str, count: int) -> None:
        names = ("yes", "007", "1.10", "a: b", "- x", "#1", "~", "null", "true", 'said "so"', "é\n{", "*b", "&c")
        labels = tuple(f"{names[place % len(names)]}{'' if place < len(names) else place}" for place in range(count))
        path = tmp_path / "costs.yaml"
        path.write_text(costs_template(labels, task=task), encoding="utf-8")
        assert load_costs(path, labels, task=task, unit="errors") == CostTable.default(labels, task=task)

    def test_names_with_a_meaning_are_told(self) -> None:
        for name, task in (("abstain", "multiclass"), ("*", "multiclass"), ("none", "multilabel")):
            with pytest.raises(InputError, match="another name of the class"):
                costs_template((name, "b"), task=task)
        assert "none" in costs_template(("none", "b"))

    def test_being_right_never_costs_more_than_being_wrong(self) -> None:
        with pytest.raises(InputError, match="deciding a when it is a costs 3, and deciding b only 1"):
            costs_from_mapping({"costs": {"a": {"a": 3}}}, ("a", "b"))
        assert costs_from_mapping({"costs": {"a": {"a": 1}}}, ("a", "b")).cost == ((1, 1), (1, 0))
