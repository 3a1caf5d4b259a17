"""``graft tables``."""

import typer

from graft.cli.tables import changing, looking, migration

__all__ = ["tables"]

tables = typer.Typer(no_args_is_help=True, help="Embedding tables: look at them, index, move to another source, erase.")
tables.command("show")(looking.show)
tables.command("history")(looking.history)
tables.command("index")(looking.index)
tables.command("map")(looking.draw)
tables.command("compact")(changing.compact)
tables.command("vacuum")(changing.vacuum)
tables.command("delete")(changing.delete)
tables.command("erase")(changing.erase)
tables.command("receipt")(changing.receipt)
tables.command("migrate")(migration.migrate)
tables.command("rollback")(migration.rollback)
tables.command("drop")(migration.drop)
