"""The command line: parse, call one function, print.

Exit codes: 0 done, 1 a fault of ours, 2 usage or input, 3 the evidence gate was not met, 130 interrupted.
"""

import sys


def main() -> None:
    """Run ``graft`` and exit with its code."""
    from graft.cli.app import app
    from graft.core.errors import GraftError

    try:
        app(standalone_mode=True)
    except GraftError as error:
        print(f"graft: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("\ngraft: interrupted; finished work is kept, the same command continues", file=sys.stderr)
        sys.exit(130)
