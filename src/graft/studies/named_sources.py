"""The sources of a study: those that were named, and for rows of several kinds what stands side by side of them.

Decisions: a source is matched to a kind by what it reads, so nobody has to say which is for which; a kind that no named
source reads gets the one that comes with Graft. Two sources of one kind are alternatives. Tried are sources of all
kinds side by side, of every two kinds where there are three, and each source alone, so that a study says whether the
second kind brings anything.
"""

from itertools import combinations, product

from graft.core.errors import InputError, SourceError
from graft.representations.embedded import usual_source
from graft.representations.joined_source import joined_source
from graft.representations.reading import Role
from graft.representations.source import Source
from graft.representations.sources import not_beside, require_may_read, resolve_source
from graft.rows.content import TEXT, ContentKind
from graft.studies.settings import StudySettings

_MOST = 24


def named_sources(settings: StudySettings, kind: ContentKind) -> tuple[Source, ...]:
    """The sources of a study of rows of a kind, read with the prompts that were asked for.

    Raises SourceError for a source that reads no kind of the rows.
    """
    for reference in settings.sources:
        require_may_read(reference, kind)
    named = [resolve_source(reference) for reference in settings.sources]
    if not kind.parts:
        asked = (settings.prompt_of(number) for number in range(len(named)))
        return tuple(
            source.with_prompts({Role.CLASSIFICATION: prompt}) for source, prompt in zip(named, asked, strict=True)
        )
    names = [part.name for part in kind.parts]
    for source in named:
        if source.reading.kind not in names:
            raise not_beside(source.weights.reference, source.reading.kind, kind)
    read = {source.reading.kind for source in named}
    for name in names:
        if name not in read:
            if not (usual := usual_source(name)):
                raise SourceError(f"no source reads {name}", needed="one for each kind", fix="name one: path:DIR")
            named.append(resolve_source(usual))
    return _combined([_prompted(source, place, settings, names) for place, source in enumerate(named)], kind)


def _prompted(source: Source, place: int, settings: StudySettings, names: list[str]) -> Source:
    """One prompt for all is for those that read texts; of several each is for its source."""
    given = settings.prompt_classification
    if not given or (len(given) > 1 and place >= len(settings.sources)):
        return source
    if len(given) == 1 and source.reading.kind != TEXT.name and TEXT.name in names:
        return source
    return source.with_prompts({Role.CLASSIFICATION: settings.prompt_of(place)})


def _combined(sources: list[Source], kind: ContentKind) -> tuple[Source, ...]:
    """All kinds side by side, every two of three, and each source alone."""
    by_kind = [[source for source in sources if source.reading.kind == part.name] for part in kind.parts]
    sizes = range(len(by_kind), 0, -1)
    groups = [group for size in sizes for some in combinations(by_kind, size) for group in product(*some)]
    if len(groups) > _MOST:
        raise InputError(
            f"{len(sources)} sources for {len(by_kind)} kinds, which stand side by side in {len(groups)} ways",
            needed=f"{_MOST} ways at most",
            fix="name fewer: graft sources rank says which suit the labels",
        )
    return tuple(joined_source(group, kind) for group in groups)
