"""Bodies of image sources, each in three parts: a stem, a list of layers, a top."""
