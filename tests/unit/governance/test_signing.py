"""Signatures of bundles: made and checked with real keys, and everything that must not pass."""

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from graft.bundle.manifest import check_files, read_manifest, write_manifest
from graft.core.digests import file_sha256
from graft.core.errors import BundleError, InputError, MissingExtra, OutputError
from graft.governance.signing import Signature, sign, signature_path, verify_signature

PASSWORD = "correct horse"


def write_pair(folder: Path, name: str, key, password: str = "") -> tuple[Path, Path]:
    """Private and public key as PEM files."""
    secret = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption_algorithm=secret)
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


@pytest.fixture
def keys(tmp_path) -> tuple[Path, Path]:
    return write_pair(tmp_path, "mine", ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def bundle(tmp_path) -> Path:
    """A folder with a manifest, as Graft writes it, and names that are easily overlooked."""
    folder = tmp_path / "tickets"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.safetensors").write_bytes(bytes(range(256)) * 40)
    (folder / "contract.json").write_text("{}")
    (folder / ".gitattributes").write_text("hidden")
    write_manifest(folder)
    return folder


def tree(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in folder.rglob("*") if path.is_file()}


def test_what_was_signed_is_what_is_verified(bundle, keys):
    before = tree(bundle)
    made = sign(bundle, keys[0])
    assert made == Signature(
        path=str(bundle.with_name("tickets.sig")),
        bundle=str(bundle),
        key=made.key,
        files=4,
        manifest=file_sha256(bundle / "manifest.json"),
    )
    assert verify_signature(bundle, keys[1]) == made
    assert tree(bundle) == before
    check_files(bundle, read_manifest(bundle))


def test_a_bundle_of_graft_can_be_signed_and_still_verifies(tmp_path, keys):
    from graft.bundle.loading import load_bundle
    from graft.bundle.parts import write_bundle
    from unit.bundle.building import parts_for

    folder = tmp_path / "bundle"
    write_bundle(folder, parts_for("classical", "binary"))
    sign(folder, keys[0])
    assert verify_signature(folder, keys[1]).files == len(read_manifest(folder).files) + 1
    assert load_bundle(folder).manifest == read_manifest(folder)


def test_the_key_is_named_by_the_digest_of_its_public_half(bundle, keys):
    import hashlib

    assert sign(bundle, keys[0]).key == hashlib.sha256(keys[1].read_bytes()).hexdigest()


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_every_curve_of_the_standard_works(bundle, tmp_path, curve):
    private, public = write_pair(tmp_path, "other", ec.generate_private_key(curve))
    assert sign(bundle, private) == verify_signature(bundle, public)


def test_keys_made_as_the_message_says_work(bundle, tmp_path):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    with pytest.raises(InputError) as raised:
        sign(bundle, bundle / "contract.json")
    for command in raised.value.fix.removeprefix("make one: ").split("; "):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    assert sign(bundle, tmp_path / "key.pem") == verify_signature(bundle, tmp_path / "key.pub")


def test_an_encrypted_key_needs_its_password(bundle, tmp_path):
    private, public = write_pair(tmp_path, "locked", ec.generate_private_key(ec.SECP256R1()), PASSWORD)
    with pytest.raises(InputError, match="is encrypted") as raised:
        sign(bundle, private)
    assert raised.value.needed == "its password"
    with pytest.raises(InputError, match=r"the password of the key .*locked.pem is wrong") as raised:
        sign(bundle, private, password="guess")
    assert "guess" not in str(raised.value)
    assert not signature_path(bundle).exists()
    assert sign(bundle, private, password=PASSWORD) == verify_signature(bundle, public)


def test_a_password_for_a_key_that_has_none_is_pointed_out(bundle, keys):
    with pytest.raises(InputError, match="is not encrypted"):
        sign(bundle, keys[0], password=PASSWORD)


def test_an_ed25519_an_rsa_key_and_an_odd_curve_are_refused(bundle, tmp_path):
    for name, key in {
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "k1": ec.generate_private_key(ec.SECP256K1()),
    }.items():
        private, public = write_pair(tmp_path, name, key)
        with pytest.raises(InputError, match=rf"{name}.pem is no key that can be used here"):
            sign(bundle, private)
        with pytest.raises(InputError, match=rf"{name}.pub is no key that can be used here"):
            verify_signature(bundle, public)
    assert not signature_path(bundle).exists()


def test_the_wrong_half_and_no_key_at_all_are_refused(bundle, keys, tmp_path):
    sign(bundle, keys[0])
    with pytest.raises(InputError, match="no key that can be used here"):
        sign(bundle, keys[1])
    with pytest.raises(InputError, match="no key that can be used here") as raised:
        verify_signature(bundle, keys[0])
    assert "PRIVATE" not in str(raised.value)
    (tmp_path / "text").write_text("hello")
    given = ((tmp_path / "text", "no key"), (tmp_path / "gone", "cannot be read"), (tmp_path, "is a folder"))
    for wrong, said in given:
        with pytest.raises(InputError, match=said):
            sign(bundle, wrong)
        with pytest.raises(InputError, match=said):
            verify_signature(bundle, wrong)


def test_another_key_does_not_verify(bundle, keys, tmp_path):
    sign(bundle, keys[0])
    _, other = write_pair(tmp_path, "other", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(BundleError, match="was not made with the key of") as raised:
        verify_signature(bundle, other)
    assert str(other) in raised.value.given


def rewrite(bundle: Path, change) -> None:
    path = signature_path(bundle)
    stated = json.loads(path.read_text())
    change(stated)
    path.write_text(json.dumps(stated))


def test_a_signature_that_claims_another_key_is_still_of_its_own_key(bundle, keys, tmp_path):
    """The name of the key is not signed: whoever changes it gains nothing."""
    private, public = write_pair(tmp_path, "thief", ec.generate_private_key(ec.SECP256R1()))
    mine = sign(bundle, keys[0]).key
    sign(bundle, private)
    rewrite(bundle, lambda stated: stated["verificationMaterial"]["publicKey"].update(hint=mine))
    with pytest.raises(BundleError, match="was not made with the key of"):
        verify_signature(bundle, keys[1])
    with pytest.raises(BundleError, match="was not made with the key of"):
        verify_signature(bundle, public)


def change_file(folder: Path) -> None:
    path = folder / "model" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")


def change_and_list(folder: Path) -> None:
    """As a careful forger does: the manifest is written anew and fits."""
    change_file(folder)
    (folder / "manifest.json").unlink()
    write_manifest(folder)
    check_files(folder, read_manifest(folder))


CHANGES = {
    "a file": (change_file, "'model/model.safetensors' has changed"),
    "a hidden file": (lambda folder: (folder / ".gitattributes").write_text("x"), "'.gitattributes' has changed"),
    "a file gone": (lambda folder: (folder / "contract.json").unlink(), "'contract.json' is missing"),
    "a file more": (lambda folder: (folder / "new.py").write_text("x"), "'new.py' is extra"),
    "a hidden file more": (lambda folder: (folder / ".gitignore").write_text("x"), "'.gitignore' is extra"),
    "an odd name": (lambda folder: (folder / "a\x1b[31m").write_text("x"), r"'a\\x1b\[31m' is extra"),
    "the manifest": (lambda folder: (folder / "manifest.json").write_text("{}"), "'manifest.json' has changed"),
    "both": (change_and_list, "'manifest.json' has changed, 'model/model.safetensors' has changed"),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_any_change_after_signing_is_named(bundle, keys, change, said):
    sign(bundle, keys[0])
    change(bundle)
    with pytest.raises(BundleError, match=f"is not what was signed: .*{said}"):
        verify_signature(bundle, keys[1])


def test_a_signature_of_an_earlier_version_does_not_cover_the_new_one(bundle, keys):
    sign(bundle, keys[0])
    old = signature_path(bundle).read_bytes()
    change_and_list(bundle)
    sign(bundle, keys[0])
    verify_signature(bundle, keys[1])
    signature_path(bundle).write_bytes(old)
    with pytest.raises(BundleError, match="is not what was signed"):
        verify_signature(bundle, keys[1])


def test_a_bundle_may_be_renamed_with_its_signature(bundle, keys):
    made = sign(bundle, keys[0])
    moved = bundle.rename(bundle.with_name("renamed"))
    with pytest.raises(BundleError, match=r"there is no signature .*renamed.sig"):
        verify_signature(moved, keys[1])
    found = verify_signature(moved, keys[1], signature=Path(made.path))
    assert found.manifest == made.manifest


def edited_payload(stated) -> None:
    envelope = stated["dsseEnvelope"]
    payload = json.loads(base64.b64decode(envelope["payload"]))
    payload["predicate"]["resources"].pop()
    envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()


def without_key_name(stated) -> None:
    del stated["verificationMaterial"]["publicKey"]["hint"]


def flipped(stated) -> None:
    raw = bytearray(base64.b64decode(stated["dsseEnvelope"]["signatures"][0]["sig"]))
    raw[-1] ^= 1
    stated["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(raw).decode()


DAMAGE = {
    "a payload of other files": (edited_payload, "was not made with the key"),
    "one bit": (flipped, "was not made with the key"),
    "no signature in it": (lambda stated: stated["dsseEnvelope"].update(signatures=[]), "is not a sound signature"),
    "no name of a key": (without_key_name, "is not a sound signature"),
    "another format": (lambda stated: stated.update(mediaType="text/plain"), "is not a sound signature"),
    "a payload that is text": (
        lambda stated: stated["dsseEnvelope"].update(payload="eA=="),
        "is not a sound signature",
    ),
    "no envelope": (lambda stated: stated.pop("dsseEnvelope"), "is not a sound signature"),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_signature_is_refused(bundle, keys, damage, said):
    sign(bundle, keys[0])
    rewrite(bundle, damage)
    with pytest.raises(BundleError, match=said):
        verify_signature(bundle, keys[1])


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "[" * 100_000, "null", '{"dsseEnvelope": 3}'], ids=lambda text: text[:5]
)
def test_a_file_that_is_no_signature_is_refused(bundle, keys, text):
    signature_path(bundle).write_text(text)
    with pytest.raises(BundleError, match="is not a sound signature"):
        verify_signature(bundle, keys[1])


def test_a_signature_that_leaves_files_out_is_not_accepted(bundle, keys):
    """As the library makes it when somebody asks it to: valid, but not over the whole bundle."""
    import model_signing

    hashing = model_signing.hashing.Config().set_ignored_paths(paths=["model"], ignore_git_paths=False)
    signer = model_signing.signing.Config().use_elliptic_key_signer(private_key=keys[0])
    signer.set_hashing_config(hashing).sign(bundle, signature_path(bundle))
    change_file(bundle)
    with pytest.raises(BundleError, match="leaves out model"):
        verify_signature(bundle, keys[1])


def test_there_must_be_a_signature(bundle, keys):
    with pytest.raises(BundleError, match=r"there is no signature .*tickets.sig"):
        verify_signature(bundle, keys[1])
    signature_path(bundle).mkdir()
    with pytest.raises(BundleError, match=r"tickets.sig is no signature"):
        verify_signature(bundle, keys[1])


def test_a_damaged_bundle_is_not_signed(bundle, keys):
    change_file(bundle)
    (bundle / "more.txt").write_text("x")
    with pytest.raises(BundleError, match=r"lists: 'more.txt' is extra, 'model/model.safetensors' has changed"):
        sign(bundle, keys[0])
    (bundle / "manifest.json").write_text("[]")
    with pytest.raises(BundleError, match="is no manifest"):
        sign(bundle, keys[0])
    (bundle / "manifest.json").unlink()
    with pytest.raises(BundleError, match="is no bundle"):
        sign(bundle, keys[0])
    assert not signature_path(bundle).exists()


def test_a_link_in_a_bundle_is_refused(bundle, keys, tmp_path):
    sign(bundle, keys[0])
    (tmp_path / "outside").write_text("x")
    (bundle / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(BundleError, match="cannot be read whole"):
        verify_signature(bundle, keys[1])
    with pytest.raises(BundleError, match="cannot be read whole"):
        sign(bundle, keys[0])


def test_a_signature_inside_the_bundle_is_not_written(bundle, keys):
    with pytest.raises(InputError, match="would lie inside the bundle"):
        sign(bundle, keys[0], signature=bundle / "model" / "x.sig")
    assert not (bundle / "model" / "x.sig").exists()


def test_a_place_that_cannot_be_written_is_an_error(bundle, keys, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        sign(bundle, keys[0], signature=tmp_path / "file" / "x.sig")


def test_without_the_library_the_extra_is_named(bundle, keys, monkeypatch):
    for part in ("signing", "verifying"):
        monkeypatch.setitem(sys.modules, f"model_signing.{part}", None)
    with pytest.raises(MissingExtra, match=r"pip install 'graft-ml\[signing\]'"):
        sign(bundle, keys[0])
    with pytest.raises(MissingExtra, match=r"pip install 'graft-ml\[signing\]'"):
        verify_signature(bundle, keys[1])


OFFLINE = """
import socket, sys
def refuse(*given): raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refuse
from graft.governance.signing import sign, verify_signature
bundle, private, public = sys.argv[1:]
assert sign(bundle, private) == verify_signature(bundle, public)
print(*sorted({"torch", "transformers"} & set(sys.modules)))
"""


def test_signing_needs_neither_the_network_nor_torch(bundle, keys):
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", OFFLINE, bundle, *keys],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[3] / "src")},
    )
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, "", "")
