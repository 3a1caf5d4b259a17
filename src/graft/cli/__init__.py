"""The command line: parse, call one function, print.

Exit codes: 0 done, 1 a fault of ours, 2 usage or input, 3 the evidence gate was not met, 130 interrupted.
"""

import signal
import sys
import warnings
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import TextIO

from graft.core.errors import GraftError, TextsCut


class Interrupted(GraftError):
    """Ctrl-C."""

    exit_code = 130


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise Interrupted("interrupted: finished work is kept", fix="run the same command again to continue")


def _warn(
    other: Callable[..., None],
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning of ours as a line; ``other`` shows any other one."""
    if issubclass(category, TextsCut):
        print(f"warning: {message}", file=sys.stderr)
    else:
        other(message, category, filename, lineno, file, line)


def main() -> None:
    """Run ``graft`` and exit with its code."""
    from graft.cli.app import app
    from graft.cli.output import visible_output

    signal.signal(signal.SIGINT, _interrupt)
    warnings.showwarning = partial(_warn, warnings.showwarning)
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
