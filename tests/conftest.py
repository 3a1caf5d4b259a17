"""Every test run has a cache of its own and one thread: small models gain nothing from more."""

import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["GRAFT_CACHE"] = tempfile.mkdtemp(prefix="graft-test-cache-")
