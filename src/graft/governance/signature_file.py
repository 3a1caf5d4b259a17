"""What a signature file states, read without believing it.

Decision: only the fields Graft speaks of are read; whether they are true is for the cryptography to say.

The format: a Sigstore bundle with a DSSE envelope around an in-toto statement,
https://github.com/sigstore/model-transparency
"""

import base64
import json
import stat
from pathlib import Path

from graft.core.errors import BundleError
from graft.governance.records import Record

_LIMIT = 64 << 20


class Statement(Record):
    """key: SHA-256 of the public key it names. files: SHA-256 of each file. ignored: names it leaves out."""

    key: str
    files: dict[str, str]
    ignored: tuple[str, ...]


def read_statement(path: Path) -> Statement:
    """Read a signature file. Raises BundleError when there is none, or it is damaged."""
    try:
        facts = path.stat()
    except OSError as error:
        raise BundleError(
            f"there is no signature {path}", needed="the file that was written when the bundle was signed", fix=_FIX
        ) from error
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LIMIT:
        raise BundleError(f"{path} is no signature", needed="the file as it was written", fix=_FIX)
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        payload = json.loads(base64.b64decode(stated["dsseEnvelope"]["payload"], validate=True))
        predicate = payload["predicate"]
        return Statement(
            key=stated["verificationMaterial"]["publicKey"]["hint"],
            files={each["name"]: each["digest"] for each in predicate["resources"]},
            ignored=tuple(predicate["serialization"].get("ignore_paths", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise BundleError(
            f"{path} is not a sound signature ({type(error).__name__})", needed="the file as it was written", fix=_FIX
        ) from error


_FIX = "ask for the signature again; without it, nobody vouches for this bundle"
