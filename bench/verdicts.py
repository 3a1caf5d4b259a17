"""How often a verdict is false, how often it speaks, and what its intervals cover: simulated studies in named cells.

Every cell is a world whose truth is known. A row has a latent normal for each candidate: a part that all candidates
share (hard rows are hard for all), a part of its own, one it shares with the rows of its cluster, and one that is new
in every repeat; what is right, how far off a value is, and how sure a probability is follow from it. In the cells
``learners`` ridge classifiers on equally good features are trained and judged on real folds and a holdout.

In each run the real ``jackknife``, ``choose`` and ``decide_verdict`` are asked, under the least favourable truths:

* nothing differs, and the margin is 0: every claim is false;
* every candidate is exactly the margin better than every control (or, with roles swapped, worse): ``helps`` (``harms``)
  is false, and so is ``no practical difference``, since the truth lies just beyond the margin.

With a small margin the gain is to be found: beside it stands an oracle that knows the true covariance of the scores,
pays for the same selection by the true joint normal maximum, and tests at 1.96 standard errors, two-sided.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy import special, stats

from graft.core.seeds import generator
from graft.evidence.choice import Entry, choose
from graft.evidence.comparison import compare, score_interval
from graft.evidence.metrics import metric
from graft.evidence.pooled import Jackknife, Pooled, Terms, jackknife
from graft.evidence.predictions import Scored
from graft.evidence.verdict import Outcome, decide_verdict

FULL, QUICK = 2000, 300
OWN, SHARED, AGAIN = 0.32, 0.63, 0.05  # of a row's latent variance: correctness correlates about 0.8 between repeats
LABELS = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
_LOGITS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(101)


@dataclass(frozen=True)
class Kind:
    """What is scored. metric: its name. truth: quality to true score. targets: (rng, rows) to targets, the same for all
    candidates. scored: (targets, latent (rows,), quality) to what a candidate says."""

    metric: str
    truth: Callable[[float], float]
    targets: Callable[[np.random.Generator, int], np.ndarray]
    scored: Callable[[np.ndarray, np.ndarray, float], Scored]


def _classes(count: int) -> Kind:
    def scored(targets: np.ndarray, latent: np.ndarray, quality: float) -> Scored:
        wrong = (targets + 1 + np.floor(special.ndtr(-latent) / (1 - quality) * (count - 1) - 1e-9).astype(int)) % count
        said = np.where(latent < special.ndtri(quality), targets, wrong)
        return Scored("binary" if count == 2 else "multiclass", targets, np.eye(count)[said])

    return Kind("macro_f1", lambda quality: quality, lambda rng, rows: rng.permutation(rows) % count, scored)


def _accuracy() -> Kind:
    two = _classes(2)
    return Kind("accuracy", two.truth, lambda rng, rows: rng.integers(2, size=rows), two.scored)


def _rare(share: float) -> Kind:
    """Two classes, one rare: found with probability ``quality``, and said of the rest a tenth as often as missed."""

    def f1(quality: float) -> float:
        right, wrong = share * quality, (1 - share) * (1 - quality) / 10
        other = (1 - share) - wrong
        return (2 * right / (share + right + wrong) + 2 * other / ((1 - share) + other + share - right)) / 2

    def scored(targets: np.ndarray, latent: np.ndarray, quality: float) -> Scored:
        limit = special.ndtri(np.where(targets == 1, quality, 1 - (1 - quality) / 10))
        return Scored("binary", targets, np.eye(2)[np.where(latent < limit, targets, 1 - targets)])

    return Kind("macro_f1", f1, lambda rng, rows: (rng.random(rows) < share).astype(int), scored)


def _labels() -> Kind:
    def f1(quality: float) -> float:
        right, wrong = LABELS * quality, (1 - LABELS) * (1 - quality) / 2
        return float((2 * right / (LABELS + right + wrong)).mean())

    def scored(targets: np.ndarray, latent: np.ndarray, quality: float) -> Scored:
        turned = np.stack([latent if k == 0 else _turned(latent, k) for k in range(len(LABELS))], axis=1)
        limit = special.ndtri(np.where(targets == 1, quality, 1 - (1 - quality) / 2))
        return Scored("multilabel", targets, np.where(turned < limit, targets, 1 - targets).astype(float))

    return Kind("macro_f1", f1, lambda rng, rows: (rng.random((rows, len(LABELS))) < LABELS).astype(int), scored)


def _turned(latent: np.ndarray, k: int) -> np.ndarray:
    """The same latent in another order of its quantiles: labels of a row go wrong nearly independently."""
    return np.asarray(special.ndtri(np.clip((special.ndtr(latent) * 7**k) % 1.0, 1e-12, 1 - 1e-12)))


def _values(metric: str) -> Kind:
    def spread(quality: float) -> float:
        return float(np.sqrt(1 - quality)) if metric == "r2" else -quality / float(np.sqrt(2 / np.pi))

    def scored(targets: np.ndarray, latent: np.ndarray, quality: float) -> Scored:
        return Scored("regression", targets, targets - spread(quality) * latent)

    return Kind(metric, lambda quality: quality, lambda rng, rows: rng.standard_normal(rows), scored)


def _loss() -> Kind:
    def truth(quality: float) -> float:
        return -float(_WEIGHTS @ np.log1p(np.exp(-(quality + 1.5 * _LOGITS))) / _WEIGHTS.sum())

    def scored(targets: np.ndarray, latent: np.ndarray, quality: float) -> Scored:
        sure = special.expit(quality - 1.5 * latent)
        return Scored("binary", targets, np.where(np.eye(2)[targets] == 1, sure[:, None], 1 - sure[:, None]))

    return Kind("log_loss", truth, lambda rng, rows: rng.integers(2, size=rows), scored)


@dataclass(frozen=True)
class Cell:
    """A named world. base: quality of the controls. gain: added to that of the candidates. margin: for power.

    behind: how much less some candidates (first) and controls (second) have. clusters: (how many, rows in each).
    within: share of a row's latent variance that its cluster shares, for each candidate by itself. tried: so many
    candidates start, and those with the best score on the first fifth of the rows go on; 0: all that there are. once:
    candidates ran the first repeat only, controls all of them.
    """

    name: str
    kind: Kind
    rows: int
    base: float
    gain: float
    margin: float = 0.01
    candidates: int = 1
    controls: int = 1
    behind: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    repeats: int = 1
    clusters: tuple[int, int] | None = None
    within: float = 0.2
    balanced: bool = True  # False: few rows of a class, or few that disagree, so an oracle's width is not to be had
    learners: bool = False
    tried: int = 0
    once: bool = False

    @property
    def outrun(self) -> int:
        """Candidates left behind after a fifth of the rows."""
        return max(0, self.tried - self.candidates)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"t{k}" for k in range(self.candidates)) + tuple(f"c{k}" for k in range(self.controls))

    def qualities(self, gain: float) -> np.ndarray:
        """Of candidates, then controls."""
        less = [np.zeros(count) for count in (self.candidates, self.controls)]
        for place, behind in zip(less, self.behind, strict=True):
            place[len(place) - len(behind) :] = behind
        return self.base - np.concatenate(less) + np.repeat([gain, 0.0], [self.candidates, self.controls])

    def truths(self, gain: float) -> np.ndarray:
        return np.array([self.kind.truth(quality) for quality in self.qualities(gain)])


def _cells() -> tuple[Cell, ...]:
    accuracy, four, rare, labels = _accuracy(), _classes(4), _rare(1 / 21), _labels()
    r2, mae, loss = _values("r2"), _values("mae"), _loss()
    few = {"candidates": 4, "controls": 3}
    many = {"candidates": 8, "controls": 3}
    near_tie = ((0.005, 0.05, 0.1), (0.03, 0.1))
    return (
        Cell("accuracy, 40", accuracy, 40, 0.7, 0.15),
        Cell("accuracy, 100", accuracy, 100, 0.8, 0.1),
        Cell("accuracy, 500 (named)", accuracy, 500, 0.8, 0.05),
        Cell("accuracy, 2000", accuracy, 2000, 0.8, 0.03),
        Cell("accuracy, 100, 4v3", accuracy, 100, 0.8, 0.12, **few),
        Cell("accuracy, 500, 4v3", accuracy, 500, 0.8, 0.06, **few),
        Cell("accuracy, 500, 8v3", accuracy, 500, 0.8, 0.06, **many),
        Cell("accuracy, 500, 4v3 unequal", accuracy, 500, 0.8, 0.06, behind=near_tie, **few),
        Cell("accuracy, 100, 8v3 unequal", accuracy, 100, 0.8, 0.12, behind=near_tie, **many),
        Cell("macro-F1, 100", four, 100, 0.7, 0.12),
        Cell("macro-F1, 500, 4v3", four, 500, 0.7, 0.07, **few),
        Cell("macro-F1 20:1, 40", rare, 40, 0.6, 0.3, balanced=False),
        Cell("macro-F1 20:1, 100", rare, 100, 0.6, 0.25, balanced=False),
        Cell("macro-F1 20:1, 500", rare, 500, 0.6, 0.2, balanced=False),
        Cell("macro-F1 20:1, 2000, 4v3", rare, 2000, 0.6, 0.1, balanced=False, **few),
        Cell("labels macro-F1, 100", labels, 100, 0.7, 0.1),
        Cell("labels macro-F1, 500, 4v3", labels, 500, 0.7, 0.06, **few),
        Cell("R2, 40", r2, 40, 0.4, 0.25),
        Cell("R2, 500, 4v3", r2, 500, 0.4, 0.08, **few),
        Cell("MAE, 100", mae, 100, -0.5, 0.08),
        Cell("log-loss, 40", loss, 40, 1.0, 0.6),
        Cell("log-loss, 500", loss, 500, 1.0, 0.2),
        Cell("accuracy, 20 x 10 rows", accuracy, 200, 0.75, 0.12, clusters=(20, 10)),
        Cell("macro-F1, 100 x 5 rows, 4v3", four, 500, 0.7, 0.09, clusters=(100, 5), **few),
        Cell("accuracy, 100, 3 repeats, 4v3", accuracy, 100, 0.8, 0.12, repeats=3, **few),
        Cell("macro-F1, 100, 20 repeats", four, 100, 0.7, 0.12, repeats=20),
        Cell("accuracy, 100, 1 repeat v 4", accuracy, 100, 0.8, 0.12, repeats=4, once=True, **few),
        Cell("macro-F1, 100, 1 repeat v 4", four, 100, 0.7, 0.12, repeats=4, once=True),
        Cell("sure, 40", accuracy, 40, 0.97, 0.02, balanced=False),
        Cell("sure, 60", accuracy, 60, 0.97, 0.02, balanced=False),
        Cell("sure, 100", accuracy, 100, 0.97, 0.02, balanced=False),
        Cell("accuracy, 100, 4 to 2 v3", accuracy, 100, 0.8, 0.12, candidates=2, controls=3, tried=4),
        Cell("accuracy, 500, 4 to 2 v1", accuracy, 500, 0.8, 0.05, candidates=2, tried=4),
        Cell("macro-F1, 500, 8 to 2 v1", four, 500, 0.7, 0.07, candidates=2, tried=8),
        Cell("learners, 120", accuracy, 120, 0.0, 0.0, learners=True),
        Cell("learners, 120, 3 repeats, 4v3", accuracy, 120, 0.0, 0.0, learners=True, repeats=3, **few),
    )


CELLS = {one.name: one for one in _cells()}


@dataclass
class Latent:
    """One study's rows before anybody's quality is known. table: shape (candidates, repeats, rows)."""

    targets: np.ndarray
    clusters: np.ndarray
    table: np.ndarray


def _latent(cell: Cell, rng: np.random.Generator) -> Latent:
    rows, everyone = cell.rows, cell.candidates + cell.controls + cell.outrun
    clusters, own = np.arange(rows), OWN
    table = np.sqrt(SHARED) * rng.standard_normal((1, 1, rows))
    if cell.clusters is not None:
        clusters = np.repeat(np.arange(cell.clusters[0]), cell.clusters[1])
        table = table + np.sqrt(cell.within) * rng.standard_normal((everyone, 1, cell.clusters[0]))[:, :, clusters]
        own -= cell.within
    again = AGAIN if cell.repeats > 1 else 0.0
    table = table + np.sqrt(own + AGAIN - again) * rng.standard_normal((everyone, 1, rows))
    table = table + np.sqrt(again) * rng.standard_normal((everyone, cell.repeats, rows))
    return Latent(cell.kind.targets(rng, rows), clusters, table)


def draw(cell: Cell, rng: np.random.Generator, gains: tuple[float, ...]) -> list[Jackknife]:
    """The same rows judged with several gains."""
    if cell.learners:
        return [_learned(cell, rng) for _ in gains]
    seen = _latent(cell, rng)
    found = []
    for gain in gains:
        terms: dict[str, Terms] = {}
        going = _going_on(cell, seen, gain)
        for name, quality, latent in zip(cell.names, cell.qualities(gain), seen.table[going], strict=True):
            ran = latent[:1] if cell.once and name in cell.names[: cell.candidates] else latent
            targets, clusters = (np.concatenate([one] * len(ran)) for one in (seen.targets, seen.clusters))
            scored = cell.kind.scored(targets, ran.ravel(), float(quality))
            terms[name] = [(1.0, Pooled(scored, clusters, np.full(len(targets), 1 / len(ran))))]
        found.append(jackknife(terms, cell.kind.metric))
    return found


def _going_on(cell: Cell, seen: Latent, gain: float) -> np.ndarray:
    """Places in the table: the candidates that do best on the first fifth of the rows, and all controls."""
    places = np.arange(len(seen.table))
    if not cell.outrun:
        return places
    first = np.arange(cell.rows // 5)
    quality, tried = float(cell.qualities(gain)[0]), len(places) - cell.controls
    scores = []
    for latent in seen.table[:tried]:
        one = cell.kind.scored(seen.targets[first], latent[0, first], quality)
        scores.append(float(metric(cell.kind.metric).per_draw(one, np.ones((1, len(first))))[0]))
    best = np.sort(np.argsort(-np.array(scores), kind="stable")[: cell.candidates])
    return np.concatenate([best, places[tried:]])


def _learned(cell: Cell, rng: np.random.Generator) -> Jackknife:
    """Ridge classifiers, each on six equally good features of its own: five folds, and a holdout of a fifth."""
    rows, everyone, held = cell.rows, cell.candidates + cell.controls, cell.rows // 5
    side = rng.choice([-1.0, 1.0], size=rows)
    features = 0.2 * side[:, None] + rng.standard_normal((everyone, rows, 6))

    def right(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        seen = features[:, train]
        gram = seen.transpose(0, 2, 1) @ seen + np.eye(6)
        weights = np.linalg.solve(gram, (seen * side[train, None]).sum(axis=1)[..., None])
        return (features[:, test] @ weights)[..., 0] * side[test] > 0

    clusters, hits, weights = [], [], []
    for _ in range(cell.repeats):
        order = rng.permutation(rows - held)
        for fold in range(5):
            test = order[fold::5]
            hits.append(right(np.setdiff1d(order, test), test))
            clusters.append(test)
            weights.append(np.full(len(test), 1 / cell.repeats))
    last = np.arange(rows - held, rows)
    hits.append(right(np.arange(rows - held), last))
    clusters.append(last)
    weights.append(np.ones(held))
    place, share, said = np.concatenate(clusters), np.concatenate(weights), np.concatenate(hits, axis=1)
    truth = (side[place] > 0).astype(int)
    terms: dict[str, Terms] = {
        name: [(1.0, Pooled(Scored("binary", truth, np.eye(2)[np.where(one, truth, 1 - truth)]), place, share))]
        for name, one in zip(cell.names, said, strict=True)
    }
    return jackknife(terms, "accuracy")


def said(cell: Cell, found: Jackknife, margin: float, *, swapped: bool = False) -> tuple[str, Outcome]:
    """The real choice and the real verdict; ``swapped``: the controls are the candidates."""
    transfers, controls = cell.names[: cell.candidates], cell.names[cell.candidates :]
    if swapped:
        transfers, controls = controls, transfers
    entries = [Entry(name, 1.0 + place, "transfer") for place, name in enumerate(transfers)]
    entries += [Entry(name, 1.0, "control") for name in controls]
    chosen = choose(found, entries, margin=margin).chosen
    verdict = decide_verdict(found, chosen, transfers=transfers, controls=controls, margin=margin)
    return chosen, verdict.outcome


@dataclass
class Counts:
    """What was said in the runs of a cell."""

    runs: int = 0
    false: dict[str, int] = field(default_factory=dict)
    settled: int = 0
    covered: list[tuple[bool, bool]] = field(default_factory=list)
    widths: list[tuple[float, float]] = field(default_factory=list)
    withheld: int = 0
    estimates: list[np.ndarray] = field(default_factory=list)

    def add(self, claim: str, happened: bool) -> None:
        self.false[claim] = self.false.get(claim, 0) + happened


def simulate(cell: Cell, runs: int, *, seed: int = 0) -> Counts:
    """All runs of one cell."""
    rng, counts = generator(seed, "verdicts", cell.name), Counts(runs)
    gains = (0.0,) if cell.learners else (0.0, cell.gain)
    for _ in range(runs):
        worlds = draw(cell, rng, gains)
        none_truth = _learnt_truth(cell) if cell.learners else cell.truths(0.0)
        gap = float(none_truth[: cell.candidates].max() - none_truth[cell.candidates :].max())
        _, outcome = said(cell, worlds[0], abs(gap))
        for claim in (Outcome.HELPS, Outcome.HARMS, Outcome.TIED):
            counts.add(f"none {claim.value}", outcome is claim)
        if not cell.learners:
            _gain(cell, worlds[1], counts)
        _cover(cell, worlds[-1], counts)
    return counts


def _learnt_truth(cell: Cell) -> np.ndarray:
    return np.zeros(cell.candidates + cell.controls)


def _gain(cell: Cell, found: Jackknife, counts: Counts) -> None:
    truth = dict(zip(cell.names, cell.truths(cell.gain), strict=True))
    ahead = max(truth[name] for name in cell.names[: cell.candidates])
    behind = max(truth[name] for name in cell.names[cell.candidates :])
    margin = ahead - behind
    chosen, outcome = said(cell, found, margin)
    beyond = abs(truth[chosen] - behind) >= margin - 1e-12
    counts.add("edge helps", outcome is Outcome.HELPS)
    counts.add("edge harms", outcome is Outcome.HARMS)
    counts.add("edge tied", outcome is Outcome.TIED and beyond)
    if not cell.outrun:  # controls are never left behind for one another
        _, turned = said(cell, found, margin, swapped=True)
        counts.add("turned harms", turned is Outcome.HARMS)
        counts.add("turned helps", turned is Outcome.HELPS)
        counts.add("turned tied", turned is Outcome.TIED)
    chosen, outcome = said(cell, found, cell.margin)
    counts.settled += outcome is Outcome.HELPS
    counts.add("small harms", outcome in (Outcome.HARMS, Outcome.TIED))
    counts.estimates.append(found.estimates.copy())


def _cover(cell: Cell, found: Jackknife, counts: Counts) -> None:
    first, control = cell.names[0], cell.names[cell.candidates]
    gap = compare(found, first, control).interval().ends
    if cell.learners:
        assert gap is not None
        counts.covered.append((gap[0] <= 0 <= gap[1], True))
        counts.estimates.append(found.estimates.copy())
        counts.widths.append((gap[1] - gap[0], 0.0))
        return
    truth = cell.truths(cell.gain)
    own = score_interval(found, first).ends
    difference = truth[0] - truth[cell.candidates]
    if gap is None or own is None:
        counts.withheld += 1
        return
    counts.covered.append((gap[0] <= difference <= gap[1], own[0] <= truth[0] <= own[1]))
    counts.widths.append((gap[1] - gap[0], own[1] - own[0]))


def oracle_power(cell: Cell, estimates: np.ndarray) -> float:
    """Share of runs in which an oracle says ``helps``. estimates: shape (runs, candidates and controls)."""
    covariance = np.cov(estimates.T)
    rng, m = generator(0, "oracle", cell.name), cell.candidates
    normal = rng.multivariate_normal(np.zeros(len(covariance)), covariance, size=100_000, method="eigh")
    best = estimates[:, :m].argmax(axis=1)
    shown = np.ones(len(estimates), bool)
    for control in range(m, len(covariance)):
        scale = np.sqrt(np.diag(covariance)[:m] + covariance[control, control] - 2 * covariance[control, :m])
        highest = ((normal[:, :m] - normal[:, [control]]) / scale).max(axis=1)
        needed = np.quantile(highest, 0.975)
        lead = estimates[np.arange(len(estimates)), best] - estimates[:, control] - cell.margin
        shown &= lead > needed * scale[best]
    return float(shown.mean())


@dataclass(frozen=True)
class Row:
    """One line of the table. false: claim to rate and its binomial limits; ratio: power over the oracle's."""

    name: str
    false: dict[str, tuple[float, float, float]]
    settled: float
    oracle: float
    cover: tuple[float, float]
    width: tuple[float, float]
    withheld: float
    runs: int

    @property
    def worst(self) -> tuple[str, tuple[float, float, float]]:
        return max(self.false.items(), key=lambda item: item[1][0])

    @property
    def failures(self) -> tuple[str, ...]:
        """What is not as promised."""
        slack = 3 * np.sqrt(0.05 * 0.95 / self.runs)
        found = [f"{claim}: {rate[0]:.3f}" for claim, rate in self.false.items() if rate[1] > 0.05]
        luck = 2 * np.sqrt(self.settled * (1 - self.settled) / self.runs)
        if self.oracle >= 0.2 and self.settled + luck < 0.8 * self.oracle:
            found.append(f"power {self.settled:.2f} of {self.oracle:.2f}")
        found += [f"cover {share:.3f}" for share in self.cover if share < 0.93 - slack]
        balanced, rows = CELLS[self.name].balanced, CELLS[self.name].rows
        if balanced and rows >= 100 and CELLS[self.name].clusters is None:
            found += [f"width {width:.2f}" for width in self.width if width > 1.3]
        return tuple(found)


def summary(cell: Cell, counts: Counts) -> Row:
    """Rates of a cell."""
    false = {claim: _rate(count, counts.runs) for claim, count in counts.false.items()}
    estimates = np.array(counts.estimates)
    first, control = estimates[:, 0], estimates[:, cell.candidates]
    widths = np.array(counts.widths).mean(axis=0) / (2 * 1.96)
    cover = np.array(counts.covered).mean(axis=0)
    return Row(
        cell.name,
        false,
        counts.settled / counts.runs,
        0.0 if cell.learners else oracle_power(cell, estimates),
        (float(cover[0]), float(cover[1])),
        (float(widths[0] / (first - control).std()), float(widths[1] / first.std())),
        counts.withheld / counts.runs,
        counts.runs,
    )


def _rate(count: int, runs: int) -> tuple[float, float, float]:
    """A share with its 95 % Clopper-Pearson limits."""
    limits = stats.binomtest(count, runs).proportion_ci(0.95)
    return count / runs, float(limits.low), float(limits.high)


def _run(name: str, runs: int) -> Row:
    import warnings

    warnings.simplefilter("ignore", RuntimeWarning)
    return summary(CELLS[name], simulate(CELLS[name], runs))


def table(rows: list[Row]) -> str:
    """The rows for a reader."""
    lines = [
        f"{'cell':32} {'worst false claim':>38} {'settled':>8} {'oracle':>7} {'ratio':>6} {'cover':>6} {'score':>6}"
        f" {'width':>6} {'score':>6} {'none':>5}"
    ]
    for one in rows:
        claim, (rate, low, high) = one.worst
        ratio = f"{one.settled / one.oracle:.2f}" if one.oracle > 0 else "-"
        lines.append(
            f"{one.name:32} {claim:>16} {rate:.3f} ({low:.3f}-{high:.3f}) {one.settled:8.3f} {one.oracle:7.3f}"
            f" {ratio:>6} {one.cover[0]:6.3f} {one.cover[1]:6.3f} {one.width[0]:6.2f} {one.width[1]:6.2f}"
            f" {one.withheld:5.2f} {'; '.join(one.failures)}"
        )
    return "\n".join(lines)


def verdicts(runs: int = FULL, first: int = 1, last: int = len(CELLS)) -> dict[str, object]:
    """The cells from the ``first`` to the ``last``; the table goes to standard error, line by line."""
    names, rows = tuple(CELLS)[first - 1 : last], list[Row]()
    print(table([]), file=sys.stderr)
    with ProcessPoolExecutor(2) as pool:
        for row in pool.map(partial(_run, runs=runs), names):
            rows.append(row)
            print(table([row]).splitlines()[1], file=sys.stderr, flush=True)
    worst = max(rows, key=lambda one: one.worst[1][0])
    return {
        "runs": runs,
        "cells": len(rows),
        "worst": f"{worst.name}: {worst.worst[0]} {worst.worst[1][0]:.3f}",
        "not as promised": {one.name: one.failures for one in rows if one.failures},
        "wanted": "false claims at most 0.05 by the lower limit, power at least 0.8 of the oracle's where it has 0.2",
    }


def quick_verdicts() -> dict[str, object]:
    """The same with fewer runs."""
    return verdicts(QUICK)
