"""Licences under the names the Hub knows.

A card with a licence the Hub does not know says ``other`` and gives its name and a link.
Source: https://huggingface.co/docs/hub/repositories-licenses
"""

from graft.governance.emit.facts import ModelFacts
from graft.governance.emit.licence_words import expression

UNSETTLED = "unsettled"
_LINK = "README.md"
_HUB = {
    "0BSD": "0bsd",
    "AGPL-3.0-only": "agpl-3.0",
    "Apache-2.0": "apache-2.0",
    "BSD-2-Clause": "bsd-2-clause",
    "BSD-3-Clause": "bsd-3-clause",
    "BSL-1.0": "bsl-1.0",
    "CC-BY-3.0": "cc-by-3.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-NC-3.0": "cc-by-nc-3.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC-BY-NC-ND-4.0": "cc-by-nc-nd-4.0",
    "CC-BY-NC-SA-3.0": "cc-by-nc-sa-3.0",
    "CC-BY-NC-SA-4.0": "cc-by-nc-sa-4.0",
    "CC-BY-ND-4.0": "cc-by-nd-4.0",
    "CC-BY-SA-3.0": "cc-by-sa-3.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CC0-1.0": "cc0-1.0",
    "CDLA-Permissive-2.0": "cdla-permissive-2.0",
    "GPL-2.0-only": "gpl-2.0",
    "GPL-3.0-only": "gpl-3.0",
    "ISC": "isc",
    "LGPL-2.1-only": "lgpl-2.1",
    "LGPL-3.0-only": "lgpl-3.0",
    "LicenseRef-Meta-Llama-3": "llama3",
    "LicenseRef-scancode-bigcode-open-rail-m-v1": "bigcode-openrail-m",
    "LicenseRef-scancode-bigscience-open-rail-m": "bigscience-openrail-m",
    "LicenseRef-scancode-bigscience-rail-1.0": "bigscience-bloom-rail-1.0",
    "LicenseRef-scancode-gemma-tou-2024-04-01": "gemma",
    "LicenseRef-scancode-llama-2-license-2023": "llama2",
    "LicenseRef-scancode-llama-3.1-license-2024": "llama3.1",
    "LicenseRef-scancode-llama-3.2-license-2024": "llama3.2",
    "LicenseRef-scancode-llama-3.3-license-2024": "llama3.3",
    "LicenseRef-scancode-llama-4-cla-2025": "llama4",
    "LicenseRef-scancode-stable-diffusion-2022-08-22": "creativeml-openrail-m",
    "MIT": "mit",
    "MPL-2.0": "mpl-2.0",
    "ODbL-1.0": "odbl",
    "ODC-By-1.0": "odc-by",
    "PDDL-1.0": "pddl",
    "Unlicense": "unlicense",
}


def licence_entries(facts: ModelFacts) -> dict[str, str]:
    """The front matter's ``license``, and what goes with ``other``.

    >>> licence_entries(ModelFacts(name="m", task="binary", licence="Apache License 2.0"))
    {'license': 'apache-2.0'}
    >>> licence_entries(ModelFacts(name="m", task="binary"))
    {'license': 'other', 'license_name': 'unsettled', 'license_link': 'README.md'}
    """
    spdx = expression(facts.licence)
    if spdx in _HUB:
        return {"license": _HUB[spdx]}
    name = spdx or " ".join(facts.licence.split()) or UNSETTLED
    files = (file.path for file in facts.files if file.path.upper().startswith(("LICENSE", "LICENCE")))
    return {"license": "other", "license_name": name, "license_link": facts.licence_link or next(files, _LINK)}
