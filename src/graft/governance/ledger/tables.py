"""The three tables of a ledger, as statements are built on them. What created them is in ``migrations``."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

_META = MetaData()

EVENT = Table(
    "ledger_event",
    _META,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, Text) for name in ("time", "kind", "subject", "body", "previous", "hash")),
)
HEAD = Table("ledger_head", _META, Column("id", Integer), Column("count", BigInteger), Column("hash", Text))
SCHEMA = Table("ledger_schema", _META, Column("version", Integer), Column("what", Text))
