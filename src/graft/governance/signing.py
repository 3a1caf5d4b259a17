"""Signing a bundle with a key of one's own, and checking such a signature; both offline.

Decisions: the maintained ``model-signing`` library does the cryptography (ECDSA over a digest of every file, manifest
included, in the open format of the OpenSSF); what is signed must be what the manifest lists, so a damaged bundle cannot
be signed by mistake. The signature lies beside the bundle (``BUNDLE.sig``), because a bundle refuses files its manifest
does not list. A signature that leaves files out, or does not name its key, is not accepted. It says who had the key,
not that the model is good. What a signature file states is read without believing it: only the fields Graft speaks of,
and whether they are true is for the cryptography to say. What is wrong with a key is told in words that repeat nothing
of it.

Keys are PEM files of the curves P-256, P-384 or P-521, as ``openssl ecparam -name prime256v1 -genkey`` makes them.
The file: a Sigstore bundle with a DSSE envelope around an in-toto statement,
https://github.com/sigstore/model-transparency
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from graft.core import foreign
from graft.core.errors import BundleError, InputError
from graft.core.extras import require
from graft.core.files import whole_file
from graft.governance.records import Record

_LIMIT = 64 << 20
_KEY = 1 << 20


class Statement(Record):
    """key: SHA-256 of the public key it names. files: SHA-256 of each file. ignored: names it leaves out."""

    key: str
    files: dict[str, str]
    ignored: tuple[str, ...]


def read_statement(path: Path) -> Statement:
    """Read a signature file. Raises BundleError when there is none, or it is damaged."""
    if not path.exists():
        raise BundleError(
            f"there is no signature {path}", needed="the file that was written when the bundle was signed", fix=_AGAIN
        )
    try:
        raw = foreign.read_bytes(path, limit=_LIMIT)
    except InputError as error:
        raise BundleError(
            f"{path} is no signature: {error.given}", needed="the file as it was written", fix=_AGAIN
        ) from error
    try:
        stated = json.loads(raw)
        payload = json.loads(base64.b64decode(stated["dsseEnvelope"]["payload"], validate=True))
        predicate = payload["predicate"]
        return Statement(
            key=stated["verificationMaterial"]["publicKey"]["hint"],
            files={each["name"]: each["digest"] for each in predicate["resources"]},
            ignored=tuple(predicate["serialization"].get("ignore_paths", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise BundleError(
            f"{path} is not a sound signature ({type(error).__name__})", needed="the file as it was written", fix=_AGAIN
        ) from error


def key_bytes(path: Path) -> bytes:
    """The content of a file with a key. Raises InputError when it cannot be read, is no plain file, or too large."""
    try:
        return foreign.read_bytes(path, limit=_KEY)
    except InputError as error:
        raise InputError(f"the key {error.given}", needed="a PEM file", fix="check the path") from error


_AGAIN = "ask for the signature again; without it, nobody vouches for this bundle"


@contextmanager
def key_errors(path: Path, password: str) -> Iterator[None]:
    """Turn what goes wrong while a key is read into an InputError.

    path: the file of the key. password: that was given for it; empty for none.
    """
    try:
        key_bytes(path)
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(
            f"the key {path} cannot be read: {error.strerror}", needed="a PEM file", fix="check the path"
        ) from error
    except TypeError as error:
        raise InputError(
            f"the key {path} is {'not encrypted' if password else 'encrypted'}",
            needed="no password" if password else "its password",
            fix="leave the password out" if password else "give the password",
        ) from error
    except Exception as error:  # cryptography has a dozen ways to say that this is no such key
        if "password" in str(error).lower():
            raise InputError(
                f"the password of the key {path} is wrong", needed="its password", fix="try again"
            ) from error
        raise InputError(
            f"{path} is no key that can be used here",
            needed="a PEM file of the curve P-256, P-384 or P-521: the private key to sign, the public one to verify",
            fix="make one: openssl ecparam -name prime256v1 -genkey -noout -out key.pem; "
            "openssl ec -in key.pem -pubout -out key.pub",
        ) from error


_MANIFEST = "manifest.json"
_SHOWN = 6


class Signature(Record):
    """A signature that was made or checked.

    path: its file. bundle: the folder. key: SHA-256 of the public key, in hexadecimal. files: how many it covers.
    manifest: SHA-256 of the bundle's manifest.json.
    """

    path: str
    bundle: str
    key: str
    files: int
    manifest: str


def signature_path(bundle: Path) -> Path:
    """Where the signature of a bundle lies: beside it.

    >>> signature_path(Path("models/tickets"))
    PosixPath('models/tickets.sig')
    """
    return bundle.with_name(bundle.name + ".sig")


def sign(
    bundle: Path | str, private_key: Path | str, *, password: str = "", signature: Path | None = None
) -> Signature:
    """Sign every file of a bundle; the signature replaces an earlier one.

    private_key: a PEM file. password: of an encrypted key. signature: where to write it (``BUNDLE.sig`` when None).
    Raises InputError when the key cannot be used, BundleError when the bundle is not as its manifest says,
    OutputError when the signature cannot be written, MissingExtra without the extra ``signing``.
    """
    folder = Path(bundle).resolve()
    library = _library("signing")
    target = _outside(signature or signature_path(folder), folder)
    with key_errors(Path(private_key), password):
        # The library hands the password on as it is, and its reader takes bytes.
        signer = library.Config().use_elliptic_key_signer(
            private_key=private_key, password=password.encode() if password else None
        )
    _check_listed(folder, _digests(folder))
    with whole_file(target) as temporary:
        signer.set_hashing_config(_hashing()).sign(folder, temporary)
        statement = read_statement(temporary)
    return _described(target, folder, statement)


def verify_signature(bundle: Path | str, public_key: Path | str, *, signature: Path | None = None) -> Signature:
    """Check that a bundle is, byte for byte, what the owner of a key signed.

    public_key: a PEM file that was handed over apart from the bundle. signature: its file (``BUNDLE.sig`` when None).
    Raises BundleError when there is no signature, it is damaged, of another key, or the bundle has changed;
    InputError when the key cannot be used, MissingExtra without the extra ``signing``.
    """
    folder = Path(bundle).resolve()
    library = _library("verifying")
    path = signature or signature_path(folder)
    with key_errors(Path(public_key), ""):
        verifier = library.Config().use_elliptic_key_verifier(public_key=public_key)
    have = _digests(folder)
    statement = read_statement(path)
    try:
        verifier.set_hashing_config(_hashing()).verify(folder, path)
    except Exception as error:  # the library and its parsers raise whatever a damaged signature makes them meet
        if str(error).startswith("Signature mismatch"):
            raise _changed(folder, statement, have) from error
        if str(error).startswith("Key mismatch") or type(error).__name__ == "InvalidSignature":
            raise BundleError(
                f"the signature {path} was not made with the key of {public_key}",
                needed="a signature by the owner of that key",
                fix="check whose bundle this is; if the key is right, do not use the bundle",
            ) from error
        raise BundleError(
            f"{path} is not a sound signature ({type(error).__name__})", needed="the file as it was written", fix=_FIX
        ) from error
    if statement.ignored:
        raise BundleError(
            f"the signature {path} leaves out {', '.join(statement.ignored[:_SHOWN])}",
            needed="a signature over every file",
            fix="ask for one that was made with Graft",
        )
    return _described(path, folder, statement)


_FIX = "copy the bundle and its signature again from where they were written"


def _library(part: str) -> ModuleType:
    return require(f"model_signing.{part}", extra="signing", what="the library that signs bundles")


def _hashing() -> Any:
    """Every file by its SHA-256: no links, nothing left out."""
    config = _library("hashing").Config().use_file_serialization(hashing_algorithm="sha256", allow_symlinks=False)
    return config.set_ignored_paths(paths=(), ignore_git_paths=False)


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a bundle. Raises BundleError when it is none, or holds links or special files."""
    if not (folder / _MANIFEST).is_file():
        raise BundleError(
            f"{folder} is no bundle: it has no {_MANIFEST}",
            needed="a folder that graft study wrote",
            fix="check the path",
        )
    try:
        found = _hashing().hash(folder)
    except (ValueError, OSError) as error:
        raise BundleError(f"{folder} cannot be read whole: {error}", needed="plain files", fix=_FIX) from error
    return {each.identifier: each.digest.digest_hex for each in found.resource_descriptors()}


def _check_listed(folder: Path, have: dict[str, str]) -> None:
    """Raise BundleError unless the files are those the manifest lists."""
    try:
        files = foreign.read_json(folder / _MANIFEST)["files"]
        listed = {name: fact["sha256"] for name, fact in files.items()}
    except (InputError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{folder / _MANIFEST} is no manifest", needed="the file as written", fix=_FIX) from error
    listed[_MANIFEST] = have[_MANIFEST]
    if listed != have:
        raise BundleError(
            f"{folder} is not what its manifest lists: {_difference(listed, have)}",
            needed="the bundle as it was written",
            fix="write it again, or copy it again, before signing it",
        )


def _changed(folder: Path, statement: Statement, have: dict[str, str]) -> BundleError:
    return BundleError(
        f"{folder} is not what was signed: {_difference(statement.files, have)}",
        needed=f"the {len(statement.files)} files as they were signed",
        fix=_FIX,
    )


def _difference(wanted: dict[str, str], have: dict[str, str]) -> str:
    found = [f"{name!a} is missing" for name in sorted(set(wanted) - set(have))]
    found += [f"{name!a} is extra" for name in sorted(set(have) - set(wanted))]
    found += [f"{name!a} has changed" for name in sorted(set(have) & set(wanted)) if have[name] != wanted[name]]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def _outside(path: Path, folder: Path) -> Path:
    if path.resolve().is_relative_to(folder):
        raise InputError(
            f"the signature {path} would lie inside the bundle",
            needed="a place beside it: a bundle refuses files its manifest does not list",
            fix=f"leave it to {signature_path(folder)}",
        )
    return path


def _described(path: Path, folder: Path, statement: Statement) -> Signature:
    return Signature(
        path=str(path),
        bundle=str(folder),
        key=statement.key,
        files=len(statement.files),
        manifest=statement.files[_MANIFEST],
    )
