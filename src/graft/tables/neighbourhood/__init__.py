"""Neighbourhoods of an embedding table: neighbours, clusters with names, outliers, near-duplicates, a map."""
