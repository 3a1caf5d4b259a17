"""One generation of an embedding table: a plain Delta Lake table, written so that a small change costs little.

Decisions: changed rows are appended and their old versions hidden by deletion vectors (merge-on-read), because the
usual merge rewrites every file that holds one changed row, which for one random row in a hundred is the whole table.
The ``deltalake`` package reads deletion vectors and keeps them in checkpoints but does not write them, so the log
entries are written here, as the Delta protocol describes them, and everything else (checkpoints, vacuum, schema) is
left to it.

Who reads what, without Graft (measured with deltalake 1.6, polars 2.1, duckdb 2.0, pyarrow 26; a test holds it):

| reader | no deletion vector in force | deletion vectors in force |
|---|---|---|
| ``polars.scan_delta`` / ``read_delta`` | right | right |
| ``deltalake.DeltaTable(...).scan()`` as an Arrow stream, into PyArrow, DuckDB, pandas | right | right |
| ``deltalake.QueryBuilder`` | right | right |
| ``DeltaTable.to_pyarrow_table`` / ``to_pyarrow_dataset``, ``scan_delta(use_pyarrow=True)`` | right | refuses |
| ``DeltaTable.count()`` | right | wrong: counts hidden rows too |
| Parquet readers pointed at the folder | wrong after any change: they ignore the log | wrong |

The protocol therefore asks for deletion vectors only while some are in force: tables that were only appended to, small
ones (their few files are rewritten instead), and every table after ``compact()`` are plain tables that all can read.
"""
