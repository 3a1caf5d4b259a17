"""The fast encoder: texts to vectors, in batches that change nothing, in bfloat16 or eight bits."""
