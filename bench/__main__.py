"""``python -m bench [name [option=value ...] ...]``: run measurements and print one JSON line each.

Names: import, factors (``peer=PYTHON``, an interpreter that has irspack), company (``peer=PYTHON``, one that has
implicit), events (``rows=10000000 form=csv.gz fit=1``), frozen, full, quick, study, out-of-scope, out-of-scope-study
(4,500 rows), verdicts (simulated studies, over an hour), verdicts-quick, regret, prior, contrasts, prospective, images,
audio, digits, speakers, words, words-watched, few-labels (against SetFit, in an environment of its own), rankings,
movielens, adult, detectors, detectors-power, detectors-groups, detectors-evidently (``peer=PYTHON``, one that has
Evidently; draws, hours each: ``regret draws=3 names=hwu64,tram sizes=8,32 keep=build/draws.jsonl``, where ``keep`` lets
a run go on that was stopped), unlabelled, labels, labels-real, windows (quality without labels and with few; ``windows
peer=PYTHON``, one that has NannyML), detectors-speed, watch-check (what a whole check costs), watch-million (batches of
any size in bounded memory), watch-history (ten thousand checks), audit-groups (false findings and power of whole
audits), audit-leakage (false findings, coverage and power of probes),
audit-leakage-whole, audit-exposure (the same of rankings, and
intervals), audit-swaps (of exchanged words, an hour), ledger, assets, register, check, embed, query, pictures,
pictures-study, clips (speed of media), tables, search, exact, crossover, updating, million (a table of a million rows),
million-index. Without a name all run, but for those that take hours. The real rows lie beside the
project, in ``../shared/data``.
"""

import json
import sys

from bench import (
    adult,
    audio,
    audit_exposure,
    audit_groups,
    audit_swaps,
    columns,
    company,
    contrasts,
    embed,
    events,
    factors,
    few_labels,
    governance,
    images,
    leakage,
    ledger,
    measure,
    media,
    movielens,
    out_of_scope,
    poison,
    pretrained,
    prior,
    rankings,
    regret,
    search,
    tables,
    unlabelled,
    verdicts,
    watch_check,
    watch_detectors,
    watch_history,
    watch_million,
    words,
    words_watched,
)

ALL = {
    "import": measure.import_time,
    "frozen": measure.frozen_cross_validation,
    "full": measure.full_steps,
    "quick": measure.quick_study,
    "study": measure.standard_study,
    "out-of-scope": out_of_scope.out_of_scope,
    "out-of-scope-study": out_of_scope.whole_study,
    "verdicts": verdicts.verdicts,
    "verdicts-quick": verdicts.quick_verdicts,
    "regret": regret.regret,
    "images": images.images,
    "factors": factors.factors,
    "events": events.events,
    "company": company.company,
    "movielens": movielens.movielens,
    "rankings": rankings.rankings,
    "audio": audio.audio,
    "digits": pretrained.digits,
    "speakers": pretrained.speakers,
    "words": words.words,
    "words-watched": words_watched.words_watched,
    "few-labels": few_labels.few_labels,
    "adult": adult.adult,
    "audit-exposure": audit_exposure.audit_exposure,
    "prior": prior.prior,
    "contrasts": contrasts.contrasts,
    "prospective": contrasts.prospective,
    "ledger": ledger.ledger_events,
    "assets": ledger.registry_reading,
    "register": governance.register_source,
    "check": governance.check_lineage,
    "embed": embed.encoding,
    "pictures": media.pictures,
    "pictures-study": media.pictures_study,
    "clips": media.clips,
    "unlabelled": unlabelled.unlabelled,
    "labels": unlabelled.labels,
    "labels-real": unlabelled.labels_real,
    "windows": unlabelled.windows,
    "query": embed.one_query,
    "tables": tables.upsert_ratio,
    "search": search.graph,
    "exact": search.exact,
    "crossover": search.crossover,
    "updating": search.updating,
    "million": tables.million_rows,
    "million-index": search.million,
    "poison": poison.poison,
    "detectors": watch_detectors.detectors,
    "detectors-power": watch_detectors.power,
    "detectors-groups": watch_detectors.groups,
    "detectors-evidently": watch_detectors.evidently,
    "columns": columns.columns,
    "columns-planted": columns.columns_planted,
    "detectors-speed": watch_detectors.speed,
    "watch-check": watch_check.watch_check,
    "watch-million": watch_million.watch_million,
    "watch-history": watch_history.watch_history,
    "audit-groups": audit_groups.audit_groups,
    "audit-leakage": leakage.audit_leakage,
    "audit-leakage-whole": leakage.whole_audits,
    "audit-swaps": audit_swaps.audit_swaps_rates,
}


HOURS = (
    "audit-swaps",
    "out-of-scope-study",
    "verdicts",
    "regret",
    "prior",
    "contrasts",
    "prospective",
    "images",
    "audio",
    "digits",
    "speakers",
    "words",
    "words-watched",
    "few-labels",
    "rankings",
    "events",
    "company",
    "movielens",
    "adult",
    "audit-exposure",
    "detectors",
    "detectors-power",
    "detectors-groups",
    "detectors-evidently",
    "columns",
    "columns-planted",
    "watch-history",
    "audit-leakage",
    "audit-leakage-whole",
)


def main() -> None:
    runs: list[tuple[str, dict[str, object]]] = []
    for word in sys.argv[1:] or [name for name in ALL if name not in HOURS]:
        name, given, value = word.partition("=")
        if given:
            runs[-1][1][name] = int(value) if value.isdigit() else tuple(filter(None, value.split(",")))
        else:
            runs.append((name, {}))
    for name, options in runs:
        print(json.dumps({"bench": name, **ALL[name](**options)}), flush=True)


if __name__ == "__main__":
    main()
