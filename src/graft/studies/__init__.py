"""The study: does reuse help on these rows, and which model should ship.

``running`` is the way in, ``record`` what comes out. Nothing is imported here, so reading a record loads no model
library.
"""
