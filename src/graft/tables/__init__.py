"""Where vectors live: versioned tables, indexes, spaces, migration, erasure.

Decision: usearch brings a C++ runtime of its own, and where that one is loaded first, pyarrow ends the process at the
first time with a time zone. Whoever imported usearch before pyarrow is told so while there is somebody to tell.
"""

import sys

from graft.core.errors import TableError

_loaded = list(sys.modules)
if "usearch.compiled" in _loaded and "pyarrow.lib" not in _loaded[: _loaded.index("usearch.compiled")]:
    raise TableError(
        "usearch was imported before pyarrow, which then crashes at the first time with a time zone",
        needed="pyarrow loaded first",
        fix="import pyarrow (or graft.tables) above usearch",
    )
