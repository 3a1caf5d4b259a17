"""The records of governance: assets, where their licences were read, how they descend from one another, uses, answers.

Decisions: a record states what was read and where, never what somebody hopes; an unknown fact is an empty string or an
empty tuple; edges are typed, because "fine-tuned from" and "trained on" carry different obligations.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AssetKind(StrEnum):
    """What an asset is."""

    SOURCE = "source"
    DATA = "data"
    BUNDLE = "bundle"
    TABLE = "table"


class Relation(StrEnum):
    """What was done to the parent to get the child."""

    FINE_TUNED = "fine-tuned"
    ADAPTER = "adapter"
    MERGED = "merged"
    QUANTISED = "quantised"
    DISTILLED = "distilled"
    TRAINED_ON_DATA = "trained-on-data"
    TRAINED_ON_OUTPUTS = "trained-on-outputs"
    STORED_VECTORS = "stored-vectors"


class Use(StrEnum):
    """What somebody wants to do with an asset."""

    INTERNAL = "internal"
    COMMERCIAL = "commercial"
    REDISTRIBUTE = "redistribute"
    HOSTED = "hosted"


class LicenceStatement(Record):
    """A licence as one place states it.

    stated: the words found there. where: the file or field, for example ``README.md (front matter: license)``.
    """

    stated: str
    where: str


class TrainingData(Record):
    """A data set an asset was trained on, as one place states it. licences: as far as they are stated or known."""

    name: str
    where: str
    licences: tuple[LicenceStatement, ...] = ()


class FileDigest(Record):
    """A file of an asset. path: relative, with forward slashes. sha256: hexadecimal. size: bytes."""

    path: str
    sha256: str
    size: int


class Edge(Record):
    """A step of descent: the asset that holds it was made from ``parent`` by ``relation``.

    parent: the identity (``Asset.identity``) of the parent. study: key of the study that did it; empty when it was
    done elsewhere. where: the place that states it when it was read and not done here.
    """

    relation: Relation
    parent: str
    study: str = ""
    where: str = ""


class Asset(Record):
    """One governed thing.

    digest: SHA-256 over the sorted list of its files' digests and paths. reference: how it was named when it was added
    (``minilm``, ``hf:org/name@revision``, ``path:DIR``). added: UTC time, ISO 8601, empty until it is in a ledger.
    languages, tags, architectures: as its card and its configuration state them.
    """

    kind: AssetKind
    name: str
    version: str = ""
    digest: str
    files: tuple[FileDigest, ...] = ()
    reference: str = ""
    revision: str = ""
    publisher: str = ""
    licences: tuple[LicenceStatement, ...] = ()
    training_data: tuple[TrainingData, ...] = ()
    edges: tuple[Edge, ...] = ()
    study: str = ""
    added: str = ""
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """What tells it from every other asset: kind and digest."""
        return f"{self.kind}:{self.digest}"


class Decision(Record):
    """A person's recorded decision about an asset's licence.

    licence: an SPDX expression or a known name. by: who decided. because: why, in words.
    """

    asset: str
    licence: str
    because: str
    by: str = ""
    at: str = ""


class AuditStatement(Record):
    """An audit of an asset. kind: the schema of its record. about: what was asked. sha256: of the record. severity: the
    worst of its findings. found: codes of what was found. at: UTC."""

    asset: str
    kind: str
    about: str
    sha256: str
    severity: str
    found: tuple[str, ...] = ()
    at: str = ""


class Finding(Record):
    """Something a person should know.

    code: stable, for example ``licence-conflict``. severity: ``note``, ``warning`` or ``error``.
    """

    code: str
    severity: str
    asset: str
    message: str
    fix: str = ""


class Permission(StrEnum):
    """The answer to "may we?"."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    UNSETTLED = "unsettled"


class Obligation(Record):
    """Something a licence asks for. path: identities from the asset that was asked about to the one that causes it."""

    code: str
    text: str
    licence: str
    clause: str
    path: tuple[str, ...]

    @property
    def basis(self) -> str:
        """What asks for it, as far as it has a name.

        >>> Obligation(code="notice", text="Keep it.", licence="MIT", clause="paragraph 2", path=()).basis
        'MIT, paragraph 2'
        """
        return ", ".join(filter(None, (self.licence, self.clause)))


class Reason(Record):
    """Why a use is blocked or unsettled. unblock: what would change that."""

    outcome: Permission
    use: Use
    text: str
    licence: str
    clause: str
    path: tuple[str, ...]
    unblock: str = ""


class Answer(Record):
    """The answer for one asset and some uses. The worst outcome of all reasons; allowed when there is none."""

    asset: str
    uses: tuple[Use, ...]
    outcome: Permission
    reasons: tuple[Reason, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    findings: tuple[Finding, ...] = ()
