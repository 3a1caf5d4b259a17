"""Every entity embedder there is, and a saved one opened again."""

from pathlib import Path

from graft.core.errors import BundleError, GraftError
from graft.entities.both import FittedBoth
from graft.entities.categories import FittedCategories
from graft.entities.content import FittedContent
from graft.entities.cooccurrence import FittedCooccurrence
from graft.entities.fitted import FittedEmbedder, damaged, read_saved
from graft.entities.text import FittedText
from graft.entities.users import FittedUsers

FITTED: tuple[type[FittedEmbedder], ...] = (
    FittedText,
    FittedContent,
    FittedCooccurrence,
    FittedBoth,
    FittedUsers,
    FittedCategories,
)


def load_embedder(folder: str | Path) -> FittedEmbedder:
    """The embedder that was saved in a folder, in the space it had.

    Raises BundleError when the folder is none, is damaged or is of another schema, and WeightsMismatch when the source
    it encodes with has other weights now.
    """
    path = Path(folder)
    saved = read_saved(path)
    kinds = {kind.kind: kind for kind in FITTED}
    if saved.kind not in kinds:
        raise BundleError(
            f"{path} holds an embedder of kind {saved.kind!r}", needed=", ".join(kinds), fix="update Graft, or fit anew"
        )
    try:
        embedder = kinds[saved.kind].restore(saved.state)
        known = embedder.space.fingerprint == _fingerprint(saved.space)
    except GraftError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise damaged(path, f"what it holds is no {saved.kind}") from error
    if not known:
        raise damaged(path, "its space is not the one that was written")
    return embedder


def _fingerprint(stated: object) -> str:
    from graft.representations.spaces import read_space

    if not isinstance(stated, dict):
        raise TypeError("a space that is no table")
    return read_space(stated).fingerprint
