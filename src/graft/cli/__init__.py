"""The command line: parse, call one function, print.

Exit codes: 0 done, 1 a fault of ours, 2 usage or input, 3 the evidence gate was not met, 130 interrupted.
"""

import signal
import sys
from collections.abc import Callable
from types import FrameType

from graft.core.errors import GraftError


class Interrupted(GraftError):
    """Ctrl-C."""

    exit_code = 130


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise Interrupted("interrupted: finished work is kept", fix="run the same command again to continue")


def main() -> None:
    """Run ``graft`` and exit with its code."""
    from graft.cli.app import app
    from graft.cli.output import visible_output

    signal.signal(signal.SIGINT, _interrupt)
    with visible_output():
        _run(app)


def _run(app: Callable[[], object]) -> None:
    try:
        app()
    except GraftError as error:
        print(f"graft: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output has left; there is nobody to tell.
        sys.exit(0)
    except Exception:
        print("graft: this is a fault of Graft, not of your data; please report it with what follows", file=sys.stderr)
        raise
