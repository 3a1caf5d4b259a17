"""CycloneDX's own schema of a bill of materials, for the tests that ask it.

Its libraries build forty parsers when they are imported, which takes seconds: only a process that asks reads them.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclonedx.validation.json import JsonStrictValidator


@cache
def _validator() -> "JsonStrictValidator":
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_6)


def fault(document: str) -> object | None:
    """What the schema of version 1.6 has against a JSON document; None where it accepts it."""
    return _validator().validate_str(document)
