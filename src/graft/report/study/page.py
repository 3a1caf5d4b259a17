"""The report: one HTML page, whole in itself.

Decisions: nothing is loaded from anywhere and nothing runs (no script at all; a content security policy says so to the
browser); everything printed is escaped by default and cleaned of control characters; long lists fold with the
browser's own means and unfold in print; the same record gives the same bytes.
"""

from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from graft.core.files import write_text
from graft.facts.study import StudyRecord
from graft.report.shared import formats
from graft.report.shared.environment import file_as_it_is, templates
from graft.report.study import claims, views, words
from graft.report.study.cautions import cautions
from graft.report.study.contents import GLOSSARY, TITLES, sections
from graft.report.study.plots.candidates import candidate_plot, holdout_plot
from graft.report.study.plots.cost import beyond_cost_plot, cost_plot
from graft.report.study.plots.decisions import policy_plot, reliability_plot, share_bar
from graft.report.study.plots.extent import ranked
from graft.report.study.plots.learning import learning_plot, training_panels


def render_page(record: StudyRecord) -> str:
    """The report of a study as HTML."""
    curves = (Markup(""), ()) if record.learning_curve is None else learning_plot(record, record.learning_curve)
    page = _environment().get_template("page.html.j2")
    return page.render(
        record=record,
        style=Markup(file_as_it_is("shared", "style.css")),
        holdout=words.holdout_spans(record),
        held=claims.held_words(record),
        metric=words.metric_words(record.metric),
        badge=views.BADGES[record.verdict.outcome],
        chosen=words.facts_of(record, record.verdict.chosen),
        control=words.best_control(record),
        shipped=words.facts_of(record, record.verdict.shipped),
        cautions=cautions(record),
        ranked=ranked(record),
        left=views.left_words(record),
        unit=record.decision.unit or "cost units",
        stopped=sum(words.stopped_early(one) for one in record.candidates),
        confusion=views.confusion_view(record.decision.confusion),
        classes=views.weakest_first(record.classes),
        learning_plot=curves[0],
        learning_legend=curves[1],
        training=training_panels(record),
        glossary=GLOSSARY,
        sections=sections(record),
        titles=TITLES,
        first=views.FIRST,
    )


def write_page(record: StudyRecord, path: Path) -> None:
    """Write the report of a study to ``path``, whole or not at all."""
    write_text(path, render_page(record))


@cache
def _environment() -> Environment:
    return templates(
        "study",
        {
            "large": formats.large,
            "duration": formats.duration,
            "memory": formats.memory,
            "disk": formats.disk,
            "interval": formats.with_interval,
            "range": formats.between_alone,
            "called": words.choice_name,
            "gain": words.gain_words,
            "gain_alone": words.gain_alone,
            "gain_range": words.gain_range,
            "bracketed": formats.between,
            "estimate": formats.estimate,
            "cue": words.cue_words,
            "bar": share_bar,
        },
        {
            "candidate_plot": candidate_plot,
            "beyond_cost_plot": beyond_cost_plot,
            "cost_plot": cost_plot,
            "holdout_plot": holdout_plot,
            "reliability_plot": reliability_plot,
            "roles": words.roles,
            "kept_words": words.kept_words,
            "remarks_of": words.remarks_of,
            "policy_plot": policy_plot,
            "policy_words": words.policy_words,
            "planned": views.planned,
            "content_kind": views.content_kind,
            "sizes": views.sizes,
            "reasons_aside": views.reasons_aside,
            "shipping_words": views.shipping_words,
            "undecided_words": claims.undecided_words,
            "refit_words": claims.refit_words,
            "openings_words": claims.openings_words,
            "is_third": words.is_third,
            "doubt_words": claims.doubt_words,
            "labels_words": claims.labels_words,
            "suspect_words": claims.suspect_words,
            "calibration_words": claims.calibration_words,
            "flattering": claims.flattering,
            "tied_words": views.tied_words,
        },
    )
