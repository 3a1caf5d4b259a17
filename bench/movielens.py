"""Lists of new and of known items against irspack, implicit and content neighbours, all tuned on the same rows.

A draw hides a fifth of the items with all their events, and a fifth of the other events. NDCG@20 of users with
something hidden, all hidden items ranked (new), or all others they have not met (known). Everybody chooses settings in
``tries`` tries on the same inner trial (a sixth of items and events hidden again): the others by the very score they
are judged by, Graft once for both. Graft's model then learns what its views count, on the same trial. A peer's setting
is the best found when one step is taken at a time from the best so far; irspack's feature-aware iALS may place new
items as it does itself, or by its map alone.

``python -m bench movielens peer=PYTHON draws=5 names=titles,tags keep=FILE``, where the interpreter has irspack and
implicit. Told are means over draws, and differences with their standard errors; also the warm-up curve of the hidden
items, with their content alone and with their behaviour alone. Catalogues: see ``bench.catalogues``.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy import sparse

from bench.catalogues import CATALOGUES
from bench.draws import Draws, Found, kept
from graft.entities.factorisation import Factorisation
from graft.entities.item_features import content_neighbours
from graft.entities.preferences import signed
from graft.entities.shop import Known
from graft.entities.top_lists import top_lists
from graft.evidence.ranked_lists import judge_lists
from graft.recommend.fitting import CURVE, PLACES, FitChoice, Goods, Trial, fit_goods

SHARE = 0.2
Setting = dict[str, float | str | bool]
# A setting of each way to begin with, and the values that lie beside it.
START: dict[str, Setting] = {
    "content": {"neighbours": 50, "power": 1.0, "mean": False},
    "features": {"n_components": 128, "alpha0": 0.3, "reg": 0.003, "lambda_item_feature": 30.0, "solved": False},
    "als": {"factors": 64, "regularization": 1.0, "alpha": 3.0},
    "knn": {"top_k": 100, "shrinkage": 10.0, "feature_weighting": "TF_IDF"},
}
STEPS: dict[str, dict[str, Sequence[float | str | bool]]] = {
    "content": {
        "neighbours": (5, 10, 20, 50, 100, 200, 500, 10_000),
        "power": (0.5, 1.0, 2.0, 3.0, 4.0),
        "mean": (False, True),
    },
    "features": {
        "reg": (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
        "lambda_item_feature": (0.003, 0.03, 0.3, 3.0, 30.0, 300.0),
        "alpha0": (0.01, 0.03, 0.1, 0.3, 1.0),
        "solved": (False, True),
        "n_components": (16, 32, 64, 128),
    },
    "als": {
        "regularization": (0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0),
        "alpha": (1.0, 3.0, 10.0, 30.0, 100.0),
        "factors": (16, 32, 64, 128),
    },
    "knn": {
        "top_k": (20, 50, 100, 200, 500),
        "shrinkage": (0.0, 3.0, 10.0, 30.0, 100.0),
        "feature_weighting": ("NONE", "TF_IDF", "BM_25"),
    },
}
NEW, KNOWN = ("content", "features"), ("als", "knn", "features")


def movielens(
    draws: int = 5,
    names: tuple[str, ...] = ("titles", "tags"),
    peer: tuple[str, ...] | str = (),
    tries: int = 8,
    keep: tuple[str, ...] = (),
) -> Found:
    """Every draw of every catalogue, and what they say together. Without a peer only what runs here."""
    python = peer if isinstance(peer, str) else (peer[0] if peer else "")
    found: Found = {"tries": tries}
    for name in names:
        goods = CATALOGUES[name]()
        drawn = [_draw(name, goods, seed, tries, python, kept(keep)) for seed in range(draws)]
        found[name] = _together(drawn)
    return found


def _draw(name: str, goods: Goods, seed: int, tries: int, python: str, before: Draws) -> Found:
    cell = f"{name} tries={tries}" + ("" if python else " alone")
    return before.of("movielens", cell, seed, partial(_one, goods, seed, tries, python))


def _one(goods: Goods, seed: int, tries: int, python: str) -> Found:
    started = time.perf_counter()
    outer = Trial.of(goods, 100 + seed, share=SHARE)
    inner = Trial.of(outer.goods, seed)
    new: dict[str, float] = {}
    known: dict[str, float] = {}
    chosen: dict[str, Setting] = {}
    fitted = fit_goods(outer.goods, FitChoice(Factorisation(seed=seed)), tries=tries, seed=seed)
    new["graft"], known["graft"] = _both(outer, outer.scores(fitted.model))
    spent = {"graft": round(time.perf_counter() - started, 1)}
    with _ways(outer, python) as ways_outer, _ways(inner, python) as ways_inner:
        for wanted, tasks in ((new, NEW), (known, KNOWN)):
            for way in tasks:
                if way not in ways_outer:
                    continue
                since, which = time.perf_counter(), 0 if wanted is new else 1
                label = f"{way} {'new' if wanted is new else 'known'}"
                chosen[label] = _climbed(way, tries, lambda one: _both(inner, ways_inner[way](one))[which])  # noqa: B023
                wanted[way] = _both(outer, ways_outer[way](chosen[label]))[which]
                spent[label] = round(time.perf_counter() - since, 1)
    rng = np.random.default_rng(seed)
    new["random"] = _both(outer, rng.random((len(outer.users), len(outer.new))))[0]
    bare = replace(goods.items, features=sparse.csr_array((len(goods.items.names), 0)))
    alone = fit_goods(replace(outer.goods, items=bare), fitted.choice, tries=1, seed=seed)
    curve = {
        "graft": [_mean(outer, fitted.model, count) for count in CURVE],
        "content": [_mean(outer, fitted.model, count, moves=False) for count in CURVE],
        "behaviour": [_mean(outer, alone.model, count) for count in CURVE],
    }
    blend = fitted.model.blend
    return {
        "users": len(outer.users), "hidden": int(outer.new.sum()), "others": int((~outer.new).sum()),
        "new": _rounded(new), "known": _rounded(known), "curve": curve, "chosen": chosen, "seconds": spent,
        "graft": {"choice": repr(fitted.choice), "met": repr(blend.met), "unmet": repr(blend.unmet)},
    }  # fmt: skip


def _both(trial: Trial, scores: np.ndarray) -> tuple[float, float]:
    """NDCG of lists of new items, and of known ones."""
    scores = scores.copy()
    seen = trial.goods.pairs.take(trial.users).pairs
    scores[np.repeat(np.arange(len(trial.users)), np.diff(seen.indptr)), seen.indices] = -np.inf
    told = []
    for among, wanted in ((trial.new, trial.later), (~trial.new, trial.wanted)):
        places, _ = top_lists(np.where(among, scores, -np.inf), PLACES)
        told.append(float(judge_lists(places, wanted).values["ndcg"].mean()))
    return told[0], told[1]


def _mean(trial: Trial, model: object, count: int, **how: bool) -> float:
    return round(float(trial.warmed(model, count, **how).values["ndcg"].mean()), 4)  # type: ignore[arg-type]


def _climbed(way: str, tries: int, score: Callable[[Setting], float]) -> Setting:
    """The best of so many settings: one value after another moved up and down from the best so far."""
    done: list[tuple[float, Setting]] = [(score(START[way]), START[way])]
    for _ in range(tries - 1):
        best = max(done, key=lambda one: one[0])[1]
        tried = [one for _, one in done]
        beside = next((one for one in _beside(way, best) if one not in tried), None)
        if beside is None:
            break
        done.append((score(beside), beside))
    return max(done, key=lambda one: one[0])[1]


def _beside(way: str, best: Setting) -> Iterator[Setting]:
    for name, values in STEPS[way].items():
        at = list(values).index(best[name])
        for to in (at + 1, at - 1):
            if 0 <= to < len(values):
                yield {**best, name: values[to]}


@dataclass(frozen=True)
class _Peer:
    """A process that scores by the settings it is told; its files lie in a folder."""

    process: "subprocess.Popen[str]"
    folder: Path
    order: np.ndarray
    users: np.ndarray

    def scores(self, way: str, setting: Setting) -> np.ndarray:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"way": way, **setting}) + "\n")
        self.process.stdin.flush()
        if "written" not in self.process.stdout.readline():
            raise RuntimeError(f"the peer ended on {way} with {setting}: what it said stands above")
        said = np.load(self.folder / "scores.npy")[self.users]
        scores = np.empty_like(said)
        scores[:, self.order] = said
        return scores


@contextmanager
def _ways(trial: Trial, python: str) -> Iterator[Mapping[str, Callable[[Setting], np.ndarray]]]:
    """How a trial is scored by the settings of each way."""
    near = _NearContent(trial)
    ways: dict[str, Callable[[Setting], np.ndarray]] = {"content": near.scores}
    if not python:
        yield ways
        return
    with tempfile.TemporaryDirectory() as name:
        folder, pairs = Path(name), signed(trial.goods.pairs)
        met = np.bincount(pairs.indices, minlength=pairs.shape[1]) > 0
        order = np.concatenate([np.flatnonzero(met), np.flatnonzero(~met)])
        features = trial.goods.items.features
        for file, matrix in (("pairs", pairs[:, met]), ("known", features[met]), ("new", features[~met])):
            sparse.save_npz(folder / f"{file}.npz", sparse.csr_matrix(matrix))
        words = [python, str(Path(__file__).with_name("movielens_peer.py")), name]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            peer = _Peer(process, folder, order, trial.users)
            ways |= {way: partial(peer.scores, way) for way in ("features", "als", "knn")}
            yield ways


class _NearContent:
    """Content neighbours: the sum, or the mean, of how alike an item is to what somebody took."""

    def __init__(self, trial: Trial) -> None:
        self._items: Known = trial.goods.items
        self._met = np.bincount(trial.goods.pairs.pairs.indices, minlength=len(self._items.names)) > 0
        self._taken = signed(trial.goods.pairs.take(trial.users))

    def scores(self, setting: Setting) -> np.ndarray:
        features = self._items.features
        near = content_neighbours(features, features, int(setting["neighbours"]), known=self._met)
        near.data **= float(setting["power"])
        if setting["mean"]:
            near = sparse.diags_array(1 / np.maximum(near.sum(axis=1), 1e-12)) @ near
        return np.asarray((self._taken @ near.T).toarray(), np.float32)


def _together(drawn: Sequence[Found]) -> Found:
    found: Found = {"draws": len(drawn), "commits": sorted({str(one["commit"]) for one in drawn})}
    for part in ("new", "known"):
        told = [one[part] for one in drawn]
        by_way = {way: np.array([one[way] for one in told]) for way in told[0]}  # type: ignore[index, attr-defined]
        found[part] = {way: round(float(values.mean()), 4) for way, values in by_way.items()}
        mine = by_way.pop("graft")
        found[f"{part}: graft less"] = {way: _told(mine - values) for way, values in by_way.items()}
        found[f"{part}: standard deviation"] = round(float(mine.std(ddof=1)), 4) if len(mine) > 1 else None
    curves = [one["curve"] for one in drawn]
    found["curve"] = {way: np.mean([one[way] for one in curves], axis=0).round(4).tolist() for way in curves[0]}  # type: ignore[index, attr-defined]
    return found


def _told(differences: np.ndarray) -> str:
    """The mean and its standard error."""
    if len(differences) < 2:
        return f"{differences.mean():+.4f}"
    return f"{differences.mean():+.4f} ({differences.std(ddof=1) / np.sqrt(len(differences)):.4f})"


def _rounded(told: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in told.items()}
