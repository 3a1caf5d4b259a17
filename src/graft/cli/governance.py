"""``graft assets`` and ``graft convert``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft.governance.records import AssetKind, Use

if TYPE_CHECKING:
    from graft.governance.records import Answer, Asset

assets = typer.Typer(no_args_is_help=True, help="What models are made from, and whether they may be used.")
_Name = Annotated[str, typer.Argument(help="Name, digest, or the folder of a bundle.")]
_EXIT = {"allowed": 0, "blocked": 3, "unsettled": 4}


@assets.command()
def add(
    named: Annotated[str, typer.Argument(help="minilm, hf:org/name@revision, path:DIR, or a data file.")],
    licence: Annotated[str, typer.Option(help="The licence as you know it; what was read stays beside it.")] = "",
    name: Annotated[str, typer.Option(help="What to call it.")] = "",
    kind: Annotated[AssetKind | None, typer.Option(help="What it is, when its files leave that open.")] = None,
    trained_on: Annotated[list[str], typer.Option(help="A data set it was trained on; repeat for several.")] = [],  # noqa: B006
    parent: Annotated[list[str], typer.Option(help="RELATION:NAME, for example fine-tuned:org/base.")] = [],  # noqa: B006
) -> None:
    """Record a model or a data set with the facts its own files state."""
    from graft.governance.desk import add as record
    from graft.governance.registry import Registry

    with Registry() as registry:
        found = record(registry, named, kind=kind, name=name, licence=licence, trained_on=trained_on, parents=parent)
    typer.echo(f"{found.kind} {found.name} {found.digest[:12]} is recorded")
    _facts(found)


@assets.command("list")
def list_assets() -> None:
    """List everything that is recorded."""
    from graft.governance.registry import Registry

    with Registry() as registry:
        found = registry.assets()
    for one in found:
        licences = ", ".join(dict.fromkeys(statement.stated for statement in one.licences)) or "no licence stated"
        typer.echo(f"{one.kind.value:7} {one.digest[:12]}  {one.name} {one.version}  [{licences}]")
    if not found:
        typer.echo("nothing is recorded yet: graft assets add minilm")


@assets.command()
def show(named: _Name) -> None:
    """Show what is known about an asset, where each fact was read, and what does not fit together."""
    from graft.governance.desk import look_up
    from graft.governance.licences import conflicts
    from graft.governance.registry import Registry

    with Registry() as registry:
        asset, _ = look_up(registry, named)
        decisions = [one for one in registry.decisions() if one.asset == asset.identity]
    typer.echo(f"{asset.kind} {asset.name} {asset.version}".rstrip())
    _facts(asset)
    for decision in decisions:
        typer.echo(f"  decided      {decision.licence} by {decision.by} ({decision.at}): {decision.because}")
    for finding in conflicts(asset):
        typer.echo(f"\n{finding.severity}: {finding.message}" + (f"\n  fix: {finding.fix}" if finding.fix else ""))


@assets.command()
def lineage(
    named: _Name,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid diagram.")] = False,
) -> None:
    """Draw what an asset was made from."""
    from graft.governance.desk import look_up
    from graft.governance.drawing import draw_mermaid, draw_tree
    from graft.governance.registry import Registry

    with Registry() as registry:
        asset, whole = look_up(registry, named)
    typer.echo((draw_mermaid if mermaid else draw_tree)(whole, asset.identity))


@assets.command()
def verify(named: Annotated[str | None, typer.Argument(help="An asset; everything when left out.")] = None) -> None:
    """Check the chain of the ledger, and that recorded files are as they were. Exits with 3 when something is not."""
    from graft.governance.desk import changed_files, look_up
    from graft.governance.registry import Registry

    with Registry() as registry:
        checked = registry.ledger.verify()
        for problem in checked.problems:
            typer.echo(f"ledger: {problem}")
        if not checked.sound:
            raise typer.Exit(3)
        typer.echo("ledger: sound")
        found = registry.assets() if named is None else (look_up(registry, named)[0],)
    broken = False
    for asset in found:
        changes = changed_files(asset)
        if changes is None:
            typer.echo(f"{asset.name}: not checked, no files at {asset.reference}")
        elif changes.same:
            typer.echo(f"{asset.name}: {len(asset.files)} files are as they were recorded")
        else:
            broken = True
            typer.echo(f"{asset.name}: {changes}")
    if broken:
        raise typer.Exit(3)


@assets.command()
def check(
    named: _Name,
    use: Annotated[list[Use], typer.Option(help="What you want to do; repeat for several.")],
) -> None:
    """Answer "may we?" over the whole lineage. Exits with 0 allowed, 3 blocked, 4 unsettled. Not legal advice."""
    from graft.governance.desk import may_we
    from graft.governance.registry import Registry

    with Registry() as registry:
        said = may_we(registry, named, use)
    _answer(said)
    raise typer.Exit(_EXIT[said.outcome.value])


@assets.command()
def decide(
    named: _Name,
    licence: Annotated[str, typer.Option(help="The licence that counts from now on: an SPDX expression or a name.")],
    because: Annotated[str, typer.Option(help="Why, for whoever asks later.")],
    by: Annotated[str, typer.Option(help="Who decides (default: the name you are logged in with).")] = "",
) -> None:
    """Record a person's decision about a licence."""
    import getpass

    from graft.governance.desk import look_up
    from graft.governance.records import Decision
    from graft.governance.registry import Registry

    with Registry() as registry:
        asset, _ = look_up(registry, named)
        registry.add_asset(asset)
        made = registry.decide(
            Decision(asset=asset.identity, licence=licence, because=because, by=by or getpass.getuser())
        )
    typer.echo(f"{asset.name}: {made.licence}, decided by {made.by}")


@assets.command()
def sign(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    key: Annotated[Path, typer.Option(help="Private key, PEM.")],
    password: Annotated[str, typer.Option(envvar="GRAFT_KEY_PASSWORD", help="Of an encrypted key.")] = "",
) -> None:
    """Sign a bundle with a key of your own, offline."""
    from graft.governance.signing import sign as make

    made = make(bundle, key, password=password)
    typer.echo(f"{made.path}: {made.files} files signed, key {made.key[:16]}")


@assets.command("verify-signature")
def verify_signature(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    key: Annotated[Path, typer.Option(help="Public key, PEM.")],
) -> None:
    """Check that a bundle is, byte for byte, what the owner of a key signed."""
    from graft.governance.signing import verify_signature as checked

    found = checked(bundle, key)
    typer.echo(f"{bundle}: {found.files} files are as signed with the key {found.key[:16]}")


def convert(
    weights: Annotated[Path, typer.Argument(help="A .bin, .pt, .pth, .th or .ckpt file, or the folder of a model.")],
    out: Annotated[Path, typer.Argument(help="Folder for the safetensors file.")],
) -> None:
    """Turn a pickle of weights into safetensors, in a process of its own that may run no code from it."""
    from graft.representations.converting import convert_weights

    made = convert_weights(weights, out)
    typer.echo(f"{made.out}: {made.tensors} tensors, {made.numbers:,} numbers, {made.size / 1e6:,.1f} MB")
    typer.echo(f"  from         {made.source} (SHA-256 {made.source_sha256})")
    typer.echo(f"  SHA-256      {made.sha256}")
    for name, values in (
        ("opened", made.unwrapped),
        ("prefix removed", (made.prefix,) if made.prefix else ()),
        ("copied apart", made.shared),
        ("left out", made.left_out),
        ("taken along", made.copied),
    ):
        if values:
            typer.echo(f"  {name:14} {', '.join(values)}")


def _facts(asset: "Asset") -> None:
    rows = (
        ("digest", asset.digest),
        ("reference", asset.reference),
        ("revision", asset.revision),
        ("publisher", asset.publisher),
        ("files", f"{len(asset.files)}, {sum(file.size for file in asset.files) / 1e6:,.1f} MB" if asset.files else ""),
        ("added", asset.added),
        ("study", asset.study),
    )
    for name, value in rows:
        if value:
            typer.echo(f"  {name:12} {value}")
    for statement in asset.licences:
        typer.echo(f"  licence      {statement.stated}  - {statement.where}")
    for edge in asset.edges:
        typer.echo(f"  {edge.relation.value:12} {edge.parent}" + (f"  - {edge.where}" if edge.where else ""))
    if asset.training_data:
        typer.echo(f"  trained on   {', '.join(dict.fromkeys(one.name for one in asset.training_data))}")


def _answer(said: "Answer") -> None:
    typer.echo(f"{said.outcome.value.upper()}: {', '.join(said.uses)}")
    for reason in said.reasons:
        typer.echo(f"\n{reason.outcome.value} ({reason.use.value}): {reason.text}")
        if reason.clause:
            typer.echo(f"  clause: {reason.licence} {reason.clause}".rstrip())
        if reason.unblock:
            typer.echo(f"  fix:    {reason.unblock}")
    if said.obligations:
        typer.echo("\nTo do:")
    for one in said.obligations:
        typer.echo(f"  - {one.text} [{one.licence}, {one.clause}]")
    for finding in said.findings:
        typer.echo(f"\n{finding.severity}: {finding.message}")
    typer.echo("\nThis is not legal advice.")
