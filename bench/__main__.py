"""``python -m bench [name ...]``: run measurements and print one JSON line each.

Names: import, frozen, full, quick, study, out-of-scope, verdicts (simulated studies, over an hour), verdicts-quick,
ledger, assets, register, check, embed, query, tables, search, exact, crossover, updating, million (a table of a million
rows), million-index. The real rows lie beside the project, in ``../shared/data``.
"""

import json
import sys

from bench import embed, governance, ledger, measure, out_of_scope, search, tables, verdicts

ALL = {
    "import": measure.import_time,
    "frozen": measure.frozen_cross_validation,
    "full": measure.full_steps,
    "quick": measure.quick_study,
    "study": measure.standard_study,
    "out-of-scope": out_of_scope.out_of_scope,
    "verdicts": verdicts.verdicts,
    "verdicts-quick": verdicts.quick_verdicts,
    "ledger": ledger.ledger_events,
    "assets": ledger.registry_reading,
    "register": governance.register_source,
    "check": governance.check_lineage,
    "embed": embed.encoding,
    "query": embed.one_query,
    "tables": tables.upsert_ratio,
    "search": search.graph,
    "exact": search.exact,
    "crossover": search.crossover,
    "updating": search.updating,
    "million": tables.million_rows,
    "million-index": search.million,
}


def main() -> None:
    for name in sys.argv[1:] or ALL:
        print(json.dumps({"bench": name, **ALL[name]()}), flush=True)


if __name__ == "__main__":
    main()
