"""Sentences about a table: what was found in it, and what not to read into it."""

from graft.facts.table import MapFacts, OutlierFacts, TableOverview
from graft.report.shared.formats import count, number, percent, plural

_FAITHFUL = 0.5


def summary(overview: TableOverview) -> str:
    """What the rows look like, in one or two sentences."""
    groups = len(overview.clustering.clusters)
    rows = plural(overview.analysed, "row")
    parts = [
        f"{rows} in {plural(groups, 'group')}" if groups > 1 else f"{rows} in one group",
        outliers_found(overview.outliers),
        f"{plural(overview.duplicates.rows, 'row')} nearly repeat another"
        if overview.duplicates.rows
        else "no row nearly repeats another",
    ]
    return f"{'; '.join(parts)}."


def outliers_found(facts: OutlierFacts) -> str:
    """How many rows are remote, beside the number that chance would give."""
    if facts.line is None:
        return f"no line for outliers could be drawn ({facts.absent})"
    about = max(1, round(facts.expected))
    stand = (
        f"{plural(facts.found, 'row')} {'stands' if facts.found == 1 else 'stand'}" if facts.found else "no row stands"
    )
    return f"{stand} far from all others (about {count(about)} would in a table without outliers)"


def outliers_meaning(facts: OutlierFacts) -> str:
    """Whether there are more outliers than chance gives."""
    if facts.line is None or not facts.found:
        return ""
    if facts.found > 2 * facts.expected + 3:
        return "That is clearly more than chance: rare kinds, or rows that do not belong to the rest."
    return "That is no more than chance: read them as the edge of the table, not as errors."


def separation_words(overview: TableOverview) -> str:
    """How the number of clusters was chosen and whether they are more than pieces of one cloud."""
    facts = overview.clustering
    if len(facts.clusters) < 2:
        return "There are too few different rows to form groups."
    chosen = (
        f"{plural(len(facts.clusters), 'group')}, the fewest whose separation (mean silhouette, up to 1) is within one "
        f"standard error of the best of {', '.join(str(one.clusters) for one in facts.tried)} tried. "
        f"Separation is {number(facts.separation, 3)}; one cloud as wide, without groups, reaches "
        f"{number(facts.unstructured, 3)}"
    )
    if facts.distinct:
        return f"{chosen}, so the groups are real, though their edges may be soft."
    return f"{chosen}, so there is no evidence of separate kinds: read the groups as pieces of one cloud."


def map_words(facts: MapFacts) -> str:
    """What a map shows and what it loses."""
    parts = []
    if facts.explained is not None:
        parts.append(f"{percent(facts.explained)} of the variance is on this map")
    if facts.kept is not None and facts.trust is not None:
        parts.append(
            f"{percent(facts.kept)} of the ten nearest rows of a row are among its ten nearest on the map "
            f"(trustworthiness {number(facts.trust, 2)}, where 0.5 is chance and 1 is perfect)"
        )
    return "; ".join(parts) + "." if parts else ""


def table_cautions(overview: TableOverview) -> tuple[str, ...]:
    """What a reader could get wrong."""
    told = []
    if overview.analysed < overview.rows:
        told.append(
            f"Groups, outliers and near-duplicates are of a random sample of {count(overview.analysed)} of "
            f"{plural(overview.rows, 'row')}; near-duplicates of rows outside the sample are not seen."
        )
    shown = len(overview.points.rows)
    if shown < overview.analysed:
        told.append(
            f"The map shows {count(shown)} of {plural(overview.analysed, 'row')}, drawn at random; neighbours told "
            f"there are the nearest among these."
        )
    kept = [one.kept for one in overview.maps if one.kept is not None]
    if kept and max(kept) < _FAITHFUL:
        told.append(
            "The map is flat and the space is not: most rows that look close on it are not each other's nearest. "
            "Pick a row to see its true neighbours."
        )
    if len(overview.clustering.clusters) > 1 and not overview.clustering.distinct:
        told.append("The groups are not clearly apart: their borders are where the method drew them.")
    return tuple(told)
