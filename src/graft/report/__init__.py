"""Facts to a page, plots and words: a folder per page, and what they share. Pages are made from ``facts`` alone."""
