"""The page of an audit: one HTML file, whole in itself.

Decisions: the first screen says in words what is different for whom, how sure that is and what to do, for somebody who
reads no statistics; figures stand below, each group beside the others with its interval. It shares its style with the
report of a study, loads nothing and runs nothing; whatever came with the data is escaped, cleaned and cut; the same
record gives the same bytes.
"""

from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from graft.core.files import write_text
from graft.core.version import __version__
from graft.facts.audit import Audit, ExposureAudit, GroupAudit
from graft.report.audit import exposure_words, plots, words
from graft.report.shared.environment import file_as_it_is, templates

FIRST = 8
TITLES = {
    "findings": "Everything that was asked",
    "shares": "Who is shown",
    "groups": "Groups side by side",
    "transfer": "What reuse changes",
    "figures": "Every figure",
    "words": "How to read this",
}


def render_audit_page(record: Audit) -> str:
    """The page of an audit as HTML."""
    groups = record if isinstance(record, GroupAudit) else None
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            record=record,
            groups=groups,
            titles=TITLES,
            sections=audit_sections(record),
            version=__version__,
            style=Markup(file_as_it_is("shared", "style.css") + file_as_it_is("audit", "page.css.j2")),
            badge=words.audit_badge(record),
            headline=words.headline(record),
            lead=words.lead(record),
            found=[one for one in words.ordered(record.findings) if one.outcome == "found" and one.severity != "none"],
            first=FIRST,
            findings=words.ordered(record.findings),
            todos=words.todos(record),
            mind=words.reservations(record),
            most=plots.MOST,
        )
    )


def write_audit_page(record: Audit, path: Path) -> None:
    """Write the page of an audit to ``path``, whole or not at all. Raises OutputError where it cannot."""
    write_text(path, render_audit_page(record))


def audit_sections(record: Audit) -> tuple[tuple[str, str], ...]:
    """Anchor and title of each section of this page; what has no facts is left out."""
    groups = record if isinstance(record, GroupAudit) else None
    absent = {
        "shares": not isinstance(record, ExposureAudit),
        "groups": groups is None,
        "transfer": groups is None or not any(one.changes for one in groups.transfer),
        "figures": groups is None,
    }
    return tuple((anchor, title) for anchor, title in TITLES.items() if not absent.get(anchor, False))


@cache
def _environment() -> Environment:
    return templates(
        "audit",
        {
            "stop": words.full_stop,
            "state": words.state_words,
            "style": words.state_style,
            "amount": words.amount,
            "spans": words.span_words,
            "p": words.p_words,
            "title": words.figure_title,
            "ratio": exposure_words.ratio_words,
        },
        {
            "group_plot": plots.group_plot,
            "shown": plots.shown_figures,
            "share_rows": exposure_words.share_rows,
        },
    )
