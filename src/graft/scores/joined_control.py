"""The control for rows of several kinds: what no neural network computes of each part, side by side under one head.

Decisions: of a text its n-grams, of a picture or a recording the first recipe of its kind, each balanced as the vectors
of sources side by side are (``balance``; n-grams are sparse, so their mean stays where it is). A kind that says nothing
of the labels costs a head on all of them something, so each part alone is tried as well, and the lowest held-in loss
decides: a control that is held back proves nothing. Recipes are tried together, the first of each kind and then the
second, as many as every candidate has configurations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse

from graft.core.tasks import Task
from graft.scores.balance import Block, fit_balance
from graft.scores.classical.features import features_of
from graft.scores.classical.ngrams import RECIPES, TermCounts, beside, count_terms, solve_sparse, terms_kept
from graft.scores.columns import ColumnEncoder
from graft.scores.joined_model import TEXT, JoinedFeatureModel, PartRecipe, laid_out
from graft.scores.linear import LinearHead
from graft.scores.output import Matrix, Output
from graft.scores.workbench import Workbench


@dataclass(frozen=True, eq=False)
class JoinedControl:
    """A fitted control, what it is called, and what it says of the rows that are judged."""

    model: JoinedFeatureModel
    name: str
    scores: np.ndarray


def fit_joined(
    bench: Workbench,
    rows: np.ndarray,
    evaluate: np.ndarray,
    targets: np.ndarray,
    *,
    output: Output,
    columns: ColumnEncoder,
    extra: np.ndarray,
    weights: np.ndarray,
    untilt: bool,
    configurations: int,
    seed: int,
) -> JoinedControl | None:
    """The control on some rows of a workbench; None where nothing can be computed of any part.

    targets: as a head sees them, of all rows. columns, extra: what stands beside the contents, of all rows. weights,
    untilt: see ``solve_head``.
    """
    best: tuple[float, tuple[PartRecipe, ...], LinearHead, sparse.csr_matrix] | None = None
    kinds = [part.name for part in bench.rows.kind.parts]
    for number in range(configurations):
        computed = {kind: found for kind in kinds if (found := _computed(bench, kind, number, rows)) is not None}
        subsets = [list(computed), *([kind] for kind in computed if len(computed) > 1)]
        for subset in subsets if computed else ():
            recipes = tuple(computed[kind][0] for kind in subset)
            blocks = [computed[kind][1:] for kind in subset]
            whole = beside([laid_out(blocks, [recipe.width for recipe in recipes], len(bench.contents))], extra)
            head = _solved(recipes, whole[rows], targets[rows], bench.task, bench.outputs, weights, seed, untilt)
            if best is None or head.held_loss < best[0]:
                best = head.held_loss, recipes, head, whole[evaluate]
    if best is None:
        return None
    _, recipes, head, judged = best
    model = JoinedFeatureModel(output, recipes, columns, head.weight, head.bias)
    alone = " alone" if len(recipes) == 1 < len(kinds) else ""
    name = ", ".join(f"{part.kind}{alone}: {part.said}" for part in recipes)
    return JoinedControl(model, name, model.finished(judged))


def _computed(
    bench: Workbench, kind: str, number: int, rows: np.ndarray
) -> tuple[PartRecipe, np.ndarray, Matrix] | None:
    """The recipe of a kind, fitted on training rows; the rows that have something of it, and its columns of these."""
    have, part = bench.part(kind)
    learn = np.flatnonzero(np.isin(have, rows))
    if not len(learn):
        return None
    if kind == TEXT:
        recipe = RECIPES[number % len(RECIPES)]
        counted: tuple[TermCounts, ...] = part.remembered(
            ("terms", recipe.name), partial(count_terms, part.contents, recipe)
        )
        most, every = terms_kept(len(learn), bench.outputs), np.arange(len(have))
        fitted = [(one, *found) for one in counted if (found := one.fit(learn, most=most)) is not None]
        blocks = [one.encode(encoder, places, every) for one, encoder, places in fitted]
        encoders = tuple(encoder for _, encoder, _ in fitted)
        width = sum(len(one.terms) for one in encoders)
        return (PartRecipe(kind, width, encoders), have, beside(blocks, np.zeros((len(have), 0)))) if width else None
    recipes = features_of(kind)
    chosen = recipes[number % len(recipes)]
    seen = part.remembered(("features", chosen.name), partial(chosen.compute, part.contents))
    return PartRecipe(kind, seen.shape[1], recipe=chosen.name), have, seen


def _solved(
    recipes: Sequence[PartRecipe],
    matrix: sparse.csr_matrix,
    targets: np.ndarray,
    task: Task,
    outputs: int,
    weights: np.ndarray,
    seed: int,
    untilt: bool,
) -> LinearHead:
    """A head on balanced columns, as one on columns as they are."""
    ends = np.cumsum([part.width for part in recipes]).tolist()
    blocks = [
        Block(end - part.width, end, ends[-1] + place)
        for place, (part, end) in enumerate(zip(recipes, ends, strict=True))
    ]
    dense = [block for block, part in zip(blocks, recipes, strict=True) if part.kind != TEXT]
    terms = [block for block, part in zip(blocks, recipes, strict=True) if part.kind == TEXT]
    pieces, factors = [], []
    for block in terms:
        own = matrix[:, block.start : block.end]
        there = np.flatnonzero(matrix[:, [block.flag]].toarray()[:, 0] == 0)
        mean = np.asarray(own[there].mean(axis=0)).ravel()
        spread = float(np.sqrt(max(0.0, own[there].multiply(own[there]).sum() / len(there) - mean @ mean)))
        factors.append(1 / spread if spread > 0 else 0.0)
        pieces.append(own * np.float32(factors[-1]))
    start = terms[-1].end if terms else 0
    rest = matrix[:, start:].toarray()
    moved = [Block(one.start - start, one.end - start, one.flag - start) for one in dense]
    balance = fit_balance(moved, rest)
    solved = solve_sparse(
        beside(pieces, balance.of(rest)),
        targets,
        task=task,
        outputs=outputs,
        weights=weights,
        seed=seed,
        untilt=untilt,
    )
    folded = balance.folded(LinearHead(solved.weight[:, start:], solved.bias, np.nan, 1, solved.held_loss))
    scaled = [
        solved.weight[:, block.start : block.end] * np.float32(factor)
        for block, factor in zip(terms, factors, strict=True)
    ]
    weight = np.concatenate([*scaled, folded.weight], axis=1)
    return LinearHead(weight, folded.bias, np.nan, 1, solved.held_loss)
