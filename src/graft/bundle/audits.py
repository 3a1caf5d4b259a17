"""What audits found of a sealed bundle: an addendum beside it, sealed itself, that its documents take in.

Decisions: a bundle is sealed before anybody audits it, so findings lie beside it (``BUNDLE.audits``), bound to its
seal: beside another bundle, or one that was written anew, they count for nothing. The folder has a manifest of its own,
so whoever signs bundles signs it the same way, and damage is noticed. The same question asked again replaces the
answer; earlier ones stand in the ledger.
"""

import re
import shutil
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from graft.bundle.folders import require_place, settled, whole_folder
from graft.bundle.manifest import check_files, read_manifest, write_manifest
from graft.core import foreign
from graft.core.errors import BundleError, InputError, OutputError
from graft.core.files import locked, write_text
from graft.core.intervals import Interval
from graft.facts.audit import Audit, AuditAddendum, AuditEntry, AuditFinding, GroupAudit
from graft.governance.descent_file import read_bundle
from graft.governance.emit.facts import Considerations, Fairness, Measure
from graft.governance.records import AuditStatement
from graft.governance.registry import Registry

NAME = "addendum.json"
_RECORD = re.compile(r"audit-[0-9]{1,9}\.json")
_MEASURES = 60
_SHOWN = 40


def audits_of(bundle: Path) -> Path:
    """Where the audits of a bundle lie: beside it.

    >>> audits_of(Path("study/bundle"))
    PosixPath('study/bundle.audits')
    """
    return bundle.with_name(bundle.name + ".audits")


def require_room(bundle: Path) -> None:
    """Raise OutputError or BundleError where an audit of a bundle could not be kept beside it: before any work is done,
    since it would be lost."""
    read_addendum(bundle)
    try:
        require_place(audits_of(bundle))
    except OutputError as error:
        raise OutputError(
            error.given, needed="a place beside the model for what is found", fix="audit with --no-keep (keep=False)"
        ) from error


def add_audit(bundle: Path, record: Audit, *, about: str, registry: Registry) -> AuditEntry:
    """Put an audit into the addendum of a bundle (or of a shop) and into the ledger.

    about: what was asked, in words, such as the columns; the same again replaces what was found before. Raises
    OutputError where the place cannot be written, BundleError where an earlier addendum is damaged.
    """
    bundle = bundle.absolute()
    seal = read_manifest(settled(bundle)).seal
    text = record.to_json()
    made = datetime.now(UTC).isoformat(timespec="seconds")
    folder = audits_of(bundle)
    with locked(folder.parent / f".{folder.name}.lock"):
        before = read_addendum(bundle)
        entries = (
            []
            if before is None
            else [one for one in before.entries if (one.kind, one.about) != (record.schema_, about)]
        )
        number = 1 + max((int(one.file.removeprefix("audit-").removesuffix(".json")) for one in entries), default=0)
        entry = AuditEntry(
            made=made, kind=record.schema_, of=record.of, about=about, level=record.level, findings=record.findings,
            file=f"audit-{number}.json", sha256=sha256(text.encode()).hexdigest(),
        )  # fmt: skip
        addendum = AuditAddendum(bundle=seal, entries=(*entries, entry))
        with whole_folder(folder) as place:
            for one in entries:
                shutil.copyfile(folder / one.file, place / one.file)
            write_text(place / entry.file, text)
            write_text(place / NAME, addendum.to_json())
            write_manifest(place)
    asset = registry.add_asset(read_bundle(settled(bundle))[0])
    registry.state_audit(
        AuditStatement(
            asset=asset.identity,
            kind=record.schema_,
            about=about,
            sha256=entry.sha256,
            severity=record.severity,
            found=tuple(dict.fromkeys(one.code for one in record.findings if one.outcome == "found")),
        )
    )
    return entry


def keep_audit(bundle: Path, record: Audit, *, about: str) -> AuditEntry:
    """``add_audit`` with the ledger that is in use."""
    with Registry() as registry:
        return add_audit(bundle, record, about=about, registry=registry)


def read_addendum(bundle: Path) -> AuditAddendum | None:
    """The addendum of a bundle; None where there is none, or it is of another bundle than the one that lies there.

    Raises BundleError where it is damaged.
    """
    folder = settled(audits_of(bundle.absolute()))
    if not (folder / NAME).is_file():
        return None
    try:
        check_files(folder, read_manifest(folder))
        addendum = AuditAddendum.from_json(
            foreign.read_text(folder / NAME, limit=foreign.DOCUMENT_LIMIT), str(folder / NAME)
        )
        if strange := [one.file for one in addendum.entries if not _RECORD.fullmatch(one.file)]:
            raise InputError(f"it names {strange[0][:80]!r}, which is no record of an audit")
    except (InputError, ValidationError) as error:
        raise BundleError(
            f"what audits found of {bundle.name} is damaged ({folder}): {error}",
            needed="the folder as it was written",
            fix="remove it and audit again, or copy it again from where it was written",
        ) from error
    return addendum if addendum.bundle == read_manifest(settled(bundle.absolute())).seal else None


def read_audit(bundle: Path, entry: AuditEntry) -> GroupAudit | None:
    """The whole record of an entry that is an audit of groups; None for another."""
    if entry.kind != GroupAudit.current():
        return None
    path = settled(audits_of(bundle.absolute())) / entry.file
    return GroupAudit.from_json(foreign.read_text(path, limit=foreign.DOCUMENT_LIMIT), str(path))


def audited_considerations(considerations: Considerations, addendum: AuditAddendum) -> Considerations:
    """With what audits found: groups at risk, and what was looked for and not found."""
    at_risk, others = [], []
    for entry in addendum.entries:
        day = entry.made[:10]
        for one in entry.findings:
            if one.outcome == "found" and one.severity != "none":
                at_risk.append(
                    Fairness(
                        group=one.about or entry.about,
                        harms=f"{one.said} ({one.severity}, {one.code}, audited {day})",
                        mitigation=one.todo,
                    )
                )
        quiet = [one for one in entry.findings if one.outcome == "not found"]
        unasked = [one for one in entry.findings if one.outcome == "not applicable"]
        if quiet:
            others.append(
                f"Audited {day} for {entry.about}, and not shown: {_codes(quiet)}. That is no proof that nothing is."
            )
        if unasked:
            others.append(f"Audited {day} for {entry.about}, and not applicable: {_codes(unasked)}.")
    return considerations.model_copy(
        update={
            "fairness": (*considerations.fairness, *at_risk[:_SHOWN]),
            "limitations": (*considerations.limitations, *others[:_SHOWN]),
        }
    )


def _codes(findings: list[AuditFinding]) -> str:
    return ", ".join(dict.fromkeys(one.code for one in findings))


def audited_measures(bundle: Path, addendum: AuditAddendum) -> tuple[Measure, ...]:
    """The figures of every judged group, those of the newest audit first, with the group as a slice."""
    told = []
    for entry in reversed(addendum.entries):
        record = read_audit(bundle, entry)
        for gap in () if record is None else record.gaps:
            for group in gap.groups:
                if group.judged and gap.unit == "share":
                    name = f"{gap.figure} of {gap.label}" if gap.label else gap.figure
                    told.append(
                        Measure(
                            name=name,
                            value=_rounded(group.mean),
                            level=record.level if record else 0.95,
                            slice=f"{gap.attribute} = {group.name}",
                            rows=group.rows,
                            data="audited rows",
                        )
                    )
    return tuple(told[:_MEASURES])


def _rounded(span: Interval) -> Interval:
    ends = span.ends
    return Interval(round(span.mean, 4), *(() if ends is None else (round(end, 4) for end in ends)))
