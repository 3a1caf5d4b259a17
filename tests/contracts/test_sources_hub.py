"""Sources of the Hub, from a server of our own on this machine that speaks the few endpoints the client asks."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

import tiny
from graft.core.digests import file_sha256
from graft.core.errors import SourceError
from graft.governance.assets import add, changed_files
from graft.governance.licences.statements import stated_licences
from graft.governance.named_assets import read_source
from graft.governance.registry import Registry
from graft.representations.encoding.encoder import Encoder
from graft.representations.hub import kept_snapshot
from graft.representations.sources import resolve_source

COMMIT = "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a"
EXTRA = {
    "pytorch_model.bin": b"pickle",
    "modeling_evil.py": b"import os",
    "onnx/model.safetensors": b"no",
    "onnx/config.json": b"{}",
    "tf_model.h5": b"no",
    "runs/events.out": b"no",
}


@dataclass
class Hub:
    """A repository org/name with one commit, and what was asked of it."""

    files: dict[str, bytes]
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        for part, (status, code) in self.refuse.items():
            if part in path:
                return status, {"X-Error-Code": code} if code else {}, b"{}"
        if not path.startswith(("/api/models/org/name", "/org/name/resolve/")):
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        if path in (
            "/api/models/org/name",
            "/api/models/org/name/revision/main",
            f"/api/models/org/name/revision/{COMMIT}",
        ):
            listed = [{"rfilename": name} for name in self.files]
            return 200, {}, json.dumps({"id": "org/name", "sha": COMMIT, "siblings": listed}).encode()
        if path == f"/api/models/org/name/tree/{COMMIT}":
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.files.items()
            ]
            return 200, {}, json.dumps(entries).encode()
        prefix = f"/org/name/resolve/{COMMIT}/"
        if path.startswith(prefix) and path.removeprefix(prefix) in self.files:
            data = self.files[path.removeprefix(prefix)]
            return 200, {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": COMMIT}, data
        return 404, {"X-Error-Code": "RevisionNotFound" if "/api/" in path else "EntryNotFound"}, b"{}"

    @property
    def fetched(self) -> set[str]:
        prefix = f"/org/name/resolve/{COMMIT}/"
        return {path.removeprefix(prefix) for _, path in self.asked if path.startswith(prefix)}


@pytest.fixture
def hub(monkeypatch) -> Iterator[Hub]:
    folder = tiny.encoder("bert").weights.directory
    served = Hub({path.name: path.read_bytes() for path in folder.iterdir()} | EXTRA)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            path = unquote(urlsplit(self.path).path)
            served.asked.append((self.command, path))
            status, headers, body = served.answer(path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_GET = do_HEAD = respond  # noqa: N815 - names http.server asks for

        def log_message(self, *given: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def unreachable(monkeypatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("reference", ["hf:org/name", "hf:org/name@main", f"hf:org/name@{COMMIT}"])
def test_a_branch_is_resolved_and_its_commit_recorded(hub, tmp_path, reference):
    source = resolve_source(reference, cache=tmp_path)
    assert source.weights.revision == COMMIT
    assert source.weights.reference == f"hf:org/name@{COMMIT}"
    assert source.weights.digest == hashlib.sha256(hub.files["model.safetensors"]).hexdigest()
    assert stated_licences(read_source(source.weights.reference, source.weights.directory)) == "apache-2.0"
    texts = tiny.texts(4, 6)
    np.testing.assert_array_equal(*(Encoder(each).vectors(texts)[0] for each in (source, tiny.encoder("bert"))))


def test_only_weights_as_safetensors_and_the_texts_beside_them_are_asked_for(hub, tmp_path):
    source = resolve_source("hf:org/name@main", cache=tmp_path)
    assert hub.fetched == set(hub.files) - set(EXTRA)
    assert {path.name for path in source.weights.directory.rglob("*") if path.is_file()} == hub.fetched


def test_a_random_source_of_the_hub_is_pinned_too(hub, tmp_path):
    assert resolve_source("random:hf:org/name", cache=tmp_path).weights.reference == f"random:hf:org/name@{COMMIT}"


def test_a_second_run_works_without_the_network(hub, tmp_path, monkeypatch):
    online = resolve_source("hf:org/name@main", cache=tmp_path)
    hub.refuse[""] = (503, "")
    asked = len(hub.asked)
    assert resolve_source("hf:org/name@main", cache=tmp_path) == online
    assert len(hub.asked) > asked
    assert file_sha256(online.weights.directory / "model.safetensors") == online.weights.digest


def test_a_second_run_works_when_nothing_answers(hub, tmp_path, request):
    online = resolve_source("hf:org/name@main", cache=tmp_path)
    request.getfixturevalue("unreachable")
    assert resolve_source("hf:org/name@main", cache=tmp_path) == online
    assert resolve_source(f"hf:org/name@{COMMIT}", cache=tmp_path) == online


def test_a_recorded_download_is_compared_with_what_lies_here(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with Registry(tmp_path / "ledger.sqlite") as registry:
        asset = add(registry, "hf:org/name@main")
    assert changed_files(asset).same
    folder = kept_snapshot("org/name", COMMIT)
    blob = Path(folder / "model.safetensors").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    assert "model.safetensors" in str(changed_files(asset))
    assert changed_files(asset.model_copy(update={"reference": "hf:org/never@abc"})) is None


def test_a_changed_file_in_the_cache_has_another_digest(hub, tmp_path):
    before = resolve_source("hf:org/name@main", cache=tmp_path)
    blob = Path(before.weights.directory / "model.safetensors").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    assert resolve_source("hf:org/name@main", cache=tmp_path).weights.digest != before.weights.digest


@pytest.mark.parametrize(
    ("reference", "refuse", "said", "fix"),
    [
        ("hf:org/other", {}, "hf:org/other@main: there is no such repository, or it is private", "log in"),
        ("hf:org/name@v9", {}, "hf:org/name@v9: org/name has no revision 'v9'", "check the name"),
        ("hf:org/name", {"": (401, "")}, "hf:org/name@main: the Hub refused with status 401", "hf auth login"),
        ("hf:org/name", {"": (401, "GatedRepo")}, "hf:org/name@main is gated", "hf auth login"),
        ("hf:org/name", {"": (403, "GatedRepo")}, "hf:org/name@main is gated", "hf auth login"),
        ("hf:org/name", {"/resolve/": (401, "GatedRepo")}, "hf:org/name@main is gated", "hf auth login"),
        ("hf:org/name", {"/resolve/": (403, "GatedRepo")}, "hf:org/name@main is gated", "hf auth login"),
        ("hf:org/name", {"": (403, "")}, "could not be downloaded", "use path:DIR"),
        ("hf:org/name", {"/resolve/": (403, "")}, "could not be downloaded", "use path:DIR"),
        ("hf:org/name", {"": (500, "")}, "could not be downloaded", "use path:DIR"),
        ("hf:org/name", {"/tree/": (501, "")}, "could not be downloaded", "use path:DIR"),
        ("hf:-org/name", {}, "'-org/name' is not the name of a repository", "check the name"),
        ("hf:org/na..me", {}, "is not the name of a repository", "check the name"),
    ],
)
def test_what_the_hub_refuses_is_said_in_words(hub, tmp_path, reference, refuse, said, fix):
    hub.refuse.update(refuse)
    with pytest.raises(SourceError) as raised:
        resolve_source(reference, cache=tmp_path)
    assert said in raised.value.given
    assert fix in raised.value.fix
    assert len(raised.value.given.splitlines()) == 1


def test_no_network_and_no_cache_is_said_in_words(unreachable, tmp_path):
    with pytest.raises(SourceError, match="hf:org/name@main could not be downloaded") as raised:
        resolve_source("hf:org/name", cache=tmp_path)
    assert "check the network" in raised.value.fix


def test_a_download_that_stopped_half_way_is_not_taken_for_whole(hub, tmp_path):
    hub.refuse["model.safetensors"] = (404, "EntryNotFound")
    with pytest.raises(SourceError):
        resolve_source("hf:org/name@main", cache=tmp_path)
    hub.refuse[""] = (503, "")
    with pytest.raises(SourceError):
        resolve_source("hf:org/name@main", cache=tmp_path)
    hub.refuse.clear()
    assert resolve_source("hf:org/name@main", cache=tmp_path).weights.digest == tiny.encoder("bert").weights.digest


def test_a_repository_without_safetensors_is_refused(hub, tmp_path):
    del hub.files["model.safetensors"]
    with pytest.raises(SourceError, match=r"holds no model\.safetensors"):
        resolve_source("hf:org/name@main", cache=tmp_path)
    assert "pytorch_model.bin" not in hub.fetched
