"""``python -m bench [name [option=value ...] ...]``: run measurements and print one JSON line each.

Names: import, frozen, full, quick, study, out-of-scope, out-of-scope-study (4,500 rows), verdicts (simulated studies,
over an hour), verdicts-quick, regret, prior, contrasts, prospective, images, audio, digits, speakers, words, few-labels
(against SetFit, in an environment of its own), rankings, adult (real draws, hours each: ``regret draws=3
names=hwu64,tram sizes=8,32 keep=build/draws.jsonl``, where ``keep`` lets a run go on that was stopped), ledger, assets,
register, check, embed, query, pictures, pictures-study, clips (speed of media), tables, search, exact, crossover,
updating, million (a table of a million rows), million-index. Without a name all run, but for those that take hours. The
real rows lie beside the project, in ``../shared/data``.
"""

import json
import sys

from bench import (
    adult,
    audio,
    contrasts,
    embed,
    few_labels,
    governance,
    images,
    ledger,
    measure,
    media,
    out_of_scope,
    pretrained,
    prior,
    rankings,
    regret,
    search,
    tables,
    verdicts,
    words,
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
    "rankings": rankings.rankings,
    "audio": audio.audio,
    "digits": pretrained.digits,
    "speakers": pretrained.speakers,
    "words": words.words,
    "few-labels": few_labels.few_labels,
    "adult": adult.adult,
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
    "query": embed.one_query,
    "tables": tables.upsert_ratio,
    "search": search.graph,
    "exact": search.exact,
    "crossover": search.crossover,
    "updating": search.updating,
    "million": tables.million_rows,
    "million-index": search.million,
}


HOURS = (
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
    "few-labels",
    "rankings",
    "adult",
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
