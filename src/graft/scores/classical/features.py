"""What a classical control computes of contents that have no words: numbers, the same whatever was learnt from.

Decision: a recipe learns nothing itself, so what is saved of a fitted control is its name and a linear head. The first
recipe of a kind is the one that is tried when only one may be; the others only find their rows where more is allowed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from graft.core.errors import BundleError
from graft.rows.content import AUDIO, IMAGE, Content
from graft.scores.classical.pictures import colours, edges, levels, of_pictures, textures
from graft.scores.classical.sounds import course, of_sounds, statistics


@dataclass(frozen=True)
class FeatureRecipe:
    """Numbers of contents of one kind.

    kind: its name. name: in words. compute: contents to float32, shape (contents, width).
    """

    kind: str
    name: str
    compute: Callable[[Sequence[Content]], np.ndarray]


FEATURES: tuple[FeatureRecipe, ...] = (
    FeatureRecipe(IMAGE.name, "edges, colours and textures", partial(of_pictures, parts=(edges, colours, textures))),
    FeatureRecipe(IMAGE.name, "edges and pixels", partial(of_pictures, parts=(edges, levels))),
    FeatureRecipe(IMAGE.name, "edges", partial(of_pictures, parts=(edges,))),
    FeatureRecipe(IMAGE.name, "pixels", partial(of_pictures, parts=(levels,))),
    FeatureRecipe(AUDIO.name, "log-mel statistics and course", partial(of_sounds, parts=(statistics, course))),
    FeatureRecipe(AUDIO.name, "log-mel statistics", partial(of_sounds, parts=(statistics,))),
)


def features_of(kind: str) -> tuple[FeatureRecipe, ...]:
    """The recipes of a kind of content; () where its contents have words instead."""
    return tuple(one for one in FEATURES if one.kind == kind)


def feature_recipe(name: str) -> FeatureRecipe:
    """The recipe of a name. Raises BundleError for one that is not known."""
    for one in FEATURES:
        if one.name == name:
            return one
    raise BundleError(
        f"a classical model of {name!r}",
        needed=f"one of {', '.join(one.name for one in FEATURES)}",
        fix="open it with the version of Graft that wrote it",
    )
