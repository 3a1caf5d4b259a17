"""The functions behind ``import graft``: a study, embeddings and tables of them, a saved model.

Decision: model libraries take seconds to import, so each function imports what it needs, after it has looked at what it
was given: a misspelt path or column is told at once.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graft.core.display import as_progress
from graft.core.errors import InputError
from graft.core.progress import Progress
from graft.core.settings import parse_size
from graft.core.several import Names, several

if TYPE_CHECKING:
    import numpy as np

    from graft.bundle.bundle import Bundle
    from graft.core.tasks import TaskName
    from graft.facts.audit import (
        AssociationAudit,
        GroupAudit,
        LeakageAudit,
        RecommenderAudit,
        SearchAudit,
        SwapAudit,
    )
    from graft.facts.ranking import RankingRecord
    from graft.facts.study import PlanFacts
    from graft.facts.watch import TableCheck
    from graft.recommend.recommender import Recommender
    from graft.representations.encoding.encoder import Encoder
    from graft.studies.adapting import AdaptedSource
    from graft.studies.pretraining import PretrainedSource
    from graft.studies.result import StudyResult
    from graft.studies.settings import Effort, Weights
    from graft.tables.embedding import EmbeddingReport
    from graft.tables.table import EmbeddingTable
    from graft.watch.watch import Watch


def study(
    data: Any,
    *,
    label: Names = (),
    text: Names = (),
    image: Names = (),
    audio: Names = (),
    out: str | Path | None = None,
    numeric: Names = (),
    categorical: Names = (),
    id: str | None = None,  # noqa: A002 - the field's own word, and the command line's
    group: str | None = None,
    time: str | None = None,
    encoding: str | None = None,
    task: "TaskName" = "auto",
    source: Names = (),
    prompt_classification: Names = (),
    strategy: Names = "auto",
    effort: "Effort" = "standard",
    metric: str = "auto",
    margin: float | None = None,
    level: float = 0.95,
    folds: int = 5,
    repeats: int = 1,
    holdout: float = 0.2,
    test: Any = None,
    after: str | Path | None = None,
    costs: str | Path | None = None,
    weights: "Weights" = "auto",
    loss: str = "auto",
    prior: bool = True,
    seed: int = 0,
    use: Names = (),
    refit: bool = True,
    cautious: bool = False,
    keep_rows: bool = True,
    cache_limit: int | str = "4G",
    workers: int = 0,
    progress: Progress | bool = True,
    on_plan: "Callable[[PlanFacts], None]" = lambda plan: None,
) -> "StudyResult":
    """Find out whether reusing pretrained models helps on labelled rows, and save the best honest model.

    Every option has the name it has on the command line.

    The rows. data: a path (CSV, TSV, JSON lines, Parquet), a pandas or Polars frame, an Arrow table, a mapping of
    columns or a list of mappings; a folder with a folder of pictures or recordings for each class needs no columns
    named. text, image or audio: the columns a model reads (one of images or audio: names of files, relative to the file
    of the rows, or encoded bytes; in memory also pillow images or arrays, samples with their rate); columns of two or
    three of these are read side by side, and a row that lacks one is read without it. label, numeric,
    categorical: column names, one or several; numeric and categorical beside a text or an image, or alone; ``*`` for
    every column that fits and has no other role. id: names the rows. group, time: rows of one group stay on one side of
    every split; splits go forward in time. encoding: what text files are written in, where it is not recognised
    (``cp1252``). task: what is predicted.

    What is tried. source: references of pretrained models; of rows of several kinds each is for the kind it reads, and
    two of one kind are alternatives. When none is named for a kind, the one that comes with Graft for this
    kind of content (``minilm``, ``lite0``, ``speech``), and none for rows alone: then models that reuse nothing are
    compared, and the best of them is saved. prompt_classification: put before every text, for sources trained with an
    instruction, instead of what the source states; one for all sources, or one for each. strategy: ``auto``, or names
    such as ``frozen`` and ``partial:2``; the controls always run. effort: ``quick``, ``standard`` or ``thorough``.
    loss: what networks are trained by, ``auto`` or a name such as ``focal``; heads that are solved keep theirs, and say
    so.

    How it is judged. metric: its name, or ``auto``. margin: the smallest difference that matters, in its unit; 0.01, or
    1 % of the target's deviation, when None. level: how sure a verdict must be. folds, repeats, holdout: how often the
    rows are cut, and the share that is locked away. test: rows of your own to test on (as ``data``, with the same
    columns) instead of that share, never learnt from. after: the folder of an earlier study on fewer labels. costs: a
    cost table (CSV or YAML). weights: how class imbalance is handled. prior: what usually wins on public sets informs
    what an undecided study ships. seed: of everything random. use: what the model is for; a source whose terms block
    one is refused before training.

    What comes out. out: a folder for the report, the bundle and ``study.json``; a temporary one when None. refit: what
    ships is learnt once more from all rows. cautious: an undecided study ships the best control. keep_rows: the bundle
    keeps training rows.

    Where it runs. workers: processes that candidates learn in, each with one thread; 0 for this process. They pay where
    several candidates are tuned, and their number changes no result. cache_limit: bytes, or a size such as ``4G``, of
    the activation cache. progress: True for bars on a terminal or in a notebook and a line a minute elsewhere, False
    for silence, or an object of your own. on_plan: called with the plan before anything is trained.

    Returns the result: ``.verdict``, ``.bundle``, ``.record``, ``.folder``. Run again with the same arguments to
    continue a study that was interrupted. Raises InputError for anything that cannot work, before anything is
    trained.
    """
    from graft.inputs.contract import require_columns
    from graft.inputs.named_rows import named_rows, roles_of
    from graft.representations.embedded import usual_sources
    from graft.rows.table import read_frame
    from graft.studies.claim import claim, require_place
    from graft.studies.settings import make_settings

    if group is not None and time is not None:
        raise InputError(
            f"group={group!r} and time={time!r}",
            needed="one of them: rows of one group stay together, or splits go forward in time",
            fix="leave one out: are the rows new in use those of other groups, or of later times?",
        )
    split = "group" if group is not None else "time" if time is not None else "stratified"
    roles = roles_of(
        data, text=text, image=image, audio=audio, numeric=numeric, categorical=categorical, label=label, id=id,
        group=group, time=time, together=True,
    )  # fmt: skip
    settings = make_settings(
        {
            "roles": roles,
            "split": split,
            "task": task,
            "sources": several(source) or usual_sources(roles.kind),
            "prompt_classification": several(prompt_classification),
            "strategies": several(strategy),
            "effort": effort,
            "metric": metric,
            "margin": margin,
            "level": level,
            "folds": folds,
            "repeats": repeats,
            "holdout": holdout,
            "weights": weights,
            "loss": loss,
            "prior": prior,
            "seed": seed,
            "uses": several(use),
            "refit": refit,
            "cautious": cautious,
            "keep_rows": keep_rows,
            "cache_limit": cache_limit if isinstance(cache_limit, int) else parse_size(cache_limit),
            "workers": workers,
        }
    )
    folder = Path(tempfile.mkdtemp(prefix="graft-study-")) if out is None else Path(out)
    require_place(folder)
    found = named_rows(data, roles, task=task, encoding=encoding)
    table, roles = found.table, found.roles
    settings = settings.model_copy(update={"roles": roles})
    columns = [name for name, _ in roles.columns]
    tested = None if test is None else read_frame(test, encoding=encoding)
    if tested is not None:
        require_columns(tested, columns)
    earlier = None if after is None else Path(after)

    from graft.studies.prepared import prepare

    prepared = prepare(table, settings, after=earlier, costs=None if costs is None else Path(costs), test=tested)
    claim(folder, prepared.identity)

    # Not before all was checked that can be: these import model libraries, which takes seconds.
    from graft.report.study import write_page
    from graft.studies.result import run_study

    named = str(test) if isinstance(test, str | Path) else f"(a {type(test).__name__} of {len(tested or ()):,} rows)"
    result = run_study(
        prepared,
        settings,
        source=data,
        out=folder,
        after=earlier,
        test_file="" if tested is None else named,
        progress=as_progress(progress),
        on_plan=on_plan,
    )
    write_page(result.record, folder / "report.html")
    return result


def rank_sources(
    data: Any,
    *,
    source: Names,
    label: Names = (),
    text: Names = (),
    image: Names = (),
    audio: Names = (),
    numeric: Names = (),
    categorical: Names = (),
    task: str = "auto",
    encoding: str | None = None,
    seed: int = 0,
    progress: Progress | bool = True,
) -> "RankingRecord":
    """Sources in the order they promise to suit labelled rows, before any is tuned: a shortlist, never a decision.

    data, text, image, audio, numeric, categorical, label, task, encoding, progress: as for ``study``. source:
    references of the sources to rank. seed: of the rows that are looked at when there are more than 4,000, and of the
    half-samples behind the intervals.

    Each source is read once over the rows; its place is by LogME, the H-score and its nearest neighbours, and a source
    with a head of its own has LEEP and NCE beside them. The ranking is recorded in the ledger, and what later studies
    measured of sources ranked for the same rows comes with it (``.hindsight``, ``.tau``). Raises InputError for rows
    that cannot be ranked for, SourceError for a source that does not read them.
    """
    from graft.inputs.named_rows import named_rows, roles_of

    roles = roles_of(
        data, text=text, image=image, audio=audio, numeric=numeric, categorical=categorical, label=label
    )  # fmt: skip
    found = named_rows(data, roles, task=task, encoding=encoding)

    from graft.studies.ranked_rows import ranked_rows

    asked = ranked_rows(found.table, found.roles, several(source), task=task, seed=seed)

    # Not before all was checked that can be: this imports model libraries, which takes seconds.
    from graft.studies.ranking import rank_sources as ranked

    return ranked(asked, given=data, seed=seed, progress=as_progress(progress))


def adapt_source(
    data: Any,
    *,
    out: str | Path,
    text: Names = (),
    image: Names = (),
    audio: Names = (),
    source: str = "minilm",
    method: str = "tsdae",
    pairs: str | Path | None = None,
    steps: int = 1000,
    minutes: float = 20.0,
    seed: int = 0,
    encoding: str | None = None,
    progress: Progress | bool = True,
) -> "AdaptedSource":
    """Adapt a pretrained source to contents without labels: a source of its own, which every command takes.

    data, text, encoding, progress: as for ``study``; rows need no labels. image, audio: as for ``study``, and refused:
    no way to adapt sources of these was found that pays. out: the folder of the new source, new or empty. method:
    ``tsdae`` (a text is told again from its vector after 60 % of its tokens were deleted) or ``mlm`` (15 % of the
    tokens are masked and told from the others). pairs: a file of three columns, one text, another, and how near they
    are as a number, on which the original and the new source are compared. steps, minutes: how long at most; it stops
    earlier when the loss of rows kept apart no longer falls. seed: of everything random; the same one gives the same
    weights on the same machine.

    Returns where it is (``.reference``) and what it learnt and forgot (``.record``). Whether it helps is what ``study``
    says, given both sources. Raises InputError for what cannot work; nothing is written then, nor when it is killed.
    """
    from graft.inputs.named_rows import roles_of
    from graft.representations.new_folder import require_free
    from graft.rows.table import read_frame
    from graft.scores.adaptation import method_named
    from graft.studies.adapted_rows import adapted_rows, read_pairs, require_course

    require_course(steps=steps, minutes=minutes)
    roles = roles_of(data, text=text, image=image, audio=audio)
    chosen = method_named(method, roles.kind)
    folder = Path(out)
    require_free(folder)
    asked = adapted_rows(read_frame(data, encoding=encoding), roles, source)
    held = None if pairs is None else read_pairs(Path(pairs), asked.kind, encoding=encoding)

    # Not before all was checked that can be: these import model libraries, which takes seconds.
    from graft.scores.adaptation.loop import Course
    from graft.studies.adapting import adapt_source as adapt

    return adapt(
        asked,
        chosen,
        given=data,
        out=folder,
        pairs=held,
        course=Course(steps=steps, minutes=minutes),
        seed=seed,
        progress=as_progress(progress),
    )


def pretrain_source(
    data: Any,
    *,
    out: str | Path,
    label: Names = (),
    image: Names = (),
    audio: Names = (),
    numeric: Names = (),
    categorical: Names = (),
    group: str | None = None,
    task: str = "auto",
    arch: str = "",
    side: int = 32,
    passes: int = 60,
    steps: int = 0,
    seed: int = 0,
    encoding: str | None = None,
    progress: Progress | bool = True,
) -> "PretrainedSource":
    """Pretrain a small source on labelled pictures, recordings or rows of a table, to be moved to other ones.

    data, label, image, audio, numeric, categorical, group, task, encoding, progress: as for ``study``. out: the folder
    of the new source, new or empty. arch: ``resnet-small`` for pictures, ``spectrogram-small`` for recordings,
    ``row-resnet`` for columns, which another table may share; the one that fits when left out. side: pixels of the
    square that pictures are made. passes: over the rows, at most; steps: at most so many; it stops when rows kept apart
    get no better. seed: of everything random; the same one gives the same weights on the same machine.

    Returns where it is (``.reference``) and what it learnt, beside controls (``.record``). Raises InputError for what
    cannot work; nothing is written then, nor when it is killed.
    """
    from graft.inputs.contract import infer_contract
    from graft.inputs.dataset import build_dataset
    from graft.inputs.named_rows import named_rows, roles_of
    from graft.representations.new_folder import require_free

    roles = roles_of(data, image=image, audio=audio, label=label, numeric=numeric, categorical=categorical, group=group)
    if roles.content and (roles.numeric or roles.categorical):
        raise InputError(
            f"columns of numbers and categories beside {roles.kind}",
            needed="one or the other: a source reads one kind of content",
            fix="leave them out; a study takes them beside the source",
        )
    for name, given, least, most in (
        ("passes", passes, 1, 1 << 20),
        ("steps", steps, 0, 1 << 30),
        ("side", side, 16, 128),
    ):
        if not least <= given <= most:
            raise InputError(f"{name}={given}", needed=f"{least} to {most:,}", fix="leave it out for the usual one")
    folder = Path(out)
    require_free(folder)
    named = named_rows(data, roles, task=task, encoding=encoding)
    contract = infer_contract(named.table, named.roles, task=task)
    rows, problems = build_dataset(named.table, contract, labelled=True)

    # Not before all was checked that can be: these import model libraries, which takes seconds.
    from graft.scores.pretraining import Teaching, form_named
    from graft.studies.pretraining import LabelledRows, pretrain

    return pretrain(
        LabelledRows(rows, named.table, data, problems),
        form_named(arch, roles.kind),
        out=folder,
        teaching=Teaching(passes=passes, steps=steps, side=side, seed=seed),
        progress=as_progress(progress),
    )


def embed(
    contents: Sequence[Any],
    source: str = "minilm",
    *,
    role: str = "document",
    prompt: str | None = None,
    precision: str = "native",
    progress: Progress | bool = False,
) -> "np.ndarray":
    """Vectors of contents, float32, shape (rows, dimension), pooled and normalised as the source states.

    contents: texts; for a source of images, such as ``lite0``, names of files, encoded bytes, pillow images or arrays;
    for one of recordings, such as ``speech``, the same, or samples with their rate: ``(16000, samples)``; for one of
    rows, a frame or a list of mappings, of which the columns it knows are read.
    source: a reference (``minilm``, ``path:DIR``, ``hf:org/name@revision``). role: what the texts are read as:
    ``document`` (what is searched), ``query`` (what is asked), ``classification`` or ``clustering``; many sources were
    trained with another prompt for each. prompt: put before each text, instead of what the source states for the role.
    precision: ``native`` (bfloat16 where the processor has it), ``float32`` or ``int8``. Rows already seen come from
    the cache.
    """
    from graft.representations.embedder import embed_texts

    return embed_texts(contents, source, role=role, prompt=prompt, precision=precision, progress=as_progress(progress))


def embed_table(
    data: Any,
    *,
    table: str | Path,
    id: str = "",  # noqa: A002 - the field's own word, and the command line's
    text: Names = (),
    image: Names = (),
    audio: Names = (),
    numeric: Names = (),
    categorical: Names = (),
    source: str = "",
    precision: str = "native",
    prompt_query: str | None = None,
    prompt_document: str | None = None,
    force: bool = False,
    encoder: "Encoder | None" = None,
    strict: bool = False,
    encoding: str | None = None,
    progress: Progress | bool = False,
) -> "tuple[EmbeddingTable, EmbeddingReport]":
    """Embed rows into a table, which is made when it is not there; only rows whose content changed are encoded.

    data: as for ``study``; of a file, rows that cannot be read are listed and the others kept. table: its folder. id,
    text, image or audio: columns, which a folder of pictures or recordings need not name: its rows are called by their
    files; numeric, categorical: columns of rows alone, ``*`` for those the source reads; what
    was read of each row is kept in the column ``cells``. source: a reference; the usual one of the kind when left out,
    and to be named for rows alone. precision: ``native``,
    ``float32`` or ``int8``. prompt_query, prompt_document: put before queries and before the texts of rows, instead of
    what the source states; a table keeps those it was made with. force: int8 even for a source it does not suit.
    encoder: one at hand, instead of ``source`` and ``precision``. strict: raise TableError for the first row that
    cannot be kept. encoding: as for ``study``.

    The table, its source and its file are recorded in the ledger; an index the table has is brought up
    to date.
    """
    from graft.core.seeds import generator
    from graft.inputs.contract import require_columns
    from graft.inputs.named_rows import content_of
    from graft.rows.content import ROW
    from graft.rows.table import read_frame, read_rows
    from graft.tables.cell_rows import CELLS, cell_rows, embedded_kind
    from graft.tables.table import require_place

    file = Path(data) if isinstance(data, str | Path) else None
    lenient = file is not None and not strict
    numbers, names = several(numeric), several(categorical)
    kind, content = content_of(data, text=text, image=image, audio=audio, beside=(*numbers, *names))
    if not id and file is not None and file.is_dir() and content:
        id = content[0]  # noqa: A001 - the field's own word
    if not id:
        raise InputError("no --id", needed="the column that names each row of the table", fix="--id COLUMN")
    kind = embedded_kind(kind, content, numbers, names, source=bool(source) or encoder is not None)
    rows = read_rows(Path(data), encoding=encoding) if lenient else read_frame(data, encoding=encoding)
    require_columns(rows, [id, *content])
    require_place(table)

    from graft.governance.registry import Registry
    from graft.tables.embedding import embed_into
    from graft.tables.encoders import encoder_for, prompts_of
    from graft.tables.indexing import keep_up
    from graft.tables.recording import record_table

    if encoder is None:
        kept = prompts_of(Path(table))
        from graft.representations.embedded import usual_sources
        from graft.representations.sources import require_may_read, require_reads
        from graft.rows.content import kind_named

        reference = source or usual_sources(kind)[0]
        require_may_read(reference, kind_named(kind))
        encoder = encoder_for(
            reference,
            precision,
            prompt_query=kept[0] if prompt_query is None else prompt_query,
            prompt_document=kept[1] if prompt_document is None else prompt_document,
            force=force,
        )
        require_reads(encoder.source, kind_named(kind))
    unread: dict[int, str] = {}
    if kind == ROW.name:
        found = cell_rows(rows, encoder.source, numeric=numbers, categorical=names)
        rows, content, unread = found.table, (CELLS,), found.unread
    opened, done = embed_into(
        Path(table),
        rows,
        encoder,
        id_column=id,
        content=content,
        unread=unread,
        precision="int8" if encoder.precision == "int8" else "native",
        strict=strict,
        progress=as_progress(progress),
    )
    with Registry() as registry:
        record_table(registry, opened, file)
    keep_up(opened, rng=generator(0, "index"), progress=as_progress(progress))
    return opened, done


def watch_table(
    table: "EmbeddingTable | str | Path",
    against: "EmbeddingTable | str | Path | int",
    *,
    entities: Names | None = None,
    replicates: "Sequence[EmbeddingTable | str | Path]" = (),
    k: int = 10,
    seed: int = 0,
) -> "TableCheck":
    """Whether key entities of an embedding table still have the neighbours they had.

    table: opened, or its folder. against: the number of an earlier version, or another table of the same ids. entities:
    ids; all of both when left out. replicates: tables that were learnt again, two or more, to measure chance by. k:
    neighbours. seed: of draws. Raises InputError where nothing is in both, TableError for what is no table.
    """
    from graft.tables.table import EmbeddingTable
    from graft.watch.neighbours import check_table

    def opened(one: "EmbeddingTable | str | Path") -> EmbeddingTable:
        return one if isinstance(one, EmbeddingTable) else EmbeddingTable.open(one)

    return check_table(
        opened(table), against if isinstance(against, int) else opened(against),
        entities=None if entities is None else several(entities), replicates=[opened(one) for one in replicates],
        k=k, seed=seed,
    )  # fmt: skip


def watch_report(model: "Watch | str | Path", out: str | Path = "watch.html") -> Path:
    """Write one self-contained page of what a watch found; where it is.

    model: a watch, or the folder of the bundle or shop that is watched, which need not be there any more. out: a file
    that ends in .html. Raises InputError without a baseline.
    """
    from graft.core.places import require_output
    from graft.report.watch import write_watch_page
    from graft.watch.story import watch_story

    page = Path(out)
    require_output(page, ends=(".html",))
    write_watch_page(watch_story(Path(model) if isinstance(model, str | Path) else model.model), page)
    return page


def audit_associations(
    *,
    source: str | None = None,
    table: "EmbeddingTable | str | Path | None" = None,
    test: Names = (),
    spec: str | Path | None = None,
    sentences: bool = False,
    bundle: "Bundle | str | Path | None" = None,
    rows: Any = None,
    encoding: str | None = None,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | bool = False,
) -> "AssociationAudit":
    """Which words lie nearer to which others in a source of texts, or which rows of a table do (WEAT, SEAT).

    source: a reference; ``minilm`` when no table is named. table: one whose ids are the words, or its folder. test:
    ``weat1`` to ``weat10``, or ``all``; all when no ``spec`` is given. spec: a YAML file of tests of your own.
    sentences: put words into sentences where a test brings none. bundle: a saved model instead: the source inside it is
    asked, and whether its head follows what is found, on ``rows`` like those it is for. encoding: what a text file of
    rows is written in, where it is not recognised. level: of the intervals, and of the chance that no
    test finds what is not there. seed: of drawn arrangements.

    The record has for each test the effect with its interval, p-values and what was not known, and a finding each.
    Raises InputError for tests that cannot be made, SourceError and TableError for what cannot be read.
    """
    from graft.audit.word_tests import SENTENCES, named_tests, read_tests

    named = {"a source": source, "a table": table, "a bundle": bundle}
    given = [name for name, one in named.items() if one is not None]
    if len(given) > 1:
        raise InputError(" and ".join(given), needed="one of them", fix="audit one after the other")
    if (bundle is None) != (rows is None):
        raise InputError(
            "a bundle without rows" if rows is None else "rows without a bundle",
            needed="both: whether a head follows an association is seen in what it decides about rows",
            fix="--bundle study/bundle --rows holdout.csv",
        )
    if not 0.5 < level < 1:
        raise InputError(f"level={level}", needed="a share between 0.5 and 1", fix="use 0.95")
    tests = [*(read_tests(Path(spec)) if spec is not None else ()), *named_tests(several(test))]
    tests = tests or list(named_tests(["all"]))
    if sentences:
        tests = [one if one.sentences else replace(one, sentences=SENTENCES) for one in tests]

    from graft.audit.associations import audit_associations as audited
    from graft.audit.associations import words_of_source, words_of_table
    from graft.representations.sources import resolve_source
    from graft.tables.table import EmbeddingTable

    if bundle is not None:
        from graft.audit.uses import with_word_uses
        from graft.bundle.bundle import Bundle
        from graft.rows.table import read_frame

        model = bundle if isinstance(bundle, Bundle) else load(bundle)
        if model.model.source is None:
            raise InputError(
                f"{model.folder}, which reuses no source", needed="a model on vectors of one", fix="audit a source"
            )
        table_of_rows = read_frame(rows, encoding=encoding)
        words = words_of_source(tests, model.model.source, progress=as_progress(progress))
        found = audited(tests, words, level=level, seed=seed)
        return with_word_uses(found, tests, model, table_of_rows, progress=as_progress(progress))
    if table is None:
        words = words_of_source(tests, resolve_source(source or "minilm"), progress=as_progress(progress))
    else:
        words = words_of_table(tests, table if isinstance(table, EmbeddingTable) else EmbeddingTable.open(table))
    return audited(tests, words, level=level, seed=seed)


def audit_groups(
    bundle: "Bundle | str | Path",
    rows: Any,
    *,
    sensitive: Names,
    favourable: str = "",
    large: float = 0.05,
    least: int = 10,
    against: "Bundle | str | Path | None" = None,
    costs: str | Path | None = None,
    encoding: str | None = None,
    level: float = 0.95,
    seed: int = 0,
    keep: bool = True,
    progress: Progress | bool = False,
) -> "GroupAudit":
    """How differently a model treats groups of rows, how surely, and whether reuse widens it.

    bundle: a saved model, or its folder. rows: like those it is for, with labels where they are known, as ``study``
    takes them. sensitive: the columns whose groups are compared, and where they meet; the model need not read them.
    favourable: which of two classes the figures are of; the second when empty. large: from where on a gap of shares
    matters. least: rows that a group needs to be judged. against: another bundle, compared on the same rows. costs: a
    table of what errors cost, instead of the bundle's. level: of the intervals, and of the chance that nothing is found
    where nothing differs. seed: of permutations. keep: what is found goes into the addendum beside the bundle and into
    the ledger, from where its card and its bills of materials take it.

    The record has every figure in every group with its interval, gaps, equalized odds, what reuse changes, and
    findings. Raises InputError for columns that are not there or say nothing, BundleError for what is no bundle.
    """
    from graft.bundle.audits import keep_audit, require_room
    from graft.bundle.folders import require_bundle
    from graft.inputs.contract import require_columns
    from graft.rows.table import read_frame

    if not 0.5 < level < 1:
        raise InputError(f"level={level}", needed="a share between 0.5 and 1", fix="use 0.95")
    if not 0 < large < 1:
        raise InputError(f"large={large}", needed="a share between 0 and 1", fix="use 0.05")
    if least < 2:
        raise InputError(f"least={least}", needed="2 rows or more", fix="use 10")
    for one in (bundle, against):
        if isinstance(one, str | Path):
            require_bundle(Path(one))
    if keep:
        require_room(Path(bundle) if isinstance(bundle, str | Path) else bundle.folder)
    table = read_frame(rows, encoding=encoding)
    require_columns(table, list(several(sensitive)))

    from graft.audit.groups import audit_groups as audited
    from graft.bundle.loading import load_bundle
    from graft.bundle.predictions import in_words_of
    from graft.decisions.costs import load_costs

    def loaded(one: "Bundle | str | Path") -> "Bundle":
        return load_bundle(Path(one)) if isinstance(one, str | Path) else one

    model = loaded(bundle)
    contract = model.contract
    found = audited(
        model,
        in_words_of(table, contract),
        several(sensitive),
        favourable=favourable,
        large=large,
        least=least,
        against=None if against is None else loaded(against),
        costs=None if costs is None else load_costs(costs, contract.labels, task=str(contract.task)),
        level=level,
        seed=seed,
        progress=as_progress(progress),
    )
    if keep:
        keep_audit(model.folder, found, about=", ".join(several(sensitive)))
    return found


def audit_leakage(
    *,
    table: "EmbeddingTable | str | Path",
    attribute: Names,
    given: Names = (),
    group: str = "",
    rows: Any = None,
    id: str = "",  # noqa: A002 - the field's own word
    task: str = "",
    erase_into: str | Path | None = None,
    encoding: str | None = None,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | bool = False,
) -> "LeakageAudit":
    """Whether the vectors of a table tell an attribute, where its groups gather, and what erasing it would do.

    table: opened, or its folder. attribute: columns; numbers of many values are told apart by quarters. given: columns
    that may be known: asked is what vectors tell beyond them. group: a column whose rows belong together (a person).
    rows: a file or frame with these columns, joined to the table by its column ``id``; columns of the table itself when
    left out. task: a column that erasing should not harm. erase_into: a folder for a new table of erased vectors; none
    is made when left out. encoding: of a text file. level: of intervals, and of the chance that the audit finds nothing
    where there is nothing. seed: of everything random.

    The record has probes with intervals and p-values, clusters, what erasure takes, leaves and costs, and findings.
    Raises InputError for what cannot be asked, TableError for what is no table, OutputError where the new table cannot
    be.
    """
    names, allowed = several(attribute), several(given)
    if not names:
        raise InputError("no attribute", needed="one or more columns", fix="--attribute COLUMN")
    roles = {"given": allowed, "group": (group,) if group else (), "task": (task,) if task else ()}
    for role, columns in roles.items():
        if both := [one for one in columns if one in names]:
            raise InputError(
                f"{both[0]!r} as attribute and as {role}", needed="another column", fix=f"leave it out of {role}"
            )
    if not 0.5 < level < 1:
        raise InputError(f"level={level}", needed="a share between 0.5 and 1", fix="use 0.95")
    from graft.tables.table import EmbeddingTable

    opened = table if isinstance(table, EmbeddingTable) else EmbeddingTable.open(table)
    into = None if erase_into is None else Path(erase_into)
    if into is not None:
        from graft.representations.new_folder import require_free

        require_free(into)
    from graft.audit.table_columns import read_table_columns

    wanted = list(dict.fromkeys([*names, *allowed, *roles["group"], *roles["task"]]))
    columns_read = read_table_columns(opened, wanted, rows=rows, id_column=id, encoding=encoding)

    from graft.audit.leakage import LeakageQuestion, with_table
    from graft.audit.leakage import audit_leakage as audited
    from graft.audit.leakage_eraser import erasing_of

    erasing = None if into is None else erasing_of(opened, columns_read, names, allowed, seed=seed)
    question = LeakageQuestion(tuple(dict.fromkeys(names)), allowed, group, task)
    found = audited(columns_read, question, level=level, seed=seed, progress=as_progress(progress))
    if into is None or erasing is None:
        return found
    from graft.tables.erased import write_erased

    write_erased(opened, into, erasing)
    return with_table(found, str(into))


def audit_recommender(
    shop: "Recommender | str | Path",
    *,
    attribute: str,
    items: Any = None,
    users: Any = None,
    sensitive: str = "",
    k: int = 20,
    sample: int = 2_000,
    merit: str = "held-out",
    later: Any = None,
    at_least: float | None = None,
    dislike_below: float | None = None,
    discount: str = "log",
    level: float = 0.95,
    seed: int = 0,
    keep: bool = True,
    progress: Progress | bool = False,
) -> "RecommenderAudit":
    """Who gets the attention of a recommender's lists, against the catalogue and against merit, and for whom the lists
    are good.

    shop: a recommender, or the folder of one. attribute: a column of its items, kept or used at the fit, or of
    ``items``, a table joined by id. sensitive: a column of ``users``, a table of users. k: places of a list. sample: so
    many users at most, drawn. merit: ``held-out`` (the newest fifth of what each user took, and a model that did not
    see it), ``later`` (events in ``later``, read as ``at_least`` and ``dislike_below`` say, and the shop's own lists),
    ``model`` (the shop's own scores) or ``none``. discount: what a place is worth: ``log``, ``reciprocal``,
    ``geometric`` or ``even``. level: of the intervals, and of the chance that nothing is found where all are treated
    alike. keep: as for ``audit_groups``, of a shop in a folder that says what it was made from.

    Raises InputError for what cannot be audited, BundleError for a folder that is no shop.
    """
    from graft.audit.exposure import require_settings
    from graft.evidence.exposure import discount_named
    from graft.recommend.audited import audited_lists, require_merit

    require_settings(k, level, sample)
    discount_named(discount)
    merit = require_merit(merit, later)
    if (users is None) != (not sensitive):
        raise InputError(
            f"{'no ' if users is None else ''}users and {'no ' if not sensitive else ''}attribute of theirs are given",
            needed="both or neither: a table of users, and which of its columns to ask about",
            fix="give --users and --sensitive (users=, sensitive=)",
        )

    from graft.audit.group_columns import joined_groups, shop_groups
    from graft.audit.recommender import audit_lists
    from graft.recommend.recommender import EventReading, Recommender

    digest, name, folder = "", "a recommender", None
    if not isinstance(shop, Recommender):
        from graft.bundle.audits import keep_audit, require_room
        from graft.bundle.folders import settled
        from graft.bundle.manifest import read_manifest
        from graft.bundle.shop_lineage import read_lineage

        folder = settled(Path(shop))
        digest, name = read_manifest(folder).seal, str(shop)
        keep = keep and read_lineage(folder) is not None
        if keep:
            require_room(Path(shop))
        shop = Recommender.load(shop)
    served = shop.shop
    groups = shop_groups(served, attribute, items)
    # Read before the lists are made, so that what cannot be read is told before the work.
    people = None if users is None else joined_groups(users, sensitive, served.people.names, what="users")
    events = None
    if later is not None:
        reading = EventReading(at_least=at_least, dislike_below=dislike_below)
        events = shop.read_as(reading).read(later)
    shown = audited_lists(
        served, k=k, sample=sample, merit=merit, later=events, seed=seed, progress=as_progress(progress)
    )
    if people is not None:
        people = people.take([served.people.places[one] for one in shown.users])
    found = audit_lists(shown, groups, of=name, digest=digest, people=people, discount=discount, level=level, seed=seed)
    if keep and folder is not None:
        keep_audit(folder, found, about=", ".join(filter(None, (attribute, sensitive))))
    return found


def audit_search(
    table: "EmbeddingTable | str | Path",
    *,
    attribute: str,
    queries: Any = None,
    merit: str = "",
    k: int = 20,
    sample: int = 2_000,
    discount: str = "log",
    level: float = 0.95,
    seed: int = 0,
) -> "SearchAudit":
    """Who is found when a table is searched, and whether queries of a group find more of their own.

    table: one, or its folder. attribute: a column of its rows. queries: a table with a column ``id`` (of rows) or
    ``query`` (texts), and the attribute where the groups of texts are known; the rows themselves ask when None,
    ``sample`` of them at most. merit: a column of numbers, how much attention each row deserves. k: places of a result.
    discount, level: as for ``audit_recommender``.

    Raises InputError for what cannot be audited, TableError for what is no table.
    """
    from graft.audit.exposure import require_settings
    from graft.evidence.exposure import discount_named

    require_settings(k, level, sample)
    discount_named(discount)

    from graft.audit.group_columns import table_groups
    from graft.audit.search import audit_found, find_rows
    from graft.tables.table import EmbeddingTable

    opened = table if isinstance(table, EmbeddingTable) else EmbeddingTable.open(table)
    still = opened.as_of(opened.version)
    groups, deserved = table_groups(still, attribute, merit)
    found = find_rows(still, groups, queries, k=k, sample=sample, seed=seed)
    return audit_found(
        found, groups, of=f"table {still.path.name}, version {still.version}", merit=deserved, merit_is=merit,
        discount=discount, level=level, seed=seed,
    )  # fmt: skip


def audit_swaps(
    bundle: "Bundle | str | Path",
    rows: Any,
    *,
    terms: str | Path | None = None,
    text: Names = (),
    favourable: str = "",
    margin: float | None = None,
    level: float = 0.95,
    encoding: str | None = None,
    seed: int = 0,
    keep: bool = True,
    progress: Progress | bool = False,
) -> "SwapAudit":
    """Whether a bundle says something else of texts when they are about somebody else.

    bundle: loaded, or its folder. rows: as ``data`` for ``study``, best rows that the bundle has not learnt from; with
    their labels it is also judged how they are ranked. terms: a YAML file of identities and their words; those that
    come with Graft (English) when left out. text: columns in which words are exchanged; all texts when left out.
    favourable: the class or label that everything is said about. margin: the least share of decisions, or shift of a
    probability, that matters: 0.05; for values in standard deviations of them: 0.1. level: of the intervals, and of the
    chance that an audit of a model that treats all alike finds nothing. encoding: as for ``study``. seed: of samples,
    where there are too many rows for all. keep: as for ``audit_groups``.

    The record has what changes for each two identities, for each against the others, three areas under the ROC curve
    for each, what words do that mean nobody, and a finding for each. Raises InputError for what cannot work, before
    anything is scored.
    """
    from graft.audit.identity_terms import read_terms, usual_terms
    from graft.bundle.audits import keep_audit, require_room
    from graft.bundle.folders import require_bundle
    from graft.rows.table import Table, read_frame

    if not 0.5 < level < 1:
        raise InputError(f"level={level}", needed="a share between 0.5 and 1", fix="use 0.95")
    if isinstance(bundle, str | Path):
        require_bundle(Path(bundle))
    if keep:
        require_room(Path(bundle) if isinstance(bundle, str | Path) else bundle.folder)
    listed = usual_terms() if terms is None else read_terms(Path(terms))
    table = rows if isinstance(rows, Table) else read_frame(rows, encoding=encoding)
    opened = load(bundle) if isinstance(bundle, str | Path) else bundle

    from graft.audit.swaps import audit_swaps as audited
    from graft.bundle.predictions import in_words_of

    found = audited(
        opened, in_words_of(table, opened.contract), listed, text=several(text), favourable=favourable, margin=margin,
        level=level, seed=seed, progress=as_progress(progress),
    )  # fmt: skip
    if keep:
        named = listed.of if terms is None else Path(terms).name
        keep_audit(opened.folder, found, about=f"whom texts are about ({named})")
    return found


def load(folder: str | Path) -> "Bundle":
    """A saved model, verified file by file and made to repeat its stored predictions. Raises BundleError."""
    from graft.bundle.folders import require_bundle

    require_bundle(Path(folder))
    from graft.bundle.loading import load_bundle

    return load_bundle(Path(folder))
