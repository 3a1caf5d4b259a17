"""``graft assets`` and ``graft convert``."""

import typer

from graft.cli.governance import checking, exchange, recording
from graft.cli.governance.anchoring import ledger
from graft.cli.governance.exchange import convert

__all__ = ["assets", "convert"]

assets = typer.Typer(no_args_is_help=True, help="What models are made from, and whether they may be used.")
assets.command("add")(recording.add)
assets.command("list")(recording.list_assets)
assets.command("show")(recording.show)
assets.command("lineage")(recording.lineage)
assets.command("decide")(recording.decide)
assets.command("check")(checking.check)
assets.command("verify")(checking.verify)
assets.command("sign")(checking.sign)
assets.command("verify-signature")(checking.verify_signature)
assets.command("export")(exchange.export)
assets.add_typer(ledger, name="ledger")
