"""Weights on disk: which files hold them, safetensors checked before they are read, pickles converted safely."""
