"""``python -m graft``: the command, where it is not on the PATH."""

from graft.cli import main

main()
