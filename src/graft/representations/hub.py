"""Sources from the Hugging Face Hub, through its own client.

Decisions: only weights as safetensors and the small text files beside them are downloaded; a branch or tag is
resolved to its commit, and that commit is what a study records. The endpoint is the client's own ``HF_ENDPOINT``.
"""

import os
from pathlib import Path

from graft.core.errors import SourceError

_MODULES = ["*Pooling/config.json", "*Normalize/config.json"]
_WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "README.md", "LICENSE*", *_MODULES]
_UNWANTED = ["onnx/*", "openvino/*", "coreml/*", "*/model*.safetensors", "*.bin", "*.h5"]


def fetch_snapshot(repository: str, revision: str, *, cache: Path | None) -> tuple[Path, str]:
    """Download one revision of a repository, or find it in the cache: its folder and its commit.

    Raises SourceError when the repository, the revision or the network is not there.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = f"hf:{repository}@{revision or 'main'}"
    try:
        folder = snapshot_download(
            repository,
            revision=revision or None,
            cache_dir=cache,
            allow_patterns=_WANTED,
            ignore_patterns=_UNWANTED,
            endpoint=os.environ.get("HF_ENDPOINT"),
        )
    except GatedRepoError as error:
        raise SourceError(
            f"{name} is gated: its publisher wants you to accept terms first",
            needed="an account that has accepted them",
            fix="accept them on the Hub, then log in with `hf auth login`",
        ) from error
    except RevisionNotFoundError as error:
        raise SourceError(
            f"{name}: {repository} has no revision {revision!r}", needed="a branch, tag or commit", fix="check the name"
        ) from error
    except RepositoryNotFoundError as error:
        raise SourceError(
            f"{name}: there is no such repository, or it is private", needed="org/name", fix="check the name, or log in"
        ) from error
    except HFValidationError as error:
        raise SourceError(
            f"{repository!r} is not the name of a repository", needed="org/name", fix="check the name"
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise SourceError(
            f"{name}: the Hub refused with status {status}",
            needed="an account that may read it" if status in (401, 403) else "the Hub, or an earlier download",
            fix="log in with `hf auth login`" if status in (401, 403) else "try again later, or use path:DIR",
        ) from error
    except (LocalEntryNotFoundError, OSError) as error:
        raise SourceError(
            f"{name} could not be downloaded: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            needed="the Hub, or an earlier download in the cache",
            fix="check the network, or copy the model here and use path:DIR",
        ) from error
    return Path(folder), Path(folder).name


def kept_snapshot(repository: str, commit: str, *, cache: Path | None = None) -> Path | None:
    """Where an earlier download of one commit lies; None when there is none. Nothing is downloaded."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            repository,
            revision=commit,
            cache_dir=cache,
            allow_patterns=_WANTED,
            ignore_patterns=_UNWANTED,
            local_files_only=True,
        )
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    return Path(folder)
