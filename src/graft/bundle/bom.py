"""The bill of materials: what the model and its software are made of, as CycloneDX 1.6.

Decision: the serial number is derived from the content, so the same materials always give the same document.

The format: https://cyclonedx.org/docs/1.6/json/
"""

import re
import uuid
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from graft.bundle.lineage import Lineage
from graft.core.digests import file_sha256, key

_PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "scipy",
    "scikit-learn",
    "polars",
    "pydantic",
)


def bill_of_materials(lineage: Lineage, model: Path) -> dict[str, Any]:
    """The document. model: the folder of the model's files."""
    name = f"{lineage.source} {lineage.strategy}".strip()
    hashes = _hash(file_sha256(model / "model.safetensors"))
    components = [*([_source(lineage)] if lineage.source else []), *_libraries()]
    content: dict[str, Any] = {
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "graft", "version": lineage.graft}]},
            "component": {"type": "machine-learning-model", "bom-ref": "model", "name": name, "hashes": hashes},
        },
        "components": components,
        "dependencies": [{"ref": "model", "dependsOn": [one["bom-ref"] for one in components]}],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, key([content, lineage.model_dump()]))}",
        "version": 1,
        **content,
    }


def _source(lineage: Lineage) -> dict[str, Any]:
    component: dict[str, Any] = {"type": "machine-learning-model", "bom-ref": "source", "name": lineage.source}
    if lineage.revision:
        component["version"] = lineage.revision
    if re.fullmatch(r"[0-9a-f]{64}", lineage.source_digest):
        component["hashes"] = _hash(lineage.source_digest)
    if lineage.licence:
        component["licenses"] = [{"license": {"name": lineage.licence}}]
    return component


def _hash(sha256: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}]


def _libraries() -> list[dict[str, Any]]:
    found = []
    for name in _PACKAGES:
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        purl = f"pkg:pypi/{name}@{installed.partition('+')[0]}"
        found.append({"type": "library", "bom-ref": purl, "name": name, "version": installed, "purl": purl})
    return found
