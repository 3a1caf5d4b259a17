"""``graft study``, ``graft report``, ``graft demo``."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from graft.cli.columns import PANEL, Audio, Categorical, Encoding, Image, Label, Numeric, Rows, TaskName, Text
from graft.governance.records import Use
from graft.scores.losses import LOSSES
from graft.scores.strategies import notations

if TYPE_CHECKING:
    from graft.studies.result import StudyResult

_DATA, _WHAT, _HOW, _OUT, _WHERE = PANEL, "What is tried", "How it is judged", "What comes out", "Where it runs"


class Effort(StrEnum):
    """How much is tried."""

    QUICK = "quick"
    STANDARD = "standard"
    THOROUGH = "thorough"


class StudyCommand(TyperCommand):
    """The command, whose help names the metrics when it is asked for: they take half a second to read."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        from graft.evidence.metrics import METRICS

        for one in self.params:
            if one.name == "metric":
                assert isinstance(one, TyperOption)
                one.help = f"auto, or {', '.join(record.name for record in METRICS)}."
        super().format_help(ctx, formatter)


class RequiredOutcome(StrEnum):
    """What ``--require`` may ask for."""

    HELPS = "helps"
    TIED = "no practical difference"


def study(
    data: Rows,
    label: Label = [],  # noqa: B006
    text: Text = [],  # noqa: B006
    image: Image = [],  # noqa: B006
    audio: Audio = [],  # noqa: B006
    numeric: Numeric = [],  # noqa: B006
    categorical: Categorical = [],  # noqa: B006
    id_column: Annotated[
        str | None, typer.Option("--id", help="Column that names a row.", rich_help_panel=_DATA)
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Rows of one group stay on one side of every split.", rich_help_panel=_DATA)
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Learn from the past, test on the future.", rich_help_panel=_DATA)
    ] = None,
    encoding: Encoding = None,
    task: TaskName = "auto",
    source: Annotated[
        list[str],
        typer.Option(
            help="minilm, lite0, speech, glove, path:DIR or hf:org/name@revision; may repeat, and each is for the kind "
            "it reads. Left out: minilm for texts, lite0 for images, speech for audio, none for rows alone.",
            rich_help_panel=_WHAT,
        ),
    ] = [],  # noqa: B006
    prompt_classification: Annotated[
        list[str],
        typer.Option(
            help="Put before every text, instead of what the source states; repeat for one per source.",
            rich_help_panel=_WHAT,
        ),
    ] = [],  # noqa: B006
    strategy: Annotated[
        list[str],
        typer.Option(help=f"auto, or {', '.join(notations())}; may repeat.", rich_help_panel=_WHAT),
    ] = ["auto"],  # noqa: B006
    effort: Annotated[Effort, typer.Option(help="How much is tried.", rich_help_panel=_WHAT)] = Effort.STANDARD,
    metric: Annotated[str, typer.Option(help="auto, or a metric's name.", rich_help_panel=_HOW)] = "auto",
    margin: Annotated[
        float | None,
        typer.Option(
            help="The smallest difference that matters; 0.01, or 1 % of the target's deviation.", rich_help_panel=_HOW
        ),
    ] = None,
    level: Annotated[float, typer.Option(help="How sure a verdict must be.", rich_help_panel=_HOW)] = 0.95,
    folds: Annotated[int, typer.Option(help="Folds.", rich_help_panel=_HOW)] = 5,
    repeats: Annotated[int, typer.Option(help="Times the folds are drawn again.", rich_help_panel=_HOW)] = 1,
    holdout: Annotated[float, typer.Option(help="Share of the rows that is locked away.", rich_help_panel=_HOW)] = 0.2,
    test: Annotated[
        Path | None,
        typer.Option(
            help="A test set of your own, with the same columns: locked away until the end instead of a share of the "
            "rows, and never learnt from.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    costs: Annotated[
        Path | None,
        typer.Option(help="Cost table, CSV or YAML; `graft costs template` writes one.", rich_help_panel=_HOW),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            help="How classes count: balanced (all alike), none (as frequent as they are), or auto: alike when the "
            "metric averages over classes, unless a cost table says what errors cost.",
            rich_help_panel=_HOW,
        ),
    ] = "auto",
    loss: Annotated[
        str,
        typer.Option(
            help=f"What networks are trained by: auto, {', '.join(one.name for one in LOSSES)}; solved heads keep "
            "theirs.",
            rich_help_panel=_WHAT,
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of everything random.", rich_help_panel=_HOW)] = 0,
    after: Annotated[
        Path | None, typer.Option(help="An earlier study on fewer labels; its holdout stays out.", rich_help_panel=_HOW)
    ] = None,
    use: Annotated[
        list[Use],
        typer.Option(
            help="What the model is for; sources or rows whose terms block it are refused.", rich_help_panel=_HOW
        ),
    ] = [],  # noqa: B006
    out: Annotated[Path, typer.Option(help="Folder for report, bundle and study.json.", rich_help_panel=_OUT)] = Path(
        "study"
    ),
    refit: Annotated[
        bool,
        typer.Option(
            help="Save a model that learnt once more from all rows, or the very one that was measured.",
            rich_help_panel=_OUT,
        ),
    ] = True,
    cautious: Annotated[
        bool,
        typer.Option(
            "--cautious",
            help="When the verdict is undecided, save the best control instead of what is expected to score best.",
            rich_help_panel=_OUT,
        ),
    ] = False,
    prior: Annotated[
        bool,
        typer.Option(
            help="What usually wins on public sets informs what an undecided study saves, and never the verdict.",
            rich_help_panel=_HOW,
        ),
    ] = True,
    require: Annotated[
        RequiredOutcome | None, typer.Option(help="Exit with 3 unless this is the verdict.", rich_help_panel=_OUT)
    ] = None,
    keep_rows: Annotated[
        bool, typer.Option("--keep-rows/--no-rows", help="Training text in the bundle.", rich_help_panel=_OUT)
    ] = True,
    cache_limit: Annotated[str, typer.Option(help="Size of the activation cache.", rich_help_panel=_WHERE)] = "4G",
    workers: Annotated[
        int,
        typer.Option(
            help="Processes that candidates learn in, one thread each; 0: this one alone. They pay where several "
            "candidates are tuned. Their number changes no result.",
            rich_help_panel=_WHERE,
        ),
    ] = 0,
    json_lines: Annotated[bool, typer.Option("--json", help="JSON lines for machines.", rich_help_panel=_OUT)] = False,
) -> None:
    """Find out whether reusing pretrained models helps on your rows, and save the best honest model.

    Text, image and audio columns may be named together: a row that holds several is read by a source for each.

    Example: graft study tickets.csv --text message --label category --out study/
    """
    options = {
        "encoding": encoding,
        "task": task,
        "source": tuple(source),
        "prompt_classification": tuple(prompt_classification),
        "strategy": tuple(strategy),
        "effort": effort.value,
        "metric": metric,
        "margin": margin,
        "level": level,
        "folds": folds,
        "repeats": repeats,
        "holdout": holdout,
        "test": test,
        "after": after,
        "costs": costs,
        "weights": weights,
        "loss": loss,
        "prior": prior,
        "seed": seed,
        "use": tuple(use),
        "refit": refit,
        "cautious": cautious,
        "keep_rows": keep_rows,
        "cache_limit": cache_limit,
        "workers": workers,
    }
    columns = {
        "text": tuple(text),
        "image": tuple(image),
        "audio": tuple(audio),
        "label": tuple(label),
        "numeric": tuple(numeric),
        "categorical": tuple(categorical),
        "id": id_column,
        "group": group,
        "time": time,
    }
    result = _run(data, columns, options, out=out, json_lines=json_lines)
    if require is not None:
        result.require(require.value)


_STUDIED, _CHECKED = 300, 60


class Demo(StrEnum):
    """What a demo is about."""

    TEXT = "text"
    IMAGES = "images"
    AUDIO = "audio"
    ROWS = "rows"
    WATCH = "watch"


def demo(
    about: Annotated[Demo, typer.Argument(help="Texts, images, recordings, rows of a table, or a watch.")] = Demo.TEXT,
    out: Annotated[Path, typer.Option(help="Folder for report, bundle and study.json.")] = Path("demo-study"),
    effort: Annotated[Effort, typer.Option(help="How much is tried.")] = Effort.QUICK,
) -> None:
    """Run a study on data that ships: synthetic security tickets, scanned digits, sounds, or measurements of cells; or
    watch what a study of older tickets made of newer ones, month by month."""
    from graft.core.settings import cache_directory
    from graft.demo import digits, measurements, tickets
    from graft.demo.tones import write_tones

    if about is Demo.TEXT:
        _run(tickets(), {"text": ("message",), "label": ("category",), "id": "id"}, {"effort": effort.value}, out=out)
        return
    if about is Demo.WATCH:
        _watched(tickets(), effort, out)
        return
    if about is Demo.ROWS:
        _run(measurements(), {"numeric": ("*",), "label": ("diagnosis",)}, {"effort": effort.value}, out=out)
        return
    if about is Demo.AUDIO:
        columns = {"audio": ("path",), "label": ("sound",), "group": "player", "id": "path"}
        _run(write_tones(cache_directory() / "demo" / "tones"), columns, {"effort": effort.value}, out=out)
        return
    # Tuning a network on pictures takes minutes without a graphics processor.
    options = {"effort": effort.value, "strategy": ("frozen",)}
    _run(digits(), {"image": ("picture",), "label": ("digit",)}, options, out=out)


def _watched(file: Path, effort: Effort, out: Path) -> None:
    """A study of the first tickets, and a watch over those of each later month, without and then with their labels."""
    from graft.bundle.loading import load_bundle
    from graft.core.display import Bars, Terminal
    from graft.rows.named import read_whole
    from graft.watch.baseline import make_baseline, watch_folder, write_baseline
    from graft.watch.check import check_batch

    whole = read_whole(file, what="tickets").sort("opened_at")
    first = whole.head(_STUDIED)
    columns = {"text": ("message",), "label": ("category",), "id": "id", "time": "opened_at"}
    _run(first, columns, {"effort": effort.value, "strategy": ("frozen",)}, out=out)
    bundle = load_bundle(out / "bundle")
    progress = Bars(Terminal(stderr=True))
    made = make_baseline(bundle, first, runs=50, batch=_CHECKED, progress=progress)
    write_baseline(watch_folder(out / "bundle") / "baseline", made)
    typer.echo("")
    for line in made.facts.lines():
        typer.echo(line)
    for start in range(_STUDIED, whole.height - _CHECKED // 2, _CHECKED):
        batch = whole.slice(start, _CHECKED)
        typer.echo(f"\n{str(batch['opened_at'][0])[:10]} to {str(batch['opened_at'][-1])[:10]}")
        check_batch(bundle, batch.drop("category"))
        for line in check_batch(bundle, batch.drop("category"), labels=batch.select("id", "category")).lines():
            typer.echo(line)


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished study, or of an evaluated recommender.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write the page (default: report.html in the folder).")
    ] = None,
) -> None:
    """Write the report of a finished study, or of an evaluated recommender, again, and print its summary."""
    from graft.core.display import Terminal
    from graft.core.places import require_output
    from graft.facts.study import read_study
    from graft.report.study import print_summary, write_page

    place = folder if folder.is_dir() else folder.parent
    page = out or place / "report.html"
    evaluation = place / "evaluation.json"
    if evaluation.is_file() and not (place / "study.json").exists():
        _report_evaluation(evaluation, page)
        return
    if out is None:
        # Where the folder is no study, where its page would go is not the question.
        record = read_study(folder)
    require_output(page, read=(place / "study.json", place / "predictions.parquet"), ends=(".html",))
    if out is not None:
        record = read_study(folder)
    write_page(record, page)
    print_summary(record, Terminal(), page)


def _report_evaluation(file: Path, page: Path) -> None:
    from graft.core import foreign
    from graft.core.places import require_output
    from graft.facts.recommend import RecommendEvaluation
    from graft.report.recommend import write_recommend_page

    require_output(page, read=(file,), ends=(".html",))
    record = RecommendEvaluation.from_json(foreign.read_text(file), str(file))
    write_recommend_page(record, page)
    for line in record.lines():
        typer.echo(line)
    typer.echo(f"page: {page}")


def _run(
    data: Any,
    columns: dict[str, Any],
    options: dict[str, Any],
    *,
    out: Path,
    json_lines: bool = False,
) -> "StudyResult":
    from graft import api
    from graft.core.display import Bars, JsonLines, Terminal
    from graft.report.study import plan_lines, print_summary

    console = Terminal(stderr=json_lines)
    progress = JsonLines(sys.stdout) if json_lines else Bars(console)

    def show(plan: Any) -> None:
        if json_lines:
            progress.say("\n".join(plan_lines(plan)))
        else:
            console.print("\n".join(plan_lines(plan)), highlight=False, markup=False)

    result = api.study(
        data,
        **columns,
        **options,
        out=out,
        progress=progress,
        on_plan=show,
    )
    if json_lines:
        sys.stdout.write('{"event": "result", "study": ' + result.record.model_dump_json() + "}\n")
    else:
        print_summary(result.record, console, out / "report.html")
    return result
