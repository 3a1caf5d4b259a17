"""What a table's page shows, as JSON and back."""

import json

from graft.facts.table import TableFacts
from unit.report.tables import friendly


def test_what_is_written_comes_back():
    facts = friendly()
    assert TableFacts.from_json(facts.to_json(), "table.json") == facts


def test_the_first_schema_is_still_read():
    given = json.loads(friendly().to_json())
    given["text"] = given.pop("content")
    old = json.dumps(given | {"schema": "graft/table/1"})
    assert TableFacts.from_json(old, "table.json") == friendly()
