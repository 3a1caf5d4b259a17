"""The verbs of ``graft``."""

import typer

from graft.cli import embedding, governance, models, sources, studies
from graft.cli.audit import audit
from graft.cli.costs import costs
from graft.cli.entities import entities
from graft.cli.recommend import recommend
from graft.cli.tables import tables
from graft.cli.watch import watch

app = typer.Typer(
    name="graft",
    help="Reuse pretrained representations, adapt them carefully, validate relentlessly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
    # Not to remove what cli/output makes visible.
    context_settings={"color": True, "help_option_names": ["-h", "--help"]},
)
app.command("study", cls=studies.StudyCommand)(studies.study)
app.command("report")(studies.report)
app.command("demo")(studies.demo)
app.command("predict")(models.predict)
app.command("verify")(models.verify)
app.command("embed")(embedding.embed)
app.command("search")(embedding.search)
app.add_typer(tables, name="tables")
app.command("source")(sources.source)
app.add_typer(sources.sources, name="sources")
app.add_typer(entities, name="entities")
app.add_typer(recommend, name="recommend")
app.add_typer(watch, name="watch")
app.add_typer(audit, name="audit")
app.add_typer(costs, name="costs")
app.command("cache")(sources.cache)
app.command("convert")(governance.convert)
app.add_typer(governance.assets, name="assets")


def _version(show: bool) -> None:
    if show:
        from graft.core.version import __version__

        typer.echo(f"graft {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Reuse pretrained representations, adapt them carefully, validate relentlessly."""
