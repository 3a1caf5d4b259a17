"""What a table's page shows, as JSON and back."""

from graft.facts.table import TableFacts
from unit.report.tables import friendly


def test_what_is_written_comes_back():
    facts = friendly()
    assert TableFacts.from_json(facts.to_json(), "table.json") == facts
