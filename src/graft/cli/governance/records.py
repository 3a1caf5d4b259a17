"""``graft assets``: record models and data, look at them, decide about them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft.cli.governance.words import Named, print_facts
from graft.governance.records import AssetKind

if TYPE_CHECKING:
    from graft.governance.records import Decision


def add(
    named: Annotated[str, typer.Argument(help="minilm, hf:org/name@revision, path:DIR, or a data file.")],
    licence: Annotated[str, typer.Option(help="The licence as you know it; what was read stays beside it.")] = "",
    name: Annotated[str, typer.Option(help="What to call it.")] = "",
    kind: Annotated[AssetKind | None, typer.Option(help="What it is, when its files leave that open.")] = None,
    trained_on: Annotated[list[str], typer.Option(help="A data set it was trained on; repeat for several.")] = [],  # noqa: B006
    parent: Annotated[list[str], typer.Option(help="RELATION:NAME, for example fine-tuned:org/base.")] = [],  # noqa: B006
) -> None:
    """Record a model or a data set with the facts its own files state."""
    from graft.governance.assets import add as record
    from graft.governance.named_assets import STATED
    from graft.governance.registry import Registry

    with Registry() as registry:
        found = record(registry, named, kind=kind, name=name, licence=licence, trained_on=trained_on, parents=parent)
        unread = [one.name for one in found.training_data if one.where == STATED]
    typer.echo(f"{found.kind} {found.name} {found.digest[:12]} is recorded")
    print_facts(found)
    for one in unread:
        typer.echo(
            f"note: {one!r} is no recorded data set, so its terms are not known: graft assets add FILE --name {one}"
        )


def list_assets() -> None:
    """List everything that is recorded, with what people have decided."""
    from graft.governance.reading import parent_reference
    from graft.governance.registry import Registry

    with Registry() as registry:
        found, decided = registry.assets(), {one.asset: one for one in registry.decisions()}
    for one in found:
        licences = ", ".join(dict.fromkeys(statement.stated for statement in one.licences)) or "no licence stated"
        words = f"{licences}{_decided(decided.pop(one.identity, None))}"
        typer.echo(f"{one.kind.value:7} {one.digest[:12]}  {one.name} {one.version}  [{words}]")
    for identity, decision in decided.items():
        typer.echo(f"parent  by its name   {parent_reference(identity) or identity}  [not read{_decided(decision)}]")
    if not found:
        typer.echo("nothing is recorded yet: graft assets add minilm")


def _decided(decision: "Decision | None") -> str:
    return f"; decided {decision.licence} by {decision.by}" if decision else ""


def show(named: Named) -> None:
    """Show what is known about an asset, where each fact was read, and what does not fit together."""
    from graft.governance.assets import look_up
    from graft.governance.licences import conflicts
    from graft.governance.registry import Registry

    with Registry() as registry:
        asset, _ = look_up(registry, named)
        decisions = [one for one in registry.decisions() if one.asset == asset.identity]
        audits = registry.audits(asset.identity)
    typer.echo(f"{asset.kind} {asset.name} {asset.version}".rstrip())
    print_facts(asset)
    for decision in decisions:
        typer.echo(f"  decided      {decision.licence} by {decision.by} ({decision.at}): {decision.because}")
    for audit in audits:
        found = f"{audit.severity}: {', '.join(audit.found)}" if audit.found else "nothing found"
        typer.echo(f"  audited      {audit.about} ({audit.at}): {found}")
    for finding in conflicts(asset):
        typer.echo(f"\n{finding.severity}: {finding.message}" + (f"\n  fix: {finding.fix}" if finding.fix else ""))


def lineage(
    named: Named,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid diagram.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Write the picture to this SVG file.")] = None,
) -> None:
    """Draw what an asset was made from: a tree here, or a picture."""
    from graft.core.files import write_text
    from graft.core.places import require_output
    from graft.governance.assets import look_up
    from graft.governance.pictures import draw_mermaid, draw_picture, draw_tree
    from graft.governance.registry import Registry

    if picture is not None:
        require_output(picture, ends=(".svg",))
    with Registry() as registry:
        asset, whole = look_up(registry, named)
    typer.echo((draw_mermaid if mermaid else draw_tree)(whole, asset.identity))
    if picture is not None:
        write_text(picture, draw_picture(whole, asset.identity))
        typer.echo(f"picture: {picture}")


def decide(
    named: Named,
    licence: Annotated[str, typer.Option(help="The licence that counts from now on: an SPDX expression or a name.")],
    because: Annotated[str, typer.Option(help="Why, for whoever asks later.")],
    by: Annotated[str, typer.Option(help="Who decides (default: the name you are logged in with).")] = "",
) -> None:
    """Record a person's decision about a licence.

    Beside licences there are three words: own (it is yours), permission (its owner allowed you everything you ask
    about) and cleared (a person read the terms and found nothing in the way; refusals and duties stay). A parent that a
    card knows by name only can be decided about by that name, for example hf:org/base.
    """
    import getpass

    from graft.governance.assets import look_up
    from graft.governance.lineage import lineage_of
    from graft.governance.records import Decision
    from graft.governance.registry import Registry

    with Registry() as registry:
        if (Path(named) / "manifest.json").is_file():
            identity = registry.add_asset(look_up(registry, named)[0]).identity
        else:
            identity = registry.identity(named)
        made = registry.decide(Decision(asset=identity, licence=licence, because=because, by=by or getpass.getuser()))
        called = lineage_of(registry.assets()).label(identity)
    typer.echo(f"{called}: {made.licence}, decided by {made.by}")
