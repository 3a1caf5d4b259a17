"""``graft assets`` and ``graft convert``."""

import typer

from graft.cli.governance import checks, exchange, records
from graft.cli.governance.exchange import convert
from graft.cli.governance.ledger import ledger

__all__ = ["assets", "convert"]

assets = typer.Typer(no_args_is_help=True, help="What models are made from, and whether they may be used.")
assets.command("add")(records.add)
assets.command("list")(records.list_assets)
assets.command("show")(records.show)
assets.command("lineage")(records.lineage)
assets.command("decide")(records.decide)
assets.command("check")(checks.check)
assets.command("verify")(checks.verify)
assets.command("sign")(checks.sign)
assets.command("verify-signature")(checks.verify_signature)
assets.command("export")(exchange.export)
assets.add_typer(ledger, name="ledger")
