"""A ranking of sources in the terminal: a table, what its columns mean, and what earlier rankings were worth."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from graft.facts.ranking import HindsightRecord, RankedSource, RankingHindsight, RankingRecord, RankingScore
from graft.report.shared.formats import clean, plural

_LISTED = 5
_NAMED, _WIDE = 16, 1000


def print_ranking(record: RankingRecord, console: Console) -> None:
    """Show a ranking to a person."""
    whole = _table(record)
    needed = Measurement.get(console, console.options.update_width(_WIDE), whole).maximum
    # On a narrow terminal what other rows could change stands below each score.
    console.print(whole if needed <= console.width else _table(record, "\n"))
    for line in _lines(record):
        console.print(Text(clean(line)))


def _table(record: RankingRecord, between: str = " ") -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("source", overflow="fold", min_width=_NAMED, max_width=2 * _NAMED)
    if len(record.sources) > 1:
        table.add_column("first in", justify="right", no_wrap=True)
    for name in _shown(record):
        table.add_column(name, no_wrap=True)
    for one in record.sources:
        cells = [str(one.place), _name(one, record)]
        if len(record.sources) > 1:
            cells.append(f"{one.first:.0%}")
        cells += [_score(score, between) for score in one.scores if score.name in _shown(record)]
        table.add_row(*map(Text, cells), style="bold" if one.place == 1 else None)
    return table


def _shown(record: RankingRecord) -> list[str]:
    """The scores that some source has."""
    there = {score.name for one in record.sources for score in one.scores if score.value is not None}
    return [score.name for score in record.sources[0].scores if score.name in there]


def _name(one: RankedSource, record: RankingRecord) -> str:
    """The reference; a folder by its last part, where no other source's is called so."""
    kind, _, place = one.reference.partition(":")
    last = place.rstrip("/").rpartition("/")[2]
    alone = sum(other.reference.rstrip("/").endswith(f"/{last}") for other in record.sources) == 1
    return clean(f"path:…/{last}" if kind == "path" and last and alone else one.reference)


def _score(score: RankingScore, between: str) -> str:
    if score.value is None:
        return "-"
    mean, ends = score.value.mean, score.value.ends
    places = 3 if abs(mean) < 10 else 1
    reach = "" if ends is None else f"{between}±{max(mean - ends[0], ends[1] - mean):.{places}f}"
    return f"{mean:.{places}f}{reach}"


def _lines(record: RankingRecord) -> Iterator[str]:
    yield ""
    rows = f"{record.looked_at:,} rows"
    kinds = f" of {plural(record.classes, 'label')}" if record.classes else ""
    yield f"Looked at {rows}{kinds}; ± is what other rows could have changed (95 %)."
    if len(record.sources) > 1:
        yield "first in: how often the source comes first when half of the rows are drawn; far from 100 % is undecided."
    if len(record.sources) == 1:
        yield "One source has nothing to be ranked against: add another with --source."
    for name in _shown(record):
        yield f"{name}: {record.meaning[name]}."
    for one in record.sources:
        yield from _warned(one)
    yield from record.notes
    yield ""
    yield "A ranking shortlists and never decides: graft study tunes the sources and compares them with controls."
    if record.hindsight:
        yield from _hindsight(record)
    else:
        yield "No study has tuned ranked sources on the same rows yet: what such a ranking is worth here is not known."


def _warned(one: RankedSource) -> Iterator[str]:
    for cue in one.cues:
        if cue.warning:
            yield f"! {one.reference}: {cue.name} {cue.value:.2f} ({cue.meaning}): it was not made for rows like these."


def _hindsight(record: RankingRecord) -> Iterator[str]:
    yield _worth(record.hindsight, record.tau)
    for one in record.hindsight[-_LISTED:]:
        tau = "" if one.tau is None else f", tau {one.tau:+.2f}"
        yield f"  study {one.study[:12]}: {one.sources} sources, regret {one.regret:.3f} {one.metric}{tau}"
    if len(record.hindsight) > _LISTED:
        yield f"  and {len(record.hindsight) - _LISTED} earlier ones: graft sources rankings"


def _worth(found: Sequence[RankingHindsight], tau: float | None) -> str:
    many = len(found)
    return (
        f"What {plural(many, 'earlier ranking')} in this ledger {'was' if many == 1 else 'were'} worth, once a study "
        f"had tuned the sources: the first one was the best in {sum(one.regret <= 0 for one in found)}, "
        f"and following it cost {max(one.regret for one in found):.3f} at most"
        + ("." if tau is None else f"; Kendall's tau of all pairs is {tau:+.2f} (1: always right).")
    )


def print_hindsight(record: HindsightRecord, console: Console) -> None:
    """Show what the rankings of a ledger were worth."""
    if not record.hindsight:
        ranked = f"{plural(record.rankings, 'ranking')} of sources in this ledger" if record.rankings else "no ranking"
        console.print(
            Text(
                f"{ranked}, and no study has tuned two of the ranked sources on the same rows yet. Rank first (graft "
                "sources rank), then study the same file with --source for each: what the order was worth is noted."
            )
        )
        return
    for one in record.hindsight:
        tau = "" if one.tau is None else f", tau {one.tau:+.2f}"
        console.print(
            Text(f"study {one.study[:12]}, ranked {one.ranked[:10]}: regret {one.regret:.3f} {one.metric}{tau}")
        )
        for place, source in enumerate(one.order, start=1):
            best = source.score == max(other.score for other in one.order)
            console.print(
                Text(f"  {place}. {clean(source.reference)}  {source.score:.3f}{'  (the best)' if best else ''}")
            )
    console.print(Text(""))
    console.print(Text(_worth(record.hindsight, record.tau)))
    console.print(Text(f"Following the first cost {record.mean_regret:.3f} on average."))
