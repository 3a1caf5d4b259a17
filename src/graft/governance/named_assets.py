"""From what a person names to an asset with its facts: a source, a data set or a bundle, read where it lies.

Decision: what a person states beside it is one more statement, marked as such; it does not replace what was read, so a
difference shows as a conflict and is settled by a recorded decision.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from graft.core.errors import InputError
from graft.core.several import several
from graft.governance.descent_file import read_bundle
from graft.governance.licences.expressions import refuse_unknown
from graft.governance.reading import named_parent, read_data, read_model, read_package
from graft.governance.records import Asset, AssetKind, Edge, LicenceStatement, Relation, TrainingData
from graft.representations.embedded import NAMES
from graft.representations.embedded import named as embedded_named
from graft.representations.hub import fetch_snapshot
from graft.representations.references import parse_reference
from graft.representations.weights.sums import require_sums

STATED = "stated by the person who added it"


def read_source(reference: str, directory: Path | None = None, *, revision: str = "") -> Asset:
    """The asset of a pretrained source, by its reference.

    directory: where it lies when it was found already. Raises SourceError when it cannot be found or read.
    """
    parsed = parse_reference(reference)
    if parsed.kind in NAMES:
        embedded = embedded_named(parsed.kind)
        found = read_package(embedded.package, reference=embedded.name, directory=directory or embedded.directory())
        rivals = tuple(LicenceStatement(stated=stated, where=where) for stated, where in embedded.contested)
        return found.model_copy(update={"name": embedded.name, "licences": (*found.licences, *rivals)})
    if parsed.kind == "hf":
        if directory is None:
            directory, revision = fetch_snapshot(parsed.location, parsed.revision, cache=None)
        return read_model(directory, reference=f"hf:{parsed.location}@{revision}", revision=revision)
    return _read_folder(directory or Path(parsed.location).expanduser(), reference)


def read_named(named: str, *, kind: AssetKind | None = None) -> tuple[Asset, ...]:
    """The asset a person names, first, and those it brings along.

    named: an embedded source, ``hf:org/name@revision``, ``path:DIR``, or the path of a file or folder. kind: what it
    is, when its files leave that open. Raises InputError or SourceError when there is nothing of that name.
    """
    path = Path(named.removeprefix("path:")).expanduser()
    known = named in NAMES or named.startswith(("hf:", "random:"))
    if known or not path.exists():
        return (read_source(named if known or named.startswith("path:") else f"path:{named}"),)
    if kind in (None, AssetKind.BUNDLE) and (path / "manifest.json").is_file():
        bundle, parents = read_bundle(path)
        return (bundle, *parents)
    model = _is_network(path) or (path.is_dir() and ((path / "config.json").is_file() or any(path.glob("*.onnx"))))
    if kind is AssetKind.SOURCE or (kind is None and model):
        return (_read_folder(path, ""),)
    return (read_data(path),)


def _read_folder(place: Path, reference: str) -> Asset:
    """The asset of a source in a folder, whose files are what the folder states of them."""
    folder = place.parent if _is_network(place) else place
    require_sums(folder, reference or f"path:{place}")
    return read_model(folder, reference=reference)


def _is_network(path: Path) -> bool:
    """Whether a path is of one file that is a source by itself, beside whatever says what it is."""
    return path.suffix == ".onnx" and path.is_file()


def with_statements(
    asset: Asset,
    *,
    licence: str = "",
    name: str = "",
    trained_on: str | Iterable[str] = (),
    parents: str | Iterable[str] = (),
    find: Callable[[str], Asset | None],
) -> Asset:
    """The asset with what a person states beside it.

    trained_on: data sets, by the name of a known asset or any other name. parents: ``RELATION:NAME``, for example
    ``fine-tuned:org/base``. find: a known asset by its name, or None. Raises InputError for a relation there
    is not, and for a licence nobody knows.
    """
    licences, data, edges = list(asset.licences), list(asset.training_data), list(asset.edges)
    if licence:
        refuse_unknown(licence, decided=False)
        licences.append(LicenceStatement(stated=licence, where=STATED))
    for one in several(trained_on):
        known = find(one)
        if known is not None:
            edges.append(Edge(relation=Relation.TRAINED_ON_DATA, parent=known.identity, where=STATED))
        else:
            data.append(TrainingData(name=one, where=STATED))
    edges += [_edge(one, find) for one in several(parents)]
    return asset.model_copy(
        update={
            "name": name or asset.name,
            "licences": tuple(licences),
            "training_data": tuple(data),
            "edges": tuple(edges),
        }
    )


def _edge(stated: str, find: Callable[[str], Asset | None]) -> Edge:
    relation, _, name = stated.partition(":")
    if relation not in set(Relation) or not name:
        raise InputError(
            f"{stated!r} does not say how one descends from the other",
            needed=f"RELATION:NAME with one of {', '.join(Relation)}",
            fix="for example fine-tuned:org/base",
        )
    known = find(name)
    return Edge(relation=Relation(relation), parent=known.identity if known else named_parent(name), where=STATED)
