"""``graft assets check`` and ``verify``: may we, and is everything as it was recorded? Signing, too."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft.cli.governance.ledger import Expected, HeadsFile, HeadsKey, tell_sound, verified
from graft.cli.governance.words import Named
from graft.governance.records import Use

if TYPE_CHECKING:
    from graft.governance.records import Answer, Asset

_EXIT = {"allowed": 0, "blocked": 3, "unsettled": 4}
_SHOWN = 6


def check(
    named: Named,
    use: Annotated[list[Use], typer.Option(help="What you want to do; repeat for several.")],
    everything: Annotated[bool, typer.Option("--all", help="Every reason, with clause and fix.")] = False,
) -> None:
    """Answer "may we?" over the whole lineage. Exits with 0 allowed, 3 blocked, 4 unsettled. Not legal advice."""
    from graft.governance.assets import may_we
    from graft.governance.registry import Registry

    with Registry() as registry:
        said = may_we(registry, named, use)
        steps = _steps(said, {asset.identity: asset.name for asset in registry.assets()})
    (_answer if everything else _short_answer)(said, steps)
    raise typer.Exit(_EXIT[said.outcome.value])


def verify(
    named: Annotated[str | None, typer.Argument(help="An asset or bundle; everything when left out.")] = None,
    expect: Expected = [],  # noqa: B006
    heads: HeadsFile = None,
    key: HeadsKey = None,
) -> None:
    """Check the chain of the ledger, and that recorded files are as they were. Exits with 3 when something is not."""
    from graft.governance.assets import bundle_head, changed_files, look_up, recorded_heads, replaced
    from graft.governance.descent_file import read_bundle
    from graft.governance.registry import Registry

    bundle = Path(named) if named is not None and (Path(named) / "manifest.json").is_file() else None
    broken = False
    with Registry() as registry:
        if bundle is not None and not (expect or heads or registry.ledger.exists):
            # Whoever was handed a bundle has no ledger yet, and gets none by checking.
            typer.echo(f"ledger: there is none at {registry.ledger.place}; only the files of the bundle are checked")
            found: tuple[Asset, ...] = (read_bundle(bundle)[0],)
        else:
            noted = verified(registry.ledger, expect, heads, key)
            bundles = recorded_heads(registry)
            if bundle is not None:
                own = bundle_head(registry, bundle)
                bundles += () if own is None else (own,)
            broken = any(one.missing for one in bundles)
            for one in dict.fromkeys(bundles):
                if one.missing or not one.ours:
                    typer.echo(f"ledger: {one}")
            if not broken:
                tell_sound(noted, bundles=len({one.head for one in bundles if one.ours}))
            found = registry.assets() if named is None else (look_up(registry, named)[0],)
    for asset in found:
        changes = changed_files(asset)
        if changes is None and replaced(asset):
            typer.echo(f"{asset.name}: not checked, it was fitted anew since")
        elif changes is None:
            typer.echo(f"{asset.name}: not checked, no files at {asset.reference}")
        elif changes.same:
            typer.echo(f"{asset.name}: {len(asset.files)} files are as they were recorded")
        else:
            broken = True
            typer.echo(f"{asset.name}: {changes}")
    if broken:
        raise typer.Exit(3)


def sign(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    key: Annotated[Path, typer.Option(help="Private key, PEM.")],
    password: Annotated[str, typer.Option(envvar="GRAFT_KEY_PASSWORD", help="Of an encrypted key.")] = "",
) -> None:
    """Sign a bundle with a key of your own, offline."""
    from graft.governance.signing import sign as make

    made = make(bundle, key, password=password)
    typer.echo(f"{made.path}: {made.files} files signed, key {made.key[:16]}")


def verify_signature(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    key: Annotated[Path, typer.Option(help="Public key, PEM.")],
) -> None:
    """Check that a bundle is, byte for byte, what the owner of a key signed."""
    from graft.governance.signing import verify_signature as checked

    found = checked(bundle, key)
    typer.echo(f"{bundle}: {found.files} files are as signed with the key {found.key[:16]}")


def _steps(said: "Answer", names: dict[str, str]) -> list[str]:
    """The commands that settle an answer: a decision about each thing that causes a reason."""
    from graft.governance.reading import parent_reference

    causes = dict.fromkeys(one.path[-1] for one in said.reasons if one.path and one.unblock)
    called = (names.get(cause) or parent_reference(cause) or cause for cause in causes)
    return [f'graft assets decide "{name}" --licence WORD --because "why"' for name in called]


_WORD = "WORD: a licence by its name; cleared: you read the terms; permission: the owner allowed it; own: it is yours."


def _short_answer(said: "Answer", steps: list[str]) -> None:
    """The answer on one screen."""
    typer.echo(f"{said.outcome.value.upper()}: {', '.join(said.uses)}")
    hidden = False
    for use in said.uses:
        reasons = list(dict.fromkeys(f"{one.outcome.value}: {one.text}" for one in said.reasons if one.use is use))
        if reasons:
            typer.echo(f"\n{use.value}")
            hidden |= _listed(reasons)
    if fixes := list(dict.fromkeys(one.unblock for one in said.reasons if one.unblock)):
        typer.echo("\nTo settle it:")
        hidden |= _listed([*fixes, *steps])
        typer.echo(f"    {_WORD}")
    if duties := list(dict.fromkeys(one.text for one in said.obligations)):
        typer.echo("\nTo do:")
        hidden |= _listed(duties)
    if said.findings:
        counted = f"{len(said.findings)} findings" if len(said.findings) > 1 else "1 finding"
        typer.echo(f"\n{counted} about what was read here: see --all, or graft assets show.")
    typer.echo(
        "\nThis is not legal advice." + (" Everything, with the clauses: --all." if hidden or said.reasons else "")
    )


def _listed(texts: list[str]) -> bool:
    """Print the first texts; whether some were left out."""
    for text in texts[:_SHOWN]:
        typer.echo(f"  - {text}")
    if len(texts) > _SHOWN:
        typer.echo(f"  - and {len(texts) - _SHOWN} more")
    return len(texts) > _SHOWN


def _answer(said: "Answer", steps: list[str]) -> None:
    typer.echo(f"{said.outcome.value.upper()}: {', '.join(said.uses)}")
    for reason in said.reasons:
        typer.echo(f"\n{reason.outcome.value} ({reason.use.value}): {reason.text}")
        if reason.clause:
            typer.echo(f"  clause: {reason.licence} {reason.clause}".rstrip())
        if reason.unblock:
            typer.echo(f"  fix:    {reason.unblock}")
    if steps:
        typer.echo("\nTo settle it, once you have read the terms:")
        for step in steps:
            typer.echo(f"  - {step}")
        typer.echo(f"    {_WORD}")
    if said.obligations:
        typer.echo("\nTo do:")
    for one in said.obligations:
        typer.echo(f"  - {one.text} [{one.basis}]")
    for finding in said.findings:
        typer.echo(f"\n{finding.severity}: {finding.message}")
    typer.echo("\nThis is not legal advice.")
