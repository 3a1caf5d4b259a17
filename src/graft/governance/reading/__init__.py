"""Facts read from the artefact itself: whose it is, under which terms, made from what, and the digest of every file."""

from graft.governance.reading.artefacts import read_data, read_model
from graft.governance.reading.digests import FileChanges, asset_digest, digest_files, file_changes
from graft.governance.reading.licence_texts import licence_statements
from graft.governance.reading.packages import package_folder, package_licences, read_package
from graft.governance.reading.parents import LINEAGE, named_parent, parent_reference

__all__ = [
    "LINEAGE",
    "FileChanges",
    "asset_digest",
    "digest_files",
    "file_changes",
    "licence_statements",
    "named_parent",
    "package_folder",
    "package_licences",
    "parent_reference",
    "read_data",
    "read_model",
    "read_package",
]
