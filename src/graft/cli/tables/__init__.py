"""``graft tables``."""

import typer

from graft.cli.tables import maintenance, migration, views

__all__ = ["tables"]

tables = typer.Typer(no_args_is_help=True, help="Embedding tables: look at them, index, move to another source, erase.")
tables.command("show")(views.show)
tables.command("history")(views.history)
tables.command("index")(views.index)
tables.command("map")(views.draw)
tables.command("compact")(maintenance.compact)
tables.command("vacuum")(maintenance.vacuum)
tables.command("delete")(maintenance.delete)
tables.command("erase")(maintenance.erase)
tables.command("receipt")(maintenance.receipt)
tables.command("migrate")(migration.migrate)
tables.command("rollback")(migration.rollback)
tables.command("drop")(migration.drop)
