"""A saved model: write, verify, load, predict."""
