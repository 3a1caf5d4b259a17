"""Erasing rows for good: from every version, generation, index and cache, with a receipt."""
