"""A check as gauges in the text format of Prometheus, for a node exporter's folder of text files.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from pathlib import Path

from graft.facts.watch import WatchCheck

_BUNDLE = "bundle"  # as every study names it
_OUTCOMES = ("quiet", "look", "act")


def prometheus(found: WatchCheck, *, name: str) -> str:
    """The check as text. name: of the bundle, as a label of every gauge."""
    lines: list[str] = []

    def told(gauge: str, means: str, values: list[tuple[dict[str, str], float]]) -> None:
        lines.extend((f"# HELP graft_watch_{gauge} {means}", f"# TYPE graft_watch_{gauge} gauge"))
        for labels, value in values:
            inside = ",".join(f'{key}="{_escaped(held)}"' for key, held in {"bundle": name, **labels}.items())
            lines.append(f"graft_watch_{gauge}{{{inside}}} {value:.10g}")

    told("outcome", "0 quiet, 1 look, 2 act", [({}, float(_OUTCOMES.index(found.outcome)))])
    told("batch_number", "Checks since the first", [({}, float(found.number))])
    told("rows", "Rows given", [({}, float(found.rows))])
    told("rows_compared", "Rows that were compared", [({}, float(found.usable))])
    told("evidence", "What bets against no change have won; an alarm from 1 / level on", [({}, found.evidence)])
    if found.highest is not None:
        told("evidence_highest", "The most it was since it began, by which an alarm stands", [({}, found.highest)])
    shifts = [({"detector": one.detector, "segment": one.segment}, one) for one in found.shifts]
    told("shift_p_value", "p-value after all that was looked at", [(key, one.adjusted) for key, one in shifts])
    told(
        "shift_effect", "How far it moved, in the unit of the detector", [(key, one.effect.mean) for key, one in shifts]
    )
    told(
        "quality_estimated", "Estimated without labels",
        [({"quality": one.quality}, one.estimated.mean) for one in found.quality if one.estimated is not None],
    )  # fmt: skip
    told(
        "quality_measured", "Measured on labels",
        [({"quality": one.quality}, one.measured.mean) for one in found.quality if one.measured is not None],
    )  # fmt: skip
    told(
        "quality_trusted", "1 while labels do not contradict the estimate",
        [({"quality": one.quality}, float(one.trusted)) for one in found.quality],
    )  # fmt: skip
    if found.arrivals is not None:
        told("labels_counted", "Rows whose labels count", [({}, float(found.arrivals.counted + found.arrivals.late))])
        told("labels_left", "Rows left until their labels had time", [({}, float(found.arrivals.left))])
    slopes = [one for one in found.ages if one.by_age is not None]
    if slopes:
        told(
            "quality_by_age", "Change of quality for each 30 days that vectors are old",
            [({"quality": one.quality}, one.by_age.mean) for one in slopes if one.by_age is not None],
        )  # fmt: skip
        told("stale", "1 while vectors are stale", [({"quality": one.quality}, float(one.stale)) for one in slopes])
    return "\n".join(lines) + "\n"


def series_name(model: Path) -> str:
    """What the gauges call a model: its folder, with that of the study before it where it is named as every study names
    its bundle, since a scrape of two files that say the same of two models fails whole.

    >>> series_name(Path("/models/tickets/bundle")), series_name(Path("/models/shop"))
    ('tickets/bundle', 'shop')
    """
    whole = model.absolute()
    return "/".join(whole.parts[-2:]) if whole.name == _BUNDLE and whole.parent.name else whole.name


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
